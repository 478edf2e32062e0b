"""Every procurement network adapter keeps its contract, over a real server on this machine."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable
from integrations.formats.cxml.envelope import read_response, write_response
from integrations.http import Connection
from integrations.network.contract import Network
from integrations.registry import NETWORKS
from integrations.sandbox.network.server import running
from integrations.sandbox.network.settings import NetworkSettings
from portal.embedded import free_port
from tests.contracts.scripted import Script, scripted
from tests.unit.cxml_documents import SENT_AT, an_order

SECRET = "quiet <word> & more"
LOGIN = {"sender_identity": "AN-BUYER", "from_identity": "AN-BUYER"}
MESSAGE = "PO-26-000001.1@portal"


@dataclass(frozen=True)
class Partner:
    """A running sandbox and how to reach it."""

    url: str
    connection: Connection

    def documents(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/sandbox/documents", trust_env=False).json()
        return found

    def script(self, **rule: object) -> None:
        httpx.post(f"{self.url}/sandbox/behavior", json=rule, trust_env=False).raise_for_status()


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Partner]:
    settings = NetworkSettings(tmp_path, "", {"AN-BUYER": SECRET}, "portal secret", automatic=False)
    with running(settings) as url:
        yield Partner(url, connection(url))


def connection(url: str) -> Connection:
    return Connection(
        base_url=f"{url}/cxml",
        secret=SECRET,
        settings=LOGIN,
        allowed_hosts=frozenset({"127.0.0.1"}),
        timeout_seconds=5.0,
    )


@pytest.fixture(params=sorted(NETWORKS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def send(kind: str, reach: Connection, **changes: object) -> str:
    adapter = NETWORKS[kind](reach)
    try:
        return adapter.send_purchase_order(an_order(**changes), message_id=MESSAGE, sent_at=SENT_AT).reference
    finally:
        adapter.close()


def failure(kind: str, reach: Connection, error: type[PartnerError], **changes: object) -> PartnerError:
    with pytest.raises(error) as caught:
        send(kind, reach, **changes)
    assert type(caught.value) is error
    return caught.value


def test_an_order_arrives_as_it_was(kind: str, partner: Partner) -> None:
    assert send(kind, partner.connection)
    (order,) = partner.documents()["orders"]
    expected = an_order().model_dump(mode="json")
    assert order["document"] == expected
    assert (order["buyer"], order["message_id"]) == ("AN-BUYER", MESSAGE)


def test_a_repeat_is_harmless(kind: str, partner: Partner) -> None:
    for _ in range(3):
        send(kind, partner.connection)
    documents = partner.documents()
    assert len(documents["orders"]) == 1
    assert [message["times"] for message in documents["received_messages"]] == [3]


def test_a_later_version_updates_the_order(kind: str, partner: Partner) -> None:
    send(kind, partner.connection)
    adapter = NETWORKS[kind](partner.connection)
    adapter.send_purchase_order(
        an_order(version=2, comments="Dock 4", replaces=MESSAGE), message_id="PO.2@portal", sent_at=SENT_AT
    )
    assert b'type="update"' in adapter.wire[-1].request_body
    assert f'<DocumentReference payloadID="{MESSAGE}"/>'.encode() in adapter.wire[-1].request_body
    adapter.close()
    (order,) = partner.documents()["orders"]
    assert (order["version"], order["document"]["comments"]) == (2, "Dock 4")


def test_a_cancelled_order_is_withdrawn(kind: str, partner: Partner) -> None:
    send(kind, partner.connection)
    adapter = NETWORKS[kind](partner.connection)
    cancelled = an_order(version=2, replaces=MESSAGE, is_cancelled=True)
    adapter.send_purchase_order(cancelled, message_id="PO.2@portal", sent_at=SENT_AT)
    assert b'type="delete"' in adapter.wire[-1].request_body
    adapter.close()
    assert partner.documents()["received_messages"][-1]["operation"] == "delete"


def test_a_time_out_after_the_effect_is_ambiguous_and_the_repeat_is_harmless(
    kind: str, partner: Partner
) -> None:
    partner.script(effect="timeout_after", value="30")
    failure(kind, replace(partner.connection, timeout_seconds=0.5), Ambiguous)
    send(kind, partner.connection)
    assert len(partner.documents()["orders"]) == 1


@pytest.mark.parametrize("effect", ["drop_before", "malformed"])
def test_no_whole_answer_is_ambiguous(kind: str, partner: Partner, effect: str) -> None:
    partner.script(effect=effect)
    failure(kind, partner.connection, Ambiguous)
    send(kind, partner.connection)
    assert len(partner.documents()["orders"]) == 1


@pytest.mark.parametrize("effect", ["error_before", "error_after"])
def test_a_server_error_is_retryable(kind: str, partner: Partner, effect: str) -> None:
    partner.script(effect=effect)
    failure(kind, partner.connection, Retryable)
    send(kind, partner.connection)
    assert len(partner.documents()["orders"]) == 1


def test_too_many_requests_is_retryable_with_its_pause(kind: str, partner: Partner) -> None:
    partner.script(effect="too_many", value="7")
    error = failure(kind, partner.connection, Retryable)
    assert isinstance(error, Retryable)
    assert error.retry_after == 7


def test_nobody_listening_is_retryable(kind: str) -> None:
    failure(kind, connection(f"http://127.0.0.1:{free_port()}"), Retryable)


def test_a_refusal_keeps_the_partners_words(kind: str, partner: Partner) -> None:
    partner.script(effect="reject", value="Ship-to 1010 is not set up")
    error = failure(kind, partner.connection, Rejected)
    assert "Ship-to 1010 is not set up" in error.words
    assert error.code == "400"
    assert partner.documents()["orders"] == []


def test_an_order_the_network_finds_incomplete_is_rejected(kind: str, partner: Partner) -> None:
    lines = tuple(line.model_copy(update={"supplier_part": ""}) for line in an_order().lines)
    error = failure(kind, partner.connection, Rejected, lines=lines)
    assert "no SupplierPartID" in error.words


def test_a_supplier_without_network_id_is_rejected_before_sending(kind: str, partner: Partner) -> None:
    error = failure(kind, partner.connection, Rejected, supplier_network_id="")
    assert "Supplier 17300001 has no network id" in str(error)


def test_a_wrong_secret_is_misconfigured(kind: str, partner: Partner) -> None:
    failure(kind, replace(partner.connection, secret="wrong"), Misconfigured)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"secret": ""}, "shared secret"),
        ({"settings": {"from_identity": "A"}}, "sender_identity"),
        ({"settings": {"sender_identity": "A", "from_identity": " "}}, "from_identity"),
        ({"allowed_hosts": frozenset()}, "not among the partner hosts"),
    ],
)
def test_a_missing_setting_is_misconfigured(kind: str, changes: dict[str, Any], says: str) -> None:
    error = failure(kind, replace(connection("http://127.0.0.1:9"), **changes), Misconfigured)
    assert says in str(error)


def test_what_is_recorded_shows_no_secret(kind: str, partner: Partner) -> None:
    adapter = NETWORKS[kind](partner.connection)
    adapter.send_purchase_order(an_order(), message_id=MESSAGE, sent_at=SENT_AT)
    adapter.close()
    (exchange,) = adapter.wire
    assert b"<SharedSecret>***</SharedSecret>" in exchange.request_body
    assert b"quiet" not in exchange.request_body
    assert exchange.status == 200
    assert read_response(exchange.response_body).code == 201


def test_check_says_whether_the_partner_can_be_reached_and_takes_the_login(
    kind: str, partner: Partner
) -> None:
    health = checked(kind, partner.connection)
    assert (health.reachable, health.login_ok) == (True, True)
    wrong = checked(kind, replace(partner.connection, secret="wrong"))
    assert (wrong.reachable, wrong.login_ok) == (True, False)
    assert "401" in wrong.detail
    gone = checked(kind, connection("http://127.0.0.1:9"))
    assert (gone.reachable, gone.login_ok) == (False, False)
    assert checked(kind, replace(partner.connection, settings={})).login_ok is False


def checked(kind: str, reach: Connection) -> Any:
    adapter = NETWORKS[kind](reach)
    try:
        return adapter.check()
    finally:
        adapter.close()


def answer(code: int, text: str = "Their words") -> bytes:
    return write_response(code, text, message_id="answer@network", sent_at=SENT_AT)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((code, None) for code in (200, 201, 204, 211, 280, 281)),
        *((code, Misconfigured) for code in (401, 402, 403)),
        *((code, Rejected) for code in (302, 400, 406, 409, 412, 417, 450, 475, 476, 477, 499)),
        *((code, Retryable) for code in (408, 429, 500, 550, 551, 560, 599)),
    ],
)
def test_each_status_code(kind: str, code: int, error: type[PartnerError] | None) -> None:
    with scripted(Script(body=answer(code))) as url:
        if error is None:
            assert send(kind, connection(url)) == "answer@network"
            return
        told = failure(kind, connection(url), error)
    assert "Their words" in told.words
    assert told.code == str(code)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("Duplicate payloadID", True),
        ("The document was already received", True),
        ("Order PO-1 exists under another payloadID", False),
        ("Order is already closed", False),
    ],
)
def test_a_conflict_is_success_only_when_it_names_the_repeat(kind: str, text: str, accepted: bool) -> None:
    with scripted(Script(body=answer(409, text))) as url:
        if accepted:
            send(kind, connection(url))
        else:
            failure(kind, connection(url), Rejected)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Script(status=401, body=b"login"), Misconfigured),
        (Script(status=403), Misconfigured),
        (Script(status=302, headers={"Location": "https://elsewhere.test/"}), Misconfigured),
        (Script(status=404, body=b"<html>"), Misconfigured),
        (Script(status=405), Misconfigured),
        (Script(status=400, body=b"bad"), Rejected),
        (Script(status=413), Rejected),
        (Script(status=503, headers={"Retry-After": "3"}), Retryable),
        (Script(status=502, body=b"<html>proxy"), Retryable),
        (Script(status=500, body=answer(200)), Retryable),
        (Script(status=500, body=answer(406)), Rejected),
        (Script(status=200), Ambiguous),
        (Script(status=200, body=b"<html>Welcome</html>"), Ambiguous),
        (Script(status=200, body=answer(200)[:-9]), Ambiguous),
        (Script(status=200, body=answer(200), cut=20), Ambiguous),
        (Script(status=200, body=answer(200).replace(b'code="200"', b'code="fine"')), Ambiguous),
        (Script(status=200, body=b'<!DOCTYPE cXML [<!ENTITY a "b">]><cXML>&a;</cXML>'), Ambiguous),
    ],
)
def test_answers_that_are_no_good_document(kind: str, script: Script, error: type[PartnerError]) -> None:
    with scripted(script) as url:
        failure(kind, connection(url), error)


def test_an_answer_that_drips_is_cut_off_at_the_time_limit(kind: str) -> None:
    slowly = Script(body=answer(200), pause_seconds=0.05)
    with scripted(slowly) as url:
        error = failure(kind, replace(connection(url), timeout_seconds=0.5), Ambiguous)
    assert "longer than allowed" in error.words


def test_unknown_parts_of_an_answer_are_ignored(kind: str) -> None:
    odd = (
        answer(200)
        .replace(b"<Response>", b'<Response Id="x" new="1">')
        .replace(b"</Status>", b"<N/></Status>")
    )
    with scripted(Script(body=odd)) as url:
        assert send(kind, connection(url)) == "answer@network"


def test_the_address_is_used_as_it_stands_or_with_the_order_path(kind: str) -> None:
    script = Script(body=answer(200))
    with scripted(script) as url:
        send(kind, connection(url))
        send(kind, replace(connection(url), settings={**LOGIN, "order_path": "orders"}))
    assert [path for path, _ in script.requests] == ["/cxml", "/cxml/orders"]


def test_the_adapter_has_the_contracts_signatures(kind: str) -> None:
    adapter: Any = NETWORKS[kind]
    for name in ("check", "send_purchase_order", "close"):
        promised = inspect.signature(getattr(Network, name), eval_str=True)
        assert inspect.signature(getattr(adapter, name), eval_str=True) == promised
