"""The sandbox network as a whole: orders in, suppliers' documents out, nothing lost, nothing doubled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.canonical import ConfirmationStatus, ConfirmationType, Money, PurchaseOrder
from integrations.formats.cxml.envelope import (
    Header,
    Status,
    open_envelope,
    read_response,
    write_request,
)
from integrations.formats.cxml.orders import Operation, write_order
from integrations.sandbox.network.server import running
from integrations.sandbox.network.settings import NetworkSettings, parse_buyers
from tests.functional.portal_inbox import Inbox, listening, until
from tests.unit.cxml_documents import SENT_AT, an_order

BUYERS = {"AN-BUYER": "first secret", "AN-OTHER": "second secret"}
FAR = date(2099, 1, 1)


def lasting_order(**changes: object) -> PurchaseOrder:
    """An order whose day of need never lies in the past."""
    order = an_order(**changes)
    lines = tuple(line.model_copy(update={"need_by": FAR}) for line in order.lines)
    return order.model_copy(update={"lines": lines})


def header(message_id: str = "m1@portal", buyer: str = "AN-BUYER") -> Header:
    """The envelope of a buyer's request."""
    me, supplier = ("NetworkID", buyer), ("NetworkID", "AN-SUPPLIER")
    return Header(message_id, SENT_AT, from_=me, to=supplier, sender=me, secret=BUYERS[buyer])


@dataclass
class Network:
    """The running sandbox with the portal's inbox beside it."""

    url: str
    inbox: Inbox

    def post(self, raw: bytes) -> httpx.Response:
        return httpx.post(f"{self.url}/cxml", content=raw, trust_env=False, timeout=10)

    def order(
        self,
        order: PurchaseOrder | None = None,
        *,
        message_id: str = "m1@portal",
        buyer: str = "AN-BUYER",
        operation: Operation = "new",
    ) -> Status:
        payload = write_order(order or lasting_order(), operation=operation)
        return read_response(self.post(write_request(header(message_id, buyer), payload)).content)

    def script(self, **rule: object) -> None:
        httpx.post(f"{self.url}/sandbox/behavior", json=rule, trust_env=False).raise_for_status()

    def answer(self, **wish: object) -> httpx.Response:
        return httpx.post(f"{self.url}/sandbox/answer", json=wish, trust_env=False)

    def listed(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/sandbox/documents", trust_env=False).json()
        return found

    def settled(self) -> list[dict[str, Any]]:
        """The documents sent, once none is waiting."""
        until(lambda: not self.waiting(), lambda: f"still waiting: {self.waiting()}")
        documents: list[dict[str, Any]] = self.listed()["sent_documents"]
        return documents

    def waiting(self) -> list[dict[str, Any]]:
        return [row for row in self.listed()["sent_documents"] if row["state"] == "waiting"]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def start(tmp_path: Path, inbox: Inbox) -> Iterator[Callable[..., Network]]:
    """Starts the network; keywords change its settings."""
    with listening(inbox) as portal:
        open_networks = []

        def begin(**changes: Any) -> Network:
            settings = {"portal_url": portal, "delay_seconds": 0.0, **changes}
            manager = running(NetworkSettings(tmp_path, buyers=BUYERS, secret="to the portal", **settings))
            network = Network(manager.__enter__(), inbox)
            open_networks.append(manager)
            return network

        yield begin
        for manager in open_networks:
            manager.__exit__(None, None, None)


@pytest.fixture
def network(start: Callable[..., Network]) -> Network:
    return start()


def test_an_order_is_confirmed_and_shipped(network: Network) -> None:
    assert network.order().code == 201
    network.inbox.wait_for(2)
    (confirmation,) = network.inbox.confirmations()
    assert confirmation.type is ConfirmationType.ACCEPT
    assert (confirmation.order_number, confirmation.order_message_id) == ("PO-26-000001", "m1@portal")
    assert [part.promised_on for line in confirmation.lines for part in line.parts] == [FAR, FAR]
    (notice,) = network.inbox.ship_notices()
    assert notice.carrier == "UPS Ground"
    assert notice.tracking.startswith("1Z")
    first, second = notice.lines
    assert (first.quantity, first.uom, first.supplier_part) == (Decimal(40), "BX", "SP-100")
    assert first.sscc == second.sscc
    assert first.packages[0].sscc != second.packages[0].sscc
    assert first.lots[0].lot
    assert first.lots[0].expires_on is not None
    assert [row["state"] for row in network.settled()] == ["sent", "sent"]


def test_the_documents_come_from_the_network_with_its_secret(network: Network) -> None:
    network.order()
    network.inbox.wait_for(2)
    confirmation, ship_notice = (open_envelope(raw) for raw in network.inbox.received)
    assert (confirmation.kind, ship_notice.kind) == ("ConfirmationRequest", "ShipNoticeRequest")
    assert confirmation.message_id != ship_notice.message_id
    for envelope in (confirmation, ship_notice):
        assert envelope.sender == ("networkid", "AN-NETWORK")
        assert envelope.from_ == ("networkid", "AN-SUPPLIER")
        assert envelope.to == ("networkid", "AN-BUYER")
        assert envelope.secret == "to the portal"


def test_the_same_message_again_is_no_second_order(network: Network) -> None:
    assert [network.order().code for _ in range(3)] == [201, 200, 200]
    network.inbox.wait_for(2)
    assert len(network.settled()) == 2
    (message,) = network.listed()["received_messages"]
    assert message["times"] == 3


def test_two_buyers_may_use_the_same_numbers(network: Network) -> None:
    assert network.order(buyer="AN-BUYER").code == 201
    assert network.order(buyer="AN-OTHER").code == 201
    network.inbox.wait_for(4)
    assert sorted(open_envelope(raw).to[1] for raw in network.inbox.received) == [
        "AN-BUYER", "AN-BUYER", "AN-OTHER", "AN-OTHER",
    ]  # fmt: skip
    assert network.order(message_id="m2@portal").code == 409


def parts_of(network: Network) -> list[Any]:
    network.inbox.wait_for(1)
    (confirmation,) = network.inbox.confirmations()
    return [part for line in confirmation.lines for part in line.parts]


@pytest.mark.parametrize(
    ("effect", "value", "expected"),
    [
        ("backorder", "14", {"status": ConfirmationStatus.BACKORDERED, "promised_on": FAR + timedelta(14)}),
        (
            "price_change",
            "8.10",
            {
                "status": ConfirmationStatus.CHANGED,
                "unit_price": Money(amount=Decimal("8.10"), currency="USD"),
            },
        ),
        ("date_change", "7", {"status": ConfirmationStatus.CHANGED, "promised_on": FAR + timedelta(7)}),
        ("substitute", "SP-9", {"status": ConfirmationStatus.CHANGED, "substitute_part": "SP-9"}),
        ("reject_line", "Recalled", {"status": ConfirmationStatus.REJECTED, "comments": "Recalled"}),
    ],
)
def test_scripted_answers_to_a_line(
    network: Network, effect: str, value: str, expected: dict[str, object]
) -> None:
    network.script(effect=effect, value=value, item="GLOVE-NIT-M")
    network.order()
    for part in parts_of(network):
        assert {name: getattr(part, name) for name in expected} == expected
        assert part.quantity == Decimal(40)


def test_a_part_is_confirmed_and_only_that_is_shipped(network: Network) -> None:
    network.script(effect="partial", value="15", supplier="17300001")
    network.order()
    parts = parts_of(network)
    assert [(part.status.value, part.quantity) for part in parts[:2]] == [
        ("accepted", Decimal(15)),
        ("rejected", Decimal(25)),
    ]
    network.inbox.wait_for(2)
    assert [line.quantity for line in network.inbox.ship_notices()[0].lines] == [Decimal(15), Decimal(15)]


def test_a_whole_order_can_be_rejected_by_its_supplier(network: Network) -> None:
    network.script(effect="reject", value="Account on hold", request="confirm")
    assert network.order().code == 201
    network.inbox.wait_for(1)
    (confirmation,) = network.inbox.confirmations()
    assert (confirmation.type, confirmation.comments) == (ConfirmationType.REJECT, "Account on hold")
    assert len(network.settled()) == 1


def test_a_rule_for_another_supplier_does_nothing(network: Network) -> None:
    network.script(effect="reject_line", supplier="someone else")
    network.order()
    assert {part.status for part in parts_of(network)} == {ConfirmationStatus.ACCEPTED}


def test_a_duplicate_comes_twice_alike_and_once_under_a_new_message_id(network: Network) -> None:
    network.script(effect="duplicate", request="confirm")
    network.order()
    network.inbox.wait_for(4)
    ids = [open_envelope(raw).message_id for raw in network.inbox.received[:3]]
    assert ids[0] == ids[1] != ids[2]
    assert len({confirmation.number for confirmation in network.inbox.confirmations()}) == 1


def test_the_ship_notice_can_come_before_the_confirmation(network: Network) -> None:
    network.script(effect="out_of_order")
    network.order()
    network.inbox.wait_for(2)
    assert [document.kind for document in network.inbox.documents()] == ["ship_notice", "confirmation"]


def test_a_newer_confirmation_can_come_before_the_older(network: Network) -> None:
    network.script(effect="out_of_order", request="confirm")
    network.order()
    network.inbox.wait_for(3)
    newer, older = network.inbox.confirmations()
    assert (newer.operation, older.operation) == ("update", "new")
    assert newer.number == older.number
    assert newer.noticed_at > older.noticed_at


def test_broken_documents_are_sent_once_and_refused(network: Network) -> None:
    network.script(effect="malformed", request="confirm")
    network.order()
    network.inbox.wait_for(3)
    assert network.inbox.confirmations() == []
    assert [(row["kind"], row["state"], row["code"]) for row in network.settled()] == [
        ("confirm", "refused", 406),
        ("confirm", "sent", 201),
        ("ship", "sent", 201),
    ]


def test_a_supplier_can_stay_silent(network: Network) -> None:
    network.script(effect="drop_before", request="confirm")
    assert network.order().code == 201
    assert network.listed()["sent_documents"] == []


def test_a_portal_that_fails_is_asked_again_and_order_is_kept(network: Network) -> None:
    network.inbox.codes += [500, 401]
    network.order()
    network.inbox.wait_for(4)
    assert [open_envelope(raw).kind for raw in network.inbox.received] == [
        "ConfirmationRequest",
        "ConfirmationRequest",
        "ConfirmationRequest",
        "ShipNoticeRequest",
    ]
    assert len({open_envelope(raw).message_id for raw in network.inbox.received}) == 2
    assert [row["tries"] for row in network.settled()] == [3, 1]


def test_a_newer_version_replaces_what_was_not_sent_yet(start: Callable[..., Network]) -> None:
    network = start(delay_seconds=3600.0)
    network.order()
    assert network.order(lasting_order(version=2), message_id="m2@portal", operation="update").code == 201
    numbers = [row["number"] for row in network.waiting()]
    assert numbers == ["OC-PO-26-000001-2", "SN-PO-26-000001-2"]
    assert network.order(message_id="m3@portal").text.endswith("is newer and stays")
    assert [row["version"] for row in network.listed()["orders"]] == [2]


def test_a_newer_version_ships_only_what_is_left(network: Network) -> None:
    network.order()
    network.inbox.wait_for(2)
    order = lasting_order(version=2)
    more = order.lines[0].model_copy(update={"quantity": Decimal(50)})
    network.order(
        order.model_copy(update={"lines": (more, order.lines[1])}), message_id="m2@portal", operation="update"
    )
    network.inbox.wait_for(4)
    assert [(line.line_number, line.quantity) for line in network.inbox.ship_notices()[1].lines] == [
        (1, Decimal(10))
    ]


def test_a_withdrawn_order_is_not_answered(start: Callable[..., Network]) -> None:
    network = start(delay_seconds=3600.0)
    network.order()
    assert network.order(message_id="m2@portal", operation="delete").code == 201
    assert network.waiting() == []
    assert network.answer(order="PO-26-000001", what="ship").status_code == 404


def test_answers_by_hand(start: Callable[..., Network]) -> None:
    network = start(automatic=False)
    network.order()
    assert network.listed()["sent_documents"] == []
    assert network.answer(order="PO-26-000001", what="confirm").status_code == 202
    assert network.answer(order="PO-26-000001", what="ship", quantities={"1": "15"}).status_code == 202
    assert network.answer(order="PO-26-000001", what="ship").status_code == 202
    network.inbox.wait_for(3)
    partial, rest = network.inbox.ship_notices()
    assert [(line.line_number, line.quantity) for line in partial.lines] == [(1, Decimal(15))]
    assert [(line.line_number, line.quantity) for line in rest.lines] == [(1, Decimal(25)), (2, Decimal(40))]
    assert partial.number != rest.number
    assert network.answer(order="PO-26-000001", what="ship").json() == {"message_ids": []}


def test_a_backordered_line_ships_later_by_hand(network: Network) -> None:
    network.script(effect="backorder", value="3")
    network.order()
    network.inbox.wait_for(1)
    assert len(network.settled()) == 1
    network.answer(order="PO-26-000001", what="ship")
    network.inbox.wait_for(2)
    assert [line.quantity for line in network.inbox.ship_notices()[0].lines] == [Decimal(40), Decimal(40)]


@pytest.mark.parametrize(
    ("wish", "status", "says"),
    [
        ({"order": "PO-9", "what": "ship"}, 404, "order PO-9 is not known here"),
        ({"order": "PO-9", "what": "dance"}, 400, "what must be confirm or ship"),
        ({"what": "ship"}, 400, "send a JSON object"),
        ({"order": "PO-9", "what": "ship", "quantities": {"one": 1}}, 400, "quantities must be"),
        ({"order": "PO-9", "what": "ship", "quantities": {"1": "x"}}, 400, "quantities must be"),
        ({"order": "PO-9", "what": "ship", "quantities": 7}, 400, "quantities must be"),
    ],
)
def test_wrong_wishes_get_a_sentence(
    network: Network, wish: dict[str, object], status: int, says: str
) -> None:
    response = network.answer(**wish)
    assert response.status_code == status
    assert says in response.json()["error"]


GOOD = write_request(header(), write_order(an_order(), operation="new"))


@pytest.mark.parametrize(
    ("raw", "code", "says"),
    [
        (b"", 406, "empty"),
        (b"hello", 406, "not well-formed"),
        (b'<!DOCTYPE cXML [<!ENTITY a "b">]><cXML>&a;</cXML>', 406, "entities are refused"),
        (GOOD[:-30], 406, "not well-formed"),
        (GOOD.replace(b"first secret", b"guess"), 401, "wrong"),
        (GOOD.replace(b"AN-BUYER", b"AN-STRANGER"), 401, "wrong"),
        (GOOD.replace(b"OrderRequest>", b"QuoteRequest>"), 450, "not taken"),
        (GOOD.replace(b'lineNumber="2"', b'lineNumber="1"'), 406, "same lineNumber"),
        (GOOD.replace(b'quantity="40"', b'quantity="0"'), 406, "no quantity"),
        (GOOD.replace(b'quantity="40"', b'quantity="many"'), 406, "not a usable number"),
        (GOOD.replace(b"<Total>", b"<Sum>").replace(b"</Total>", b"</Sum>"), 406, "no Total"),
        (GOOD.replace(b"PO-26-000001", b"PO-26-0000012345"), 406, "at most 12 characters"),
    ],
)
def test_documents_that_are_no_order(network: Network, raw: bytes, code: int, says: str) -> None:
    status = read_response(network.post(raw).content)
    assert status.code == code
    assert says in status.text
    assert network.listed()["orders"] == []


def test_a_document_over_the_limit_is_refused(network: Network) -> None:
    assert network.post(b"<cXML>" + b" " * 10_000_001).status_code == 413


def test_the_control_page_and_health(network: Network) -> None:
    page = httpx.get(f"{network.url}/sandbox/", trust_env=False)
    assert page.status_code == 200
    assert "<h1>Sandbox procurement network</h1>" in page.text
    assert httpx.get(f"{network.url}/sandbox/health", trust_env=False).json() == {"status": "ok"}


@pytest.mark.parametrize("text", ["AN-1", "=secret", "AN-1=", "AN-1=a,AN-2"])
def test_buyers_are_identity_and_secret(text: str) -> None:
    with pytest.raises(ValueError, match="identity=secret"):
        parse_buyers(text)
    assert parse_buyers(" AN-1=a=b , AN-2=c,") == {"AN-1": "a=b", "AN-2": "c"}
