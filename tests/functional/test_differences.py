"""What a buyer does about a supplier's differences: money, orders, partners and requesters follow."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from werkzeug.test import TestResponse

from portal.catalog.models import Offer
from portal.exchange.models import Message, WorkItem
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation.db import db, found, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.filters import day
from portal.foundation.mail import Mail
from portal.identity import mailing
from portal.identity.rules import Role
from portal.inventory import services as inventory
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.masterdata.models import ContractLine, Supplier
from portal.orders import queries
from portal.orders.differences import grouping, jobs, presenters, rejections, services
from portal.orders.differences.models import LineDecision
from portal.orders.differences.queries import of_item, open_shortages
from portal.orders.followed import parts_of
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.proposals import deciding
from portal.orders.proposals.queries import open_questions
from portal.orders.review import recompute
from portal.orders.rules import OrderStatus
from portal.requisitions.rules import progress_of
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance, confirm, confirmation, fresh, part, words
from tests.visitor import Visitor

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters at 20.00 on line 10, two of gloves on line 20; the supplier has it."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})


def line_of(order: PurchaseOrder, number: int = 10) -> PurchaseOrderLine:
    return next(line for line in fresh(order).lines if line.line_number == number)


def item_of(order: PurchaseOrder) -> WorkItem:
    (item,) = open_items_about("purchase_order", order.id)
    return item


def sent_since(order: PurchaseOrder) -> list[str]:
    """Which versions of the order wait for partners."""
    rows = db.session.query(Message).filter_by(subject_id=order.id, kind="purchase_order", state="waiting")
    return [row.key.split("@")[0] for row in rows.order_by(Message.id)]


def act(hospital: Hospital, does: Callable[..., object], order: PurchaseOrder, *args: object) -> object:
    with transaction():
        return does(hospital.actor(Role.BUYER), item_of(order).id, *args)


def other_supplier(hospital: Hospital, price: str) -> Offer:
    """The catheters in the same pack from somebody else."""
    with transaction() as session:
        supplier = Supplier(code="S-OTHER", name="Ridgeway Supply", network_id="AN-OTHER")
        session.add(supplier)
        session.flush()
        known = hospital.catheter_offer
        offer = Offer(
            item_id=known.item_id, supplier_id=supplier.id, supplier_part="R-CATH", uom=known.uom,
            factor=known.factor, list_price=Decimal(price),
        )  # fmt: skip
        session.add(offer)
        session.flush()
        return offer


def decisions(order: PurchaseOrder) -> list[LineDecision]:
    return db.session.query(LineDecision).filter_by(line_id=line_of(order).id).all()


def test_an_accepted_price_changes_order_budget_and_erp(hospital: Hospital, order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4, "changed", price="20.60")]}))
    before = balance(hospital)
    told = act(hospital, services.accept, order)
    assert told == "Accepted: $20.60 per BX. The order, the budget and the ERP follow."
    assert line_of(order).unit_price == Decimal("20.60")
    assert balance(hospital).ordered - before.ordered == Decimal("2.40")
    assert sent_since(order) == [f"{order.number}-v2"]
    assert open_items_about("purchase_order", order.id) == []
    closed = db.session.query(WorkItem).filter_by(subject_id=order.id).one()
    assert closed.resolution == "Accepted: $20.60 per BX."
    with pytest.raises(Conflict, match="decided already"), transaction():
        services.accept(hospital.actor(Role.BUYER), closed.id)


def test_a_price_beyond_what_was_approved_goes_back_to_the_approver(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(4, "changed", price="30")]}))
    told = act(hospital, services.accept, order)
    assert "is asked; nothing changes until then" in str(told)
    assert line_of(order).unit_price == 20
    (question,) = open_questions()
    assert (question.approved, question.amount, question.difference) == (80, 120, 40)
    with pytest.raises(Conflict, match="waits for an approver already"):
        act(hospital, services.accept, order)
    with pytest.raises(NotAllowed), transaction():
        deciding.decide(hospital.actor(Role.BUYER), question.id, approved=True)
    with pytest.raises(Invalid, match="Say why not"), transaction():
        deciding.decide(hospital.actor(Role.APPROVER), question.id, approved=False)
    with transaction():
        deciding.decide(hospital.actor(Role.APPROVER), question.id, approved=True)
    assert line_of(order).unit_price == 30
    assert balance(hospital).ordered == Decimal("134.50")
    assert open_items_about("purchase_order", order.id) == []
    assert open_questions() == []


def test_a_refused_price_leaves_the_difference_with_the_buyer(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(4, "changed", price="30")]}))
    act(hospital, services.accept, order)
    (question,) = open_questions()
    with transaction():
        deciding.decide(hospital.actor(Role.APPROVER), question.id, approved=False, comment="Too dear.")
    assert item_of(order).kind is WorkItemKind.PRICE
    assert line_of(order).unit_price == 20
    (decided,) = decisions(order)
    assert decided.words.endswith("refused $30.00 per BX. Too dear.")


def test_a_dispute_travels_to_the_supplier_and_stays_open(hospital: Hospital, order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4, "changed", price="21.50")]}))
    with pytest.raises(Invalid, match="Say what you ask"):
        act(hospital, services.dispute, order, " ")
    act(hospital, services.dispute, order, "The contract says 20.00.")
    message = db.session.query(Message).filter_by(key=f"{order.number}-v2@{hospital.organization.slug}").one()
    assert (message.canonical or {})["comments"].endswith("The contract says 20.00.")
    assert item_of(order).owner_id == hospital.accounts[Role.BUYER].id
    confirm(confirmation(order.number, {10: [part(4)]}, number="OC-2"))
    assert open_items_about("purchase_order", order.id) == []


def test_a_substitute_taken_is_ordered_under_its_own_number(hospital: Hospital, order: PurchaseOrder) -> None:
    confirm(confirmation(order.number, {10: [part(4, "changed", price="20", substitute="X-99")]}))
    assert act(hospital, services.accept, order) == "Accepted: X-99 in place of S-CATH-14."
    assert line_of(order).supplier_part == "X-99"
    assert open_items_about("purchase_order", order.id) == []
    assert sent_since(order) == [f"{order.number}-v2"]


def shares(order: PurchaseOrder) -> tuple[Decimal, Decimal]:
    """Wanted and cancelled of the requested line that the first order line serves."""
    source = line_of(order).sources[0]
    asked = source.requisition_line
    parts = [one for one in parts_of([asked.requisition_id]) if one.line_id == asked.id]
    told = progress_of(
        requested=asked.quantity, closed=asked.closed_quantity, ordered=asked.ordered_quantity, parts=parts
    )
    return told.wanted, told.cancelled


def test_a_backorder_split_off_lives_on_a_line_of_its_own(hospital: Hospital, order: PurchaseOrder) -> None:
    later = line_of(order).needed_on + timedelta(days=20)
    before = balance(hospital)
    confirm(confirmation(order.number, {10: [part(3), part(1, "backordered", promised_on=later)]}))
    (item,) = open_items_about("purchase_order", order.id)  # its day is no difference of its own
    assert (item.kind, item.sentence.endswith(f"needed on {day(line_of(order).needed_on)}.")) == (
        "backordered",
        True,
    )
    with transaction():
        services.split(hospital.actor(Role.BUYER), item.id)
    first, second = line_of(order, 10), line_of(order, 30)
    assert (first.quantities.wanted, second.quantity, second.needed_on) == (3, 1, later)
    assert balance(hospital) == before
    assert shares(order) == (4, 0)
    assert not {"backordered"} & {one.kind for one in open_items_about("purchase_order", order.id)}
    confirm(confirmation(order.number, {30: [part(1, promised_on=later)]}, number="OC-2"))
    assert line_of(order, 30).status is OrderStatus.CONFIRMED


def test_what_is_rejected_is_ordered_elsewhere_for_the_same_request(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    offer = other_supplier(hospital, "20.50")
    confirm(confirmation(order.number, {10: [part(1), part(3, "rejected")]}))
    with transaction():
        actor, item_id = hospital.actor(Role.BUYER), item_of(order).id
        assert services.reorder(actor, item_id, offer.id).startswith("Ordered elsewhere: 3 BX")
    (other,) = (one for one in db.session.query(PurchaseOrder) if one.id != order.id)
    assert line_of(order).quantities.wanted == 1
    assert (other.total, fresh(other).lines[0].supplier_part) == (Decimal("61.50"), "R-CATH")
    assert balance(hospital).ordered == Decimal("20.00") + Decimal("61.50") + Decimal("14.50")
    assert shares(order) == (4, 0)
    assert open_items_about("purchase_order", order.id) == []
    assert queries.find(other.id) is not None


def test_a_dearer_supplier_is_ordered_from_once_the_approver_says_yes(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    offer = other_supplier(hospital, "30")
    confirm(confirmation(order.number, {10: [part(1), part(3, "rejected")], 20: [part(2)]}))
    held, item_id = balance(hospital).ordered, item_of(order).id
    told = act(hospital, services.reorder, order, offer.id)
    assert "Approver is asked; nothing changes until then" in str(told)
    assert (line_of(order).quantities.wanted, balance(hospital).ordered) == (4, held)
    panel = presenters.panel_of(found(of_item(item_of(order)), "difference"))
    assert panel.waiting is not None
    assert panel.waiting["changes"][0]["after"] == "Ridgeway Supply at $30.00 per BX"
    assert "reorder" not in panel.acts
    (question,) = open_questions()
    assert (question.approved, question.amount) == (80, 110)
    with transaction():
        deciding.decide(hospital.actor(Role.APPROVER), question.id, approved=False, comment="Wait for it.")
    assert "refused Ridgeway Supply at $30.00 per BX. Wait for it." in decisions(order)[0].words
    act(hospital, services.reorder, order, offer.id)
    (question,) = open_questions()
    with transaction():
        told = deciding.decide(hospital.actor(Role.APPROVER), question.id, approved=True)
    assert told.startswith("Approved. Ordered elsewhere: 3 BX from Ridgeway Supply.")
    (other,) = (one for one in db.session.query(PurchaseOrder) if one.id != order.id)
    assert (other.total, other.buyer_id) == (90, hospital.accounts[Role.BUYER].id)
    assert balance(hospital).ordered == held + 30
    assert db.session.get_one(WorkItem, item_id).resolved_at is not None
    assert open_questions() == []


def test_a_question_is_void_once_the_difference_is_decided_otherwise(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    offer = other_supplier(hospital, "30")
    confirm(confirmation(order.number, {10: [part(1), part(3, "rejected")], 20: [part(2)]}))
    act(hospital, services.reorder, order, offer.id)
    (question,) = open_questions()
    act(hospital, services.cancel, order, "Not needed any more")
    assert open_questions() == []
    with pytest.raises(Conflict, match="decided or withdrawn already"), transaction():
        deciding.decide(hospital.actor(Role.APPROVER), question.id, approved=True)


def test_another_pack_is_ordered_elsewhere_in_whole_packs(hospital: Hospital, order: PurchaseOrder) -> None:
    """Four boxes from somebody who packs three of them together: two packs, never less than needed."""
    offer = other_supplier(hospital, "41.00")
    with transaction() as session:
        session.merge(offer).factor = hospital.catheter_offer.factor * 3
        session.merge(offer).uom = "CS"
    confirm(confirmation(order.number, {10: [part(4, "rejected")], 20: [part(2)]}))
    panel = presenters.panel_of(found(of_item(item_of(order)), "difference"))
    (shown,) = panel.offers.values()
    assert shown.startswith("Ridgeway Supply, $41.00 per CS: 2 CS, ")
    act(hospital, services.reorder, order, offer.id)
    (other,) = (one for one in db.session.query(PurchaseOrder) if one.id != order.id)
    line = fresh(other).lines[0]
    assert (line.quantity, line.uom, line.sources[0].served, other.total) == (2, "CS", 4, 82)
    assert balance(hospital).ordered == Decimal("96.50")
    parts = parts_of([line.sources[0].requisition_line.requisition_id])
    assert [one.quantity for one in parts if one.order == other.number] == [4]


def test_cancelling_gives_back_to_the_cent_and_closes_the_erps_line(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(4, "rejected")]}))
    with pytest.raises(Invalid, match="Say why"):
        act(hospital, services.cancel, order, "")
    act(hospital, services.cancel, order, "The maker stopped it.")
    assert line_of(order).status is OrderStatus.CANCELLED
    assert balance(hospital).ordered == Decimal("14.50")
    assert shares(order) == (0, 4)
    assert sent_since(order) == [f"{order.number}-v2"]


def test_the_same_price_on_many_orders_is_one_decision_that_corrects_the_contract(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    second = ordering.taken(ordering.placed(hospital, {hospital.catheter_offer: 1}), erp_number="4500000002")
    for one in (order, second):
        said = {10: [part(line_of(one).quantity, "changed", price="20.80")]}
        confirm(confirmation(one.number, said, number=f"OC-{one.id}"))
    buyer = hospital.actor(Role.BUYER)
    (group,) = grouping.price_groups(buyer)
    assert (len(group.cases), group.difference) == (2, Decimal("4.00"))
    day = date(order.ordered_at.year, order.ordered_at.month, order.ordered_at.day)
    with transaction():
        told = grouping.accept_group(buyer, group.key, contract_from=day)
    assert len(told) == 2
    assert {line_of(one).unit_price for one in (order, second)} == {Decimal("20.80")}
    lines = db.session.query(ContractLine).filter_by(item_id=hospital.catheter_offer.item_id)
    prices = {line.valid_from: (line.unit_price, line.valid_to) for line in lines}
    assert prices[day][0] == Decimal("20.80")
    assert [to for start, (_, to) in prices.items() if start < day] == [day - timedelta(days=1)]
    with pytest.raises(Conflict, match="changed meanwhile"), transaction():
        grouping.accept_group(buyer, group.key)


def test_shortages_stand_in_the_order_of_what_stops_care_first(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(4, "backordered")], 20: [part(2, "rejected")]}))
    with transaction():
        for item, days in zip(open_items_about("purchase_order", order.id), (9, 2), strict=True):
            item.cover_days = days
    assert [one.item.cover_days for one in open_shortages(hospital.actor(Role.BUYER))] == [2, 9]


def post(browser: Visitor, address: str, values: dict[str, object], page: str = "") -> TestResponse:
    """The form as a browser sends it, with the token of its page."""
    return browser.post(address, data={**values, "csrf_token": browser.csrf_token(page or address)})


def test_a_buyer_decides_on_the_work_item_and_an_approver_on_their_page(
    client: Visitor, hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(4, "changed", price="30")]}))
    item_id = item_of(order).id
    client.sign_in(hospital.email(Role.BUYER))
    shown = words(client.get(f"/operations/work-items/{item_id}"))
    assert "Accept $30.00 per BX" in shown
    assert "$40.00 over all lines" in words(client.get("/orders/price-differences"))
    address = f"/orders/differences/{item_id}"
    refused = client.submit(address, {"act": "dispute", "words": ""}, action=address)
    assert refused.status_code == 422
    assert "Say what you ask of the supplier." in words(refused)
    assert post(client, address, {"act": "split"}).status_code == 422
    assert post(client, address, {"act": "accept"}).status_code == 303
    assert "waits for approval With Approver" in words(client.get(address))
    approver = ordering.visitor(client, hospital, Role.APPROVER)
    assert "80.00 were approved, it would cost $120.00, $40.00 more" in words(
        approver.get("/orders/price-questions")
    )
    (question,) = open_questions()
    path = f"/orders/price-questions/{question.id}"
    assert post(approver, path, {"answer": "no", "comment": ""}, "/orders/price-questions").status_code == 422
    assert post(approver, path, {"answer": "yes"}, "/orders/price-questions").status_code == 303
    assert line_of(order).unit_price == 30
    assert post(client, address, {"act": "accept"}).status_code in (409, 422)


def test_a_requester_chooses_what_becomes_of_a_backorder(
    client: Visitor, hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {10: [part(4, "backordered")]}))
    source = line_of(order).sources[0]
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    address = f"/requisitions/{source.requisition_line.requisition_id}/shortages"
    shown = words(client.get(address))
    assert "4 BX of Urinary catheter, 14 Fr are backordered" in shown
    assert "Choose by" in shown
    data = {"line": line_of(order).id, "requested": source.requisition_line_id, "choice": "cancel"}
    assert post(client, address, {**data, "choice": "substitute"}).status_code == 409
    assert post(client, address, data).status_code == 303
    assert "You chose: Cancel it" in words(client.get(address))
    buyer = ordering.visitor(client, hospital, Role.BUYER)
    assert "Clinic manager: cancel it" in words(buyer.get("/orders/backorders"))
    with transaction():
        item_of(order).opened_at -= timedelta(days=3)
        queries.confirmations_of(order.id)[0].received_at -= timedelta(days=3)
    assert post(client, address, {**data, "choice": "wait"}).status_code == 409


def test_a_requester_is_told_once_of_each_delay_and_chooses(
    hospital: Hospital, order: PurchaseOrder, client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "is_on", lambda: True)
    other_supplier(hospital, "20.50")
    needed = line_of(order).needed_on
    slipped = [part(4, "changed", promised_on=needed + timedelta(days=5))]
    for status in ([part(4, "backordered")], [part(4, "backordered")], slipped, slipped):
        confirm(confirmation(order.number, {10: status, 20: [part(2)]}, operation="update"))
    with transaction():
        recompute(fresh(order))
    letters = db.session.query(Mail).filter(Mail.subject.contains("comes later")).order_by(Mail.id).all()
    assert {one.account_id for one in letters} == {hospital.accounts[Role.CLINIC_MANAGER].id}
    first, second = (one.body for one in letters)
    assert "backordered, and no day is named" in first
    assert "- order it from Ridgeway Supply" in second
    assert "is promised for" in second
    path = second.split("https://")[-1].split("http://")[-1].split("/", 1)[1].split()[0]
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    shown = words(client.get(f"/{path}"))
    assert "Wait for it" in shown
    assert "Order from another supplier" in shown


def test_a_rejection_that_stands_is_compensated_once_and_the_requester_told(
    hospital: Hospital, order: PurchaseOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "is_on", lambda: True)
    other_supplier(hospital, "20.50")
    for _ in range(2):
        confirm(confirmation(order.number, {10: [part(4, "rejected")], 20: [part(2)]}))
    told = db.session.query(Mail).filter(Mail.subject.contains("is rejected by the supplier")).one()
    assert "order it from Ridgeway Supply" in told.body
    assert "wait for it" not in told.body
    jobs.attend_organization(hospital.organization.id)
    assert line_of(order).status is OrderStatus.REJECTED, "the supplier may still take it back"
    with transaction():
        item_of(order).opened_at -= rejections.GRACE
    for _ in range(2):
        jobs.attend_organization(hospital.organization.id)
    assert line_of(order).status is OrderStatus.CANCELLED
    assert balance(hospital).ordered == Decimal("14.50")
    assert sent_since(order) == [f"{order.number}-v2"]
    letter = db.session.query(Mail).filter(Mail.subject.contains("does not come")).one()
    assert letter.account_id == hospital.accounts[Role.CLINIC_MANAGER].id
    assert "from Ridgeway Supply, $20.50 per BX" in letter.body
    confirm(confirmation(order.number, {10: [part(4)]}, number="OC-2"))
    assert line_of(order).status is OrderStatus.CANCELLED


def test_days_of_cover_come_from_the_shelf_and_what_is_used(hospital: Hospital, order: PurchaseOrder) -> None:
    """26 on hand and 14 used in a week, two a day: the shelf lasts 13 days; the sweep reckons it anew."""
    receiver, place, item_id = hospital.actor(Role.RECEIVER), hospital.clinic.id, hospital.gloves.id
    with transaction():
        inventory.move(receiver, [Move("in", MovementKind.RECEIPT, place, item_id, Decimal(40))])
        inventory.move(receiver, [Move("out", MovementKind.USAGE, place, item_id, Decimal(-14))])
    confirm(confirmation(order.number, {20: [part(2, "backordered")]}))
    assert item_of(order).cover_days == 13
    with transaction():
        inventory.move(receiver, [Move("in-2", MovementKind.RECEIPT, place, item_id, Decimal(20))])
    jobs.attend_organization(hospital.organization.id)
    db.session.expire_all()
    assert item_of(order).cover_days == 23


def test_an_invoice_at_a_price_confirmed_within_tolerance_fits(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    confirm(confirmation(order.number, {20: [part(2, "changed", price="7.30")]}))
    ordering.received(hospital, fresh(order), {20: 2})
    with transaction():
        charged = [Charged(line_of(order, 20).id, Decimal(2), Decimal("7.30"))]
        invoice = invoices.record(
            hospital.actor(Role.AP_ANALYST),
            order.id,
            number="INV-7",
            invoiced_on=NOON.date(),
            charged=charged,
        )
    assert invoice.matched
    assert open_items_about("purchase_order", order.id) == []
