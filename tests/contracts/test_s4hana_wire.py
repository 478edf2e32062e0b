"""What the S/4HANA adapter puts on the wire, and what it makes of S/4HANA's answers."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask import Flask, Response, request

from integrations.canonical import AccountAssignment
from integrations.erp.contract import MasterKind
from integrations.erp.s4hana import S4Hana
from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable
from integrations.http import Connection
from integrations.sandbox.serving import server
from tests import edmx
from tests.documents import order_line, purchase_order, receipt, receipt_line
from tests.erp_sandbox import SETTINGS, RunningErp, running_erp, write_master
from tests.samples import needs_samples

Answering = Callable[[], Response]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningErp]:
    with running_erp(tmp_path / "data", write_master(tmp_path / "master")) as running:
        yield running


@pytest.fixture
def erp(sandbox: RunningErp) -> Iterator[S4Hana]:
    with sandbox.adapter() as adapter:
        yield adapter


@contextmanager
def answering(answer: Answering) -> Iterator[S4Hana]:
    """An adapter whose partner gives a CSRF token to every GET and `answer` to every POST."""
    app = Flask(__name__)

    @app.route("/<path:_path>", methods=["GET", "POST"])
    def everything(_path: str) -> Response:
        if request.method == "POST":
            return answer()
        return Response('{"d":{"results":[]}}', headers={"x-csrf-token": "t"}, mimetype="application/json")

    listening = server(app, "127.0.0.1", 0)
    thread = Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.server_port}"
    adapter = S4Hana(
        Connection(base_url=url, settings=SETTINGS, allowed_hosts=frozenset({"127.0.0.1"}), timeout_seconds=5)
    )
    try:
        yield adapter
    finally:
        adapter.close()
        listening.shutdown()
        thread.join()
        listening.server_close()


def posted_bodies(erp: S4Hana) -> list[dict[str, Any]]:
    return [json.loads(one.request_body) for one in erp.wire if one.method == "POST"]


@needs_samples
def test_the_bytes_sent_fit_the_real_metadata(erp: S4Hana) -> None:
    shares = tuple(
        AccountAssignment(cost_center=center, gl_account="0065100000", quantity=Decimal(2))
        for center in ("CC-ER-100", "CC-OR-100")
    )
    lines = (
        order_line(assignments=shares),
        order_line(line_number=2, item="LOTION-1", uom="EA"),
        order_line(line_number=3, item="PUMP-1", uom="EA"),
    )
    number = erp.post_purchase_order(purchase_order(lines=lines), ask_first=True).number
    received = (
        receipt_line(),
        receipt_line(line_number=2, item="LOTION-1", uom="EA", lot="L1", expires_on=date(2030, 1, 1)),
        receipt_line(line_number=3, item="PUMP-1", uom="EA", serials=("S1", "S2")),
    )
    erp.post_receipt(receipt(number, lines=received), ask_first=True)
    order, document = posted_bodies(erp)
    assert edmx.sample("API_PURCHASEORDER_PROCESS_SRV").complaints(order, "A_PurchaseOrderType") == []
    assert edmx.sample("API_MATERIAL_DOCUMENT_SRV").complaints(document, "A_MaterialDocumentHeaderType") == []


@needs_samples
def test_every_property_asked_for_exists_in_the_real_metadata(erp: S4Hana) -> None:
    for kind in MasterKind:
        list(erp.read(kind, changed_since=datetime(2020, 1, 1, tzinfo=UTC)))
    checked = set()
    for exchange in erp.wire:
        service, entity_set = unquote(urlsplit(exchange.url).path).split("/")[-2:]
        if not edmx.sample_path(service).exists():
            continue
        metadata, options = edmx.sample(service), parse_qs(urlsplit(exchange.url).query)
        entity_type = metadata.sets[entity_set]
        known = {*metadata.properties[entity_type], *metadata.navigations[entity_type]}
        asked = {
            path.split("/")[0]
            for name in ("$select", "$expand", "$orderby")
            for path in options.get(name, [""])[0].split(",")
        }
        assert asked - {""} <= known, exchange.url
        checked.add(service)
    assert checked == {"API_PLANT_SRV", "API_COSTCENTER_SRV", "API_PRODUCT_SRV"}


def test_queries_hold_no_plus_and_name_client_and_language(sandbox: RunningErp) -> None:
    with sandbox.adapter(settings={**SETTINGS, "client": "100", "language": "EN"}) as erp:
        erp.post_purchase_order(purchase_order("A+B 'C'"), ask_first=True)
    asked = [
        exchange.url for exchange in erp.wire if "%24filter" in exchange.url or "$filter" in exchange.url
    ]
    assert len(asked) == 2
    assert all("+" not in url and " " not in url for url in asked)
    assert all("sap-client=100" in exchange.url for exchange in erp.wire)
    assert "A%2BB%20''C''" in asked[0]
    assert sandbox.documents()["purchase_orders"][0]["reference"] == "A+B 'C'"


def test_one_token_serves_many_documents_and_a_stale_one_is_fetched_anew(
    sandbox: RunningErp, erp: S4Hana
) -> None:
    for number in ("MR26-0000001", "MR26-0000002"):
        erp.post_purchase_order(purchase_order(number), ask_first=False)
    assert [one.method for one in erp.wire] == ["GET", "POST", "POST"]
    sandbox.end_sessions()
    erp.post_purchase_order(purchase_order("MR26-0000003"), ask_first=False)
    assert [one.status for one in erp.wire[3:]] == [403, 200, 201]
    assert len(sandbox.documents()["purchase_orders"]) == 3


def test_repeatability_headers_are_stable_for_the_same_content_only(sandbox: RunningErp) -> None:
    keys = []
    for order in (purchase_order(), purchase_order(), purchase_order("MR26-0000002")):
        with sandbox.adapter() as erp:
            erp.post_purchase_order(order, ask_first=False)
            sent = erp.wire[-1].request_headers
            keys.append((sent["requestid"], sent["repeatabilitycreation"]))
    assert all(len(key) == 32 for key, _ in keys)
    assert keys[0][0] != keys[2][0]
    if keys[0][1] == keys[1][1]:
        assert keys[0][0] == keys[1][0]
    with sandbox.adapter(settings={**SETTINGS, "repeatability": "no"}) as erp:
        erp.post_purchase_order(purchase_order("MR26-0000004"), ask_first=False)
        assert "requestid" not in erp.wire[-1].request_headers


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (400, {}, Rejected),
        (404, {}, Misconfigured),
        (409, {}, Rejected),
        (422, {}, Rejected),
        (401, {}, Misconfigured),
        (403, {}, Misconfigured),
        (302, {"Location": "/login"}, Misconfigured),
        (408, {}, Retryable),
        (429, {}, Retryable),
        (503, {"Retry-After": "9"}, Retryable),
        (503, {}, Ambiguous),
        (500, {}, Ambiguous),
        (502, {}, Ambiguous),
        (504, {}, Ambiguous),
    ],
)
def test_every_status_has_its_class(status: int, headers: dict[str, str], error: type[PartnerError]) -> None:
    with answering(lambda: Response("trouble", status, headers, mimetype="text/plain")) as erp:
        with pytest.raises(error) as caught:
            erp.post_purchase_order(purchase_order(), ask_first=False)
        assert type(caught.value) is error
        assert caught.value.words == "trouble"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>welcome</html>",
        b'{"d":{"PurchaseOrder":"45000',
        b'{"d":{}}',
        b'{"d":{"PurchaseOrder":45}}',
        b'{"d":{"PurchaseOrder":""}}',
        b"\xff\xfe",
        b"[]",
    ],
)
def test_a_success_without_a_number_is_ambiguous(body: bytes) -> None:
    with answering(lambda: Response(body, 201, mimetype="application/json")) as erp, pytest.raises(Ambiguous):
        erp.post_purchase_order(purchase_order(), ask_first=False)


def test_unknown_extra_fields_of_an_answer_are_ignored() -> None:
    content = {"PurchaseOrder": "4500000001", "YY1_Field": {"x": [1]}, "to_New": {"results": []}}
    with answering(lambda: Response(json.dumps({"d": content, "more": 1}), 201)) as erp:
        assert erp.post_purchase_order(purchase_order(), ask_first=False).number == "4500000001"


def test_an_answer_that_exceeds_the_size_limit_is_ambiguous() -> None:
    with answering(lambda: Response(b" " * 20_000_001, 201)) as erp, pytest.raises(Ambiguous):
        erp.post_purchase_order(purchase_order(), ask_first=False)


def test_an_outdated_request_id_means_that_it_was_done_before() -> None:
    error = {"error": {"code": "/IWBEP/CM_COS/005", "message": {"value": "RequestID is outdated"}}}
    with answering(lambda: Response(json.dumps(error), 400)) as erp:
        with pytest.raises(Ambiguous) as caught:
            erp.post_purchase_order(purchase_order(), ask_first=False)
        assert caught.value.words == "RequestID is outdated"


def test_a_partner_that_always_wants_a_token_is_misconfigured() -> None:
    with answering(lambda: Response("no", 403, {"x-csrf-token": "Required"})) as erp:
        with pytest.raises(Misconfigured, match="session cookie"):
            erp.post_purchase_order(purchase_order(), ask_first=False)
        assert [one.method for one in erp.wire] == ["GET", "POST", "GET", "POST"]


REFUSALS = [
    (purchase_order(supplier="404"), "06/321", "Supplier 404 does not exist"),
    (purchase_order(supplier="17300003"), "06/024", "Supplier 17300003 is blocked for purchasing"),
    (purchase_order(facility="9999"), "M3/305", "Item 1: Plant 9999 does not exist"),
    (purchase_order(location="OR01"), "M3/351", "Item 1: Storage location OR01 does not exist in plant 1010"),
    (purchase_order(lines=(order_line(item="NOPE"),)), "M3/305", "Item 1: Material NOPE does not exist"),
    (purchase_order(lines=(order_line(item="GONE-1", uom="EA"),)), "ME/573", "status: Obsolete material"),
    (purchase_order(lines=(order_line(uom="PAL"),)), "M3/421", "Unit of measure PAL is not defined"),
]


@pytest.mark.parametrize(("order", "code", "words"), REFUSALS)
def test_business_refusals_keep_code_and_words(erp: S4Hana, order: Any, code: str, words: str) -> None:
    with pytest.raises(Rejected) as caught:
        erp.post_purchase_order(order, ask_first=False)
    assert caught.value.code == code
    assert words in caught.value.words


@pytest.mark.parametrize(
    ("center", "account", "words"),
    [
        ("CC-NONE", "0065100000", "Cost center CC-NONE does not exist"),
        ("CC-OLD", "0065100000", "Cost center CC-OLD is not valid on 2026-02-02"),
        ("CC-ER-100", "0099999999", "G/L account 0099999999 does not exist"),
    ],
)
def test_wrong_charges_are_refused(erp: S4Hana, center: str, account: str, words: str) -> None:
    share = AccountAssignment(cost_center=center, gl_account=account, quantity=Decimal(4))
    with pytest.raises(Rejected) as caught:
        erp.post_purchase_order(purchase_order(lines=(order_line(assignments=(share,)),)), ask_first=False)
    assert words in caught.value.words


def test_all_reasons_of_a_refusal_are_kept(erp: S4Hana) -> None:
    lines = (order_line(item="NOPE"), order_line(line_number=2, item="STOP-1", uom="EA"))
    with pytest.raises(Rejected) as caught:
        erp.post_purchase_order(purchase_order(lines=lines), ask_first=False)
    assert "Material NOPE does not exist" in caught.value.words
    assert "Item 2: Material STOP-1 has status" in caught.value.words


def test_warnings_of_a_success_are_kept(erp: S4Hana) -> None:
    late = order_line(need_by=date(2020, 1, 1))
    posted = erp.post_purchase_order(purchase_order(lines=(late,)), ask_first=False)
    assert posted.warnings == ("Item 1: Delivery date 2020-01-01 is in the past",)


def test_small_prices_arrive_exactly(erp: S4Hana, sandbox: RunningErp) -> None:
    cheap = order_line(unit_price=replace_amount("0.0725"), uom="EA")
    erp.post_purchase_order(purchase_order(lines=(cheap,)), ask_first=False)
    item = sandbox.documents()["purchase_orders"][0]["items"][0]
    assert Decimal(item["price"]) / Decimal(item["price_quantity"]) == Decimal("0.0725")


def replace_amount(amount: str) -> Any:
    return order_line().unit_price.model_copy(update={"amount": Decimal(amount)})


def test_receipts_are_limited_to_what_was_ordered(erp: S4Hana) -> None:
    number = erp.post_purchase_order(purchase_order(), ask_first=False).number
    first = erp.post_receipt(receipt(number, "RC-1"), ask_first=False).number
    assert first.startswith("5000000001/")
    over = receipt(number, "RC-2", lines=(receipt_line(quantity=Decimal(3)),))
    with pytest.raises(Rejected, match="PU Ordered quantity exceeded by 1 BX") as caught:
        erp.post_receipt(over, ask_first=False)
    assert caught.value.code == "M7/021"
    erp.post_receipt(receipt(number, "RC-3"), ask_first=False)


def test_a_receipt_of_an_unknown_order_is_refused(erp: S4Hana) -> None:
    with pytest.raises(Rejected, match="Purchase order 4500099999 does not exist"):
        erp.post_receipt(receipt("4500099999"), ask_first=False)


def test_a_delivery_note_number_of_someone_else_is_not_taken_for_ours(erp: S4Hana) -> None:
    one = erp.post_purchase_order(purchase_order("MR-1"), ask_first=False).number
    other = erp.post_purchase_order(purchase_order("MR-2"), ask_first=False).number
    theirs = erp.post_receipt(receipt(one, "DN-77"), ask_first=False)
    ours = erp.post_receipt(receipt(other, "DN-77"), ask_first=True)
    assert not ours.found
    assert ours.number != theirs.number


def test_lots_expiry_and_serials_are_checked_by_the_erp(erp: S4Hana) -> None:
    lines = (
        order_line(item="LOTION-1", uom="EA"),
        order_line(line_number=2, item="PUMP-1", uom="EA"),
    )
    number = erp.post_purchase_order(purchase_order(lines=lines), ask_first=False).number
    bare = (
        receipt_line(item="LOTION-1", uom="EA", lot="L1"),
        receipt_line(line_number=2, item="PUMP-1", uom="EA", serials=("S1",)),
    )
    with pytest.raises(Rejected) as caught:
        erp.post_receipt(receipt(number, lines=bare), ask_first=False)
    assert "Enter shelf life expiration date" in caught.value.words
    assert "Maintain serial numbers for total quantity: 1 of 2" in caught.value.words


def test_a_service_that_is_not_active_is_misconfigured(sandbox: RunningErp) -> None:
    with sandbox.adapter(settings={**SETTINGS, "storage_locations": "YY1_STORAGELOCATION_CDS/X"}) as erp:
        with pytest.raises(Misconfigured, match="YY1_STORAGELOCATION_CDS/X") as caught:
            list(erp.read(MasterKind.FACILITY, changed_since=None))
        assert "No service found" in caught.value.words
