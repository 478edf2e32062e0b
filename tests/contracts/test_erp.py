"""One suite for every ERP adapter, run against its sandbox on a real server."""

import inspect
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.canonical import (
    AccountAssignment,
    CostCenter,
    Facility,
    GlAccount,
    Item,
    MasterRecord,
    PurchaseOrder,
    PurchaseOrderLine,
    Supplier,
)
from integrations.erp.contract import Erp, MasterKind, Posted
from integrations.errors import Ambiguous, Misconfigured, Rejected, Retryable
from integrations.registry import ERPS
from integrations.returns import ReceiptReversal, ReturnLine, SupplierReturn
from portal.foundation.quantity import plain
from tests.documents import order_line, purchase_order, receipt
from tests.erp_sandbox import RunningErp, running_erp, write_master

SANDBOXES = {"s4hana": running_erp}
PAST_TIME_LIMIT = "2"
Post = Callable[[Erp, bool], Posted]


@pytest.fixture(params=sorted(ERPS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox(name: str, tmp_path: Path) -> Iterator[RunningErp]:
    with SANDBOXES[name](tmp_path / "data", write_master(tmp_path / "master")) as running:
        yield running


@pytest.fixture
def erp(name: str, sandbox: RunningErp) -> Iterator[Erp]:
    adapter = ERPS[name](sandbox.connection(timeout_seconds=1.0))
    yield adapter
    adapter.close()


@pytest.fixture(params=["order", "receipt"])
def post(request: pytest.FixtureRequest, sandbox: RunningErp) -> Post:
    """Posts an order, or a receipt of one that stands in the ERP already."""
    if request.param == "order":
        return lambda erp, ask_first: erp.post_purchase_order(purchase_order(), ask_first=ask_first)
    with sandbox.adapter() as buyer:
        number = buyer.post_purchase_order(purchase_order("MR26-0000009"), ask_first=False).number
    return lambda erp, ask_first: erp.post_receipt(receipt(number), ask_first=ask_first)


def count(sandbox: RunningErp) -> int:
    """Documents in the ERP that carry one of our two numbers."""
    ours = {purchase_order().number, receipt("1").number}
    return sum(one["reference"] in ours for kind in sandbox.documents().values() for one in kind)


def test_every_adapter_has_a_sandbox() -> None:
    assert set(ERPS) == set(SANDBOXES)


def test_signatures_are_those_of_the_contract(name: str, erp: Erp) -> None:
    for member, wanted in inspect.getmembers(Erp, inspect.isfunction):
        if not member.startswith("_"):
            assert inspect.signature(getattr(type(erp), member)) == inspect.signature(wanted), member


def test_check_reaches_and_logs_in(erp: Erp) -> None:
    health = erp.check()
    assert (health.reachable, health.login_ok) == (True, True)


def test_a_document_is_posted_once_and_found_when_asked(erp: Erp, sandbox: RunningErp, post: Post) -> None:
    posted = post(erp, False)
    assert (posted.found, posted.warnings) == (False, ())
    again = post(erp, True)
    assert (again.number, again.found) == (posted.number, True)
    assert count(sandbox) == 1


def test_asking_first_posts_what_is_not_there(erp: Erp, sandbox: RunningErp, post: Post) -> None:
    assert not post(erp, True).found
    assert count(sandbox) == 1


@pytest.mark.parametrize(
    ("effect", "value"),
    [("timeout_after", PAST_TIME_LIMIT), ("error_after", ""), ("malformed", "")],
)
def test_what_may_have_been_done_is_ambiguous_and_found_when_asked(
    erp: Erp, sandbox: RunningErp, post: Post, effect: str, value: str
) -> None:
    for kind in ("purchase_order", "receipt"):
        sandbox.script(effect, request=kind, value=value)
    with pytest.raises(Ambiguous):
        post(erp, False)
    assert count(sandbox) == 1
    assert post(erp, True).found
    assert count(sandbox) == 1


@pytest.mark.parametrize("effect", ["drop_before", "error_before"])
def test_what_was_not_done_is_posted_after_asking(
    erp: Erp, sandbox: RunningErp, post: Post, effect: str
) -> None:
    for kind in ("purchase_order", "receipt"):
        sandbox.script(effect, request=kind)
    with pytest.raises(Ambiguous):
        post(erp, False)
    assert count(sandbox) == 0
    assert not post(erp, True).found
    assert count(sandbox) == 1


def test_a_try_that_is_still_at_work_when_asked_doubles_nothing(
    erp: Erp, sandbox: RunningErp, post: Post
) -> None:
    for kind in ("purchase_order", "receipt"):
        sandbox.script("slow", request=kind, value=PAST_TIME_LIMIT)
    with pytest.raises(Ambiguous):
        post(erp, False)
    assert not post(erp, True).found
    time.sleep(float(PAST_TIME_LIMIT))
    assert count(sandbox) == 1


def test_a_busy_partner_is_retryable_and_says_when(erp: Erp, sandbox: RunningErp, post: Post) -> None:
    for kind in ("purchase_order", "receipt"):
        sandbox.script("too_many", request=kind, value="17")
    with pytest.raises(Retryable) as caught:
        post(erp, False)
    assert caught.value.retry_after == 17
    assert count(sandbox) == 0


def test_a_refusal_keeps_the_partners_words(erp: Erp, sandbox: RunningErp, post: Post) -> None:
    for kind in ("purchase_order", "receipt"):
        sandbox.script("reject", request=kind, value="Period 11/2026 is closed")
    with pytest.raises(Rejected, match="Period 11/2026 is closed") as caught:
        post(erp, False)
    assert caught.value.words == "Period 11/2026 is closed"
    assert caught.value.code == "ZSANDBOX/001"
    assert count(sandbox) == 0


def test_a_receipt_is_taken_back_once_and_goods_go_back(erp: Erp, sandbox: RunningErp) -> None:
    number = erp.post_purchase_order(purchase_order(), ask_first=False).number
    came = erp.post_receipt(receipt(number), ask_first=False).number
    reversal = ReceiptReversal(number="GR-1", erp_number=came, reversed_on=receipt(number).received_on)
    sandbox.script("error_after", request="receipt")
    with pytest.raises(Ambiguous):
        erp.reverse_receipt(reversal, ask_first=False)
    again = erp.reverse_receipt(reversal, ask_first=True)
    assert again.found
    with pytest.raises(Rejected, match="reversed already"):
        erp.reverse_receipt(reversal, ask_first=False)
    line = receipt(number).lines[0]
    back = ReturnLine(line_number=line.line_number, item=line.item, quantity=line.quantity, uom=line.uom)
    sent_back = SupplierReturn(
        number="RS-1", order_number="PO-1", erp_order_number=number, facility=receipt(number).facility,
        location=receipt(number).location, authorization="RMA-7", reason="Torn",
        returned_on=receipt(number).received_on,
        lines=(back,),
    )  # fmt: skip
    with pytest.raises(Rejected, match="less than what goes back"):
        erp.post_return(sent_back, ask_first=False)
    consigned = line.model_copy(update={"is_consignment": True})
    with pytest.raises(Rejected, match="belongs to a consignment item"):
        erp.post_receipt(receipt(number, "RC-2", lines=(consigned,)), ask_first=False)
    ordered = purchase_order("MR26-0000002", lines=(order_line(is_consignment=True),))
    number = erp.post_purchase_order(ordered, ask_first=False).number
    erp.change_purchase_order(ordered.model_copy(update={"erp_number": number, "version": 2}))
    erp.post_receipt(receipt(number, "RC-2", lines=(consigned,)), ask_first=False)
    back = back.model_copy(update={"is_consignment": True})
    sent_back = sent_back.model_copy(update={"lines": (back,), "erp_order_number": number})
    first = erp.post_return(sent_back, ask_first=False)
    assert erp.post_return(sent_back, ask_first=True) == Posted(first.number, found=True)
    movements = [one["items"][0]["movement"] for one in sandbox.documents()["receipts"]]
    assert movements == ["101", "102", "101", "122"]


def shared_line(number: int, *quantities: int) -> PurchaseOrderLine:
    """A line whose cost centers take these quantities."""
    shares = [
        AccountAssignment(cost_center="CC-ER-100", gl_account="0065100000", quantity=Decimal(one))
        for one in quantities
    ]
    return order_line(line_number=number, quantity=Decimal(sum(quantities)), assignments=tuple(shares))


def items(sandbox: RunningErp) -> list[tuple[str, str, bool]]:
    """Item, quantity and whether it is deleted, of the only order there."""
    (order,) = sandbox.documents()["purchase_orders"]
    return [(one["item"], plain(Decimal(one["quantity"])), one["deleted"]) for one in order["items"]]


def test_a_change_brings_quantities_and_deletes_lines(erp: Erp, sandbox: RunningErp) -> None:
    first = purchase_order(lines=(shared_line(1, 2, 2), shared_line(2, 3), shared_line(3, 5)))
    number = erp.post_purchase_order(first, ask_first=False).number
    lines = (shared_line(1, 2, 1), shared_line(3, 4))
    changed = purchase_order(version=2, erp_number=number, lines=lines)
    assert erp.change_purchase_order(changed) == Posted(number)
    assert items(sandbox) == [("1", "3", False), ("2", "3", True), ("3", "4", False)]
    assert erp.change_purchase_order(changed) == Posted(number, found=True)
    fewer = purchase_order(version=3, erp_number=number, lines=(shared_line(1, 2),))
    erp.change_purchase_order(fewer)
    assert items(sandbox) == [("1", "2", False), ("2", "3", True), ("3", "4", True)]


def test_payers_who_share_in_percent_follow_the_quantity(erp: Erp, sandbox: RunningErp) -> None:
    def ordered(quantity: str, **values: str) -> PurchaseOrder:
        shares = tuple(
            AccountAssignment(
                cost_center=center, gl_account="0065100000", percent=Decimal(percent),
                quantity=Decimal(quantity) * Decimal(percent) / 100,
            )
            for center, percent in (("CC-ER-100", "62.5"), ("CC-OR-100", "37.5"))
        )  # fmt: skip
        line = order_line(line_number=1, quantity=Decimal(quantity), assignments=shares)
        return purchase_order(lines=(line,), **values)

    number = erp.post_purchase_order(ordered("4"), ask_first=False).number
    changed = ordered("3", erp_number=number)
    assert erp.change_purchase_order(changed) == Posted(number)
    assert items(sandbox) == [("1", "3", False)]
    assert erp.change_purchase_order(changed) == Posted(number, found=True)


def test_a_change_brings_the_day_and_the_place(erp: Erp, sandbox: RunningErp) -> None:
    first = purchase_order(lines=(shared_line(1, 2),))
    number = erp.post_purchase_order(first, ask_first=False).number
    later = shared_line(1, 2).model_copy(update={"need_by": first.ordered_at.date() + timedelta(days=40)})
    for changed in (
        purchase_order(version=2, erp_number=number, lines=(later,)),
        purchase_order(version=3, erp_number=number, lines=(later,), location="ST02"),
    ):
        assert erp.change_purchase_order(changed) == Posted(number)
        assert erp.change_purchase_order(changed) == Posted(number, found=True)
    assert items(sandbox) == [("1", "2", False)]


def test_a_cancelled_order_is_deleted_item_by_item(erp: Erp, sandbox: RunningErp) -> None:
    number = erp.post_purchase_order(purchase_order(), ask_first=False).number
    erp.change_purchase_order(purchase_order(version=2, erp_number=number, is_cancelled=True))
    assert [deleted for _, _, deleted in items(sandbox)] == [True]


def test_a_change_below_what_was_received_is_refused_whole(erp: Erp, sandbox: RunningErp) -> None:
    first = purchase_order(lines=(shared_line(1, 4), shared_line(2, 4)))
    number = erp.post_purchase_order(first, ask_first=False).number
    erp.post_receipt(receipt(number), ask_first=False)
    lines = (shared_line(1, 1), shared_line(2, 3))
    with pytest.raises(Rejected, match=r"less than the 2\.000 received"):
        erp.change_purchase_order(purchase_order(version=2, erp_number=number, lines=lines))
    assert items(sandbox) == [("1", "4", False), ("2", "4", False)]


def test_a_change_that_may_have_been_made_is_repeated_without_harm(erp: Erp, sandbox: RunningErp) -> None:
    number = erp.post_purchase_order(purchase_order(), ask_first=False).number
    sandbox.script("timeout_after", value=PAST_TIME_LIMIT, request="batch")
    changed = purchase_order(version=2, erp_number=number, lines=(shared_line(1, 3),))
    with pytest.raises(Ambiguous):
        erp.change_purchase_order(changed)
    assert erp.change_purchase_order(changed).found
    assert items(sandbox) == [("1", "3", False)]


def test_a_document_doubled_by_the_partner_is_told(erp: Erp, sandbox: RunningErp) -> None:
    sandbox.script("duplicate", request="purchase_order")
    erp.post_purchase_order(purchase_order(), ask_first=False)
    found = erp.post_purchase_order(purchase_order(), ask_first=True)
    assert "2 documents for MR26-0000001" in found.warnings[0]


@pytest.mark.parametrize("trouble", ["drop_before", "error_before", "malformed"])
def test_trouble_while_only_reading_is_retryable(erp: Erp, sandbox: RunningErp, trouble: str) -> None:
    sandbox.script(trouble, request="read")
    with pytest.raises(Retryable):
        list(erp.read(MasterKind.ITEM, changed_since=None))
    assert list(erp.read(MasterKind.ITEM, changed_since=None))


def test_trouble_while_asking_posts_nothing(erp: Erp, sandbox: RunningErp, post: Post) -> None:
    sandbox.script("error_before", request="read")
    with pytest.raises(Retryable):
        post(erp, True)
    assert count(sandbox) == 0


def test_a_wrong_password_is_misconfigured_everywhere(name: str, sandbox: RunningErp, post: Post) -> None:
    stranger = ERPS[name](sandbox.connection(secret="wrong"))
    with pytest.raises(Misconfigured, match="user name or password"):
        post(stranger, False)
    with pytest.raises(Misconfigured):
        list(stranger.read(MasterKind.SUPPLIER, changed_since=None))
    health = stranger.check()
    assert (health.reachable, health.login_ok) == (True, False)
    assert "password" in health.detail
    stranger.close()


def test_a_host_outside_the_allow_list_is_misconfigured(name: str, sandbox: RunningErp) -> None:
    stranger = ERPS[name](sandbox.connection(allowed_hosts=frozenset({"erp.example"})))
    with pytest.raises(Misconfigured, match=r"127\.0\.0\.1"):
        stranger.post_purchase_order(purchase_order(), ask_first=False)
    assert not stranger.check().reachable
    stranger.close()


def test_nobody_listening_is_retryable(name: str, sandbox: RunningErp) -> None:
    stranger = ERPS[name](sandbox.connection(base_url="http://127.0.0.1:9"))
    with pytest.raises(Retryable, match="cannot be reached"):
        stranger.post_purchase_order(purchase_order(), ask_first=False)
    health = stranger.check()
    assert (health.reachable, health.login_ok) == (False, False)
    stranger.close()


def test_every_exchange_is_recorded_without_secrets(name: str, sandbox: RunningErp, post: Post) -> None:
    adapter = ERPS[name](sandbox.connection(secret="sandbox-erp"))
    post(adapter, True)
    assert [exchange.method for exchange in adapter.wire].count("POST") == 1
    recorded = repr(adapter.wire)
    assert "sandbox-erp" not in recorded
    assert "SAP_SESSIONID" not in recorded
    assert any(exchange.request_headers["authorization"] == "***" for exchange in adapter.wire)
    adapter.close()


RECORDS: dict[MasterKind, type[MasterRecord]] = {
    MasterKind.FACILITY: Facility,
    MasterKind.COST_CENTER: CostCenter,
    MasterKind.GL_ACCOUNT: GlAccount,
    MasterKind.SUPPLIER: Supplier,
    MasterKind.ITEM: Item,
}


@pytest.mark.parametrize("kind", list(MasterKind))
def test_master_data_is_read_in_pages_without_repeats(
    name: str, sandbox: RunningErp, kind: MasterKind
) -> None:
    whole = ERPS[name](sandbox.connection())
    everything = [record for page in whole.read(kind, changed_since=None) for record in page]
    whole.close()
    assert everything
    assert all(isinstance(record, RECORDS[kind]) for record in everything)
    settings = {**sandbox.connection().settings, "page_size": "2"}
    paged = ERPS[name](sandbox.connection(settings=settings))
    pages = list(paged.read(kind, changed_since=None))
    paged.close()
    assert [record for page in pages for record in page] == everything
    assert all(len(page) <= 2 for page in pages)


def test_a_line_that_cannot_fit_is_refused_before_anything_is_sent(erp: Erp) -> None:
    with pytest.raises(Rejected, match="has 41 characters"):
        erp.post_purchase_order(purchase_order(lines=(order_line(item="X" * 41),)), ask_first=False)
    assert erp.wire == []
