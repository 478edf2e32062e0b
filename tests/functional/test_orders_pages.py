"""The buyer's pages as people use them: workbench, list, order, cancelling; without JavaScript."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.foundation import clock
from portal.foundation.audit import history_of
from portal.foundation.db import db, transaction
from portal.identity import services as identity
from portal.identity.models import RoleAssignment
from portal.identity.rules import Role
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.masterdata.models import Facility
from portal.orders import services as orders
from portal.orders.models import PurchaseOrder
from portal.requisitions.rules import OTHER_REASON
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import PASSWORD, Hospital
from tests.ordering import confirm, confirmation, fresh, lot, parsed, part, ship, ship_notice, words
from tests.statements import interrupted, recorded
from tests.visitor import Visitor


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    """The hospital with its partners."""
    ordering.connect(hospital)
    return hospital


@pytest.fixture
def buyer(client: Visitor, connected: Hospital) -> Visitor:
    """A browser in which the buyer is signed in."""
    return ordering.visitor(client, connected, Role.BUYER)


@pytest.fixture
def order(connected: Hospital) -> PurchaseOrder:
    """Sent, partly backordered, partly shipped."""
    order = ordering.sent(connected, {connected.catheter_offer: 4, connected.gloves_offer: 2})
    answered = {10: [part(3, price="21.50"), part(1, "backordered")]}
    confirm(confirmation(order.number, answered))
    ship(ship_notice(order.number, {10: [lot(3, "LOT-9")]}, arrives=clock.now(), sscc="006141410000001017"))
    return fresh(order)


# The workbench


def test_the_workbench_places_an_order(connected: Hospital, buyer: Visitor) -> None:
    lines = ordering.approved(connected, {connected.gloves_offer: 2, connected.catheter_offer: 1})
    shown = buyer.get("/workbench")
    assert "Harborline Medical" in words(shown)
    assert "2 lines, $34.50 in all" in words(shown)
    answer = buyer.send(shown, {"lines": [lines[0]]}, action="/workbench")
    assert answer.status_code == 303
    (placed,) = db.session.query(PurchaseOrder).all()
    assert answer.headers["Location"] == f"/orders/{placed.id}"
    assert f"Placed {placed.number}" in words(buyer.get(answer.headers["Location"]))
    assert "1 line, $20.00 in all" in words(buyer.get("/workbench"))


def test_the_same_lines_sent_twice_are_ordered_once(connected: Hospital, buyer: Visitor) -> None:
    lines = ordering.approved(connected, {connected.gloves_offer: 2})
    ordering.approved(connected, {connected.catheter_offer: 1})
    shown = buyer.get("/workbench")
    assert buyer.send(shown, {"lines": lines}, action="/workbench").status_code == 303
    again = buyer.send(shown, {"lines": lines}, action="/workbench")
    assert again.status_code == 409
    assert "Exam glove, nitrile, medium was ordered or closed meanwhile" in words(again)
    assert db.session.query(PurchaseOrder).count() == 1


@pytest.mark.parametrize(
    ("chosen", "status", "sentence"),
    [
        ([], 422, "Choose at least one line to order."),
        (["abc"], 409, "Some of these lines do not exist any more"),
        (["-1"], 409, "Some of these lines do not exist any more"),
        (["9" * 30], 409, "Some of these lines do not exist any more"),
    ],
)
def test_what_cannot_be_ordered_is_said(
    connected: Hospital, buyer: Visitor, chosen: list[str], status: int, sentence: str
) -> None:
    ordering.approved(connected, {connected.gloves_offer: 2})
    answer = buyer.send(buyer.get("/workbench"), {"lines": chosen}, action="/workbench")
    assert answer.status_code == status
    assert sentence in words(answer)
    assert db.session.query(PurchaseOrder).count() == 0


def test_another_organizations_lines_are_not_ordered(connected: Hospital, buyer: Visitor) -> None:
    ordering.approved(connected, {connected.gloves_offer: 1})
    with transaction():
        other = hospitals.build()
    ordering.connect(other)
    foreign = ordering.approved(other, {other.gloves_offer: 1})
    answer = buyer.send(buyer.get("/workbench"), {"lines": foreign}, action="/workbench")
    assert answer.status_code == 409
    assert db.session.query(PurchaseOrder).count() == 0


def test_lines_left_out_stay_left_out_when_the_order_is_refused(connected: Hospital, buyer: Visitor) -> None:
    first, second = ordering.approved(connected, {connected.gloves_offer: 2, connected.catheter_offer: 1})
    shown = buyer.get("/workbench")
    with transaction():
        connected.supplier.blocked = True
    answer = buyer.send(shown, {"lines": [second]}, action="/workbench")
    assert answer.status_code == 422
    assert "Harborline Medical is blocked for new orders" in words(answer)
    page = parsed(answer)
    checked = page.xpath("//input[@name='lines' and @checked]/@value")
    assert checked == [str(second)]
    assert first not in checked


def test_an_order_below_the_suppliers_minimum_is_warned(connected: Hospital, buyer: Visitor) -> None:
    ordering.approved(connected, {connected.gloves_offer: 2})
    with transaction():
        connected.supplier.minimum_order = Decimal(100)
    shown = words(buyer.get("/workbench"))
    assert "Harborline Medical takes orders from $100.00. These lines are $85.50 short of it" in shown


def test_all_orders_are_placed_at_once(connected: Hospital, buyer: Visitor) -> None:
    ordering.approved(connected, {connected.gloves_offer: 2})
    ordering.approved(connected, {connected.gloves_offer: 1}, location=connected.storeroom)
    shown = buyer.get("/workbench")
    page = parsed(shown)
    (form,) = [one for one in page.forms if one.xpath(".//input[@name='lines' and @type='hidden']")]
    answer = buyer.post(form.get("action"), data=MultiDict(form.form_values()))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/orders")
    assert db.session.query(PurchaseOrder).count() == 2


def test_a_line_nobody_needs_any_more_is_closed_from_the_workbench(
    connected: Hospital, buyer: Visitor
) -> None:
    ordering.approved(connected, {connected.gloves_offer: 2})
    (address,) = parsed(buyer.get("/workbench")).xpath("//main//tbody//td[@data-label='']/a/@href")
    assert buyer.submit(address, {"reason": OTHER_REASON, "words": "Bought locally"}).status_code == 303
    assert "Nothing waits to be ordered" in words(buyer.get("/workbench"))
    assert ordering.balance(connected).available == 1000


# The list


def numbers(shown: TestResponse) -> list[str]:
    page = parsed(shown)
    return [str(text) for text in page.xpath("//main//tbody/tr/th/a/text()")]


def test_the_list_is_filtered_and_sorted(connected: Hospital, buyer: Visitor, order: PurchaseOrder) -> None:
    small = ordering.placed(connected, {connected.gloves_offer: 1})
    supplier = connected.supplier.id
    for query, expected in {
        "": [small.number, order.number],
        "?sort=number": [order.number, small.number],
        "?sort=-amount": [order.number, small.number],
        "?sort=expected": [order.number, small.number],
        "?status=decision": [order.number],
        "?status=stopped": [],
        "?status=placed": [small.number],
        "?status=nonsense": [small.number, order.number],
        f"?supplier={supplier}": [small.number, order.number],
        "?supplier=999999": [],
        "?supplier=abc": [small.number, order.number],
        f"?location={connected.storeroom.id}": [],
        "?q=4500000001": [order.number],
        f"?q={small.number[-4:].lower()}": [small.number],
        "?q=%25": [],
        "?page=99": [],
        "?page=x": [small.number, order.number],
        f"?page={10**30}": [],
        "?sort=;drop": [small.number, order.number],
    }.items():
        shown = buyer.get(f"/orders{query}")
        assert (shown.status_code, numbers(shown)) == (200, expected), query
    assert "2 decisions waiting" in words(buyer.get("/orders"))


def test_the_export_holds_the_list_and_runs_no_formula(
    connected: Hospital, buyer: Visitor, order: PurchaseOrder
) -> None:
    with transaction():
        connected.supplier.name = "=cmd()"
    answer = buyer.get("/orders.csv?status=decision&sort=number")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    header, row = csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig")))
    found = dict(zip(header, row, strict=True))
    assert found["order"] == order.number
    assert found["supplier"] == "'=cmd()"
    assert (found["ordered"], found["shipped"], found["open decisions"]) == ("6", "3", "2")


def test_the_list_asks_the_same_number_of_questions_for_any_number_of_orders(
    connected: Hospital, buyer: Visitor
) -> None:
    def asked() -> int:
        with recorded() as heard:
            assert buyer.get("/orders").status_code == 200
        return len(heard)

    ordering.sent(connected, {connected.gloves_offer: 1})
    few = asked()
    for _ in range(4):
        ordering.sent(connected, {connected.gloves_offer: 1, connected.catheter_offer: 1})
    assert asked() == few


def test_the_workbench_asks_the_same_number_of_questions_for_any_number_of_lines(
    connected: Hospital, buyer: Visitor
) -> None:
    counts = []
    for _ in range(3):
        ordering.approved(connected, {connected.gloves_offer: 1, connected.catheter_offer: 1})
        with recorded() as heard:
            assert buyer.get("/workbench").status_code == 200
        counts.append(len(heard))
    assert len(set(counts)) == 1


# One order


def test_the_order_page_tells_everything(connected: Hospital, buyer: Visitor, order: PurchaseOrder) -> None:
    shown = buyer.get(f"/orders/{order.id}")
    told = words(shown)
    for sentence in (
        "2 decisions are waiting",
        "1 BX of Urinary catheter, 14 Fr is backordered, and no day is named.",
        "Was $20.00 now $21.50",
        "4 BX for CC100 Emergency",
        "LOT-9",
        "SSCC 006141410000001017",
        "Northline Freight",
        "OC-1",
        "3 BX accepted",
        "Posted in the ERP",
        "4500000001",
    ):
        assert sentence in told, sentence
    page = parsed(shown)
    rows = page.xpath("//table[caption='Lines']/tbody/tr/th")
    assert [row.text_content().split()[0] for row in rows] == ["10", "20"]


def test_receipts_and_invoices_stand_in_the_history(connected: Hospital, buyer: Visitor) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 2})
    receipt = ordering.received(connected, order, {10: 2})
    told = words(buyer.get(f"/orders/{order.id}"))
    assert f"Receipt {receipt.number}" in told
    assert "Everything is counted into the stock." in told
    assert "Harborline Medical sent the goods without a confirmation." in told


def test_lines_that_need_a_decision_come_first(connected: Hospital, buyer: Visitor) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 2, connected.catheter_offer: 4})
    confirm(confirmation(order.number, {20: [part(4, "backordered")]}))
    page = parsed(buyer.get(f"/orders/{order.id}"))
    rows = page.xpath("//table[caption='Lines']/tbody/tr/th")
    assert [row.text_content().split()[0] for row in rows] == ["20", "10"]


def test_a_stopped_order_says_why_in_the_partners_words(connected: Hospital, buyer: Visitor) -> None:
    order = ordering.placed(connected, {connected.gloves_offer: 2})
    with transaction():
        message = db.session.query(Message).filter_by(subject_id=order.id).one()
        exchange.move(message, "claim")
        exchange.stop(
            message,
            reason="delivery",
            sentence="S/4HANA did not take it: ME 083 Enter purchasing group",
            suggestion="Correct what the partner names, then retry the message.",
        )
        orders.stopped(message)
    told = words(buyer.get(f"/orders/{order.id}"))
    assert "Stopped" in told
    assert "S/4HANA did not take it: ME 083 Enter purchasing group" in told
    assert "What to doCorrect what the partner names" in told


def test_the_page_asks_for_news_and_hears_nothing_until_there_are_any(
    connected: Hospital, buyer: Visitor
) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 2})
    page = parsed(buyer.get(f"/orders/{order.id}"))
    (address,) = page.xpath("//div[@id='order']/@hx-get")
    assert buyer.get(address).status_code == 204
    confirm(confirmation(order.number, type_="accept"))
    news = buyer.get(address)
    assert news.status_code == 200
    (newer,) = parsed(news).xpath("//div[@id='order']/@hx-get")
    assert newer != address
    assert buyer.get(newer).status_code == 204
    ordering.received(connected, fresh(order), {10: 1})
    assert buyer.get(newer).status_code == 200


@pytest.mark.parametrize("page", ["", "/live"])
def test_news_that_come_while_the_page_is_drawn_are_asked_for(
    connected: Hospital, buyer: Visitor, page: str
) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 2})
    news = ship_notice(order.number, {10: [lot(2)]})
    with interrupted(lambda: ship(news), after="purchase_order_line"):
        drawn = buyer.get(f"/orders/{order.id}{page}")
    (address,) = parsed(drawn).xpath("//div[@id='order']/@hx-get")
    answer = buyer.get(address)
    assert answer.status_code == 200
    (row,) = parsed(answer).xpath("//td[@data-label='Shipped']")
    assert row.text_content().strip() == "2"


@pytest.mark.parametrize("page", ["", "/live", "/print", "/lines/1/cancel"])
def test_orders_of_others_do_not_exist(connected: Hospital, buyer: Visitor, page: str) -> None:
    with transaction():
        other = hospitals.build()
    ordering.connect(other)
    foreign = ordering.sent(other, {other.gloves_offer: 1})
    for number in (foreign.id, 10**15):
        answer = buyer.get(f"/orders/{number}{page}")
        assert answer.status_code == 404
        assert "belongs to another organization" in answer.get_data(as_text=True)


def test_a_buyer_of_another_facility_sees_and_places_nothing(client: Visitor, connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 1})
    lines = ordering.approved(connected, {connected.gloves_offer: 1})
    with transaction():
        elsewhere = Facility(code="2020", name="Other hospital")
        db.session.add(elsewhere)
        db.session.flush()
        email = f"elsewhere-{connected.organization.slug}@example.org"
        account = identity.create_account(email=email, name="Buyer", password=PASSWORD, roles=[])
        db.session.add(RoleAssignment(account_id=account.id, role=Role.BUYER, facility_id=elsewhere.id))
    browser = Visitor(client.application, client.application.response_class)
    browser.sign_in(email)
    assert numbers(browser.get("/orders")) == []
    assert browser.get(f"/orders/{order.id}").status_code == 404
    token = browser.csrf_token("/orders")
    answer = browser.post("/workbench", data={"csrf_token": token, "lines": lines})
    assert answer.status_code == 403


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.ADMINISTRATOR])
def test_people_without_the_permission_are_kept_out(
    client: Visitor, connected: Hospital, order: PurchaseOrder, role: Role
) -> None:
    browser = ordering.visitor(client, connected, role)
    for page in ("/workbench", "/orders", "/orders.csv", f"/orders/{order.id}", f"/orders/{order.id}/live"):
        assert browser.get(page).status_code == 403, page


def test_the_paper_leaves_out_what_was_cancelled(connected: Hospital, buyer: Visitor) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 2, connected.catheter_offer: 1})
    gone = next(line for line in order.lines if line.line_number == 20)
    buyer.submit(f"/orders/{order.id}/lines/{gone.id}/cancel", {"reason": "Not needed"})
    shown = words(buyer.get(f"/orders/{order.id}/print"))
    assert "Exam glove" in shown
    assert "Urinary catheter" not in shown
    assert "Total $14.50" in shown


def test_the_orders_of_a_requisition_have_a_page(
    client: Visitor, connected: Hospital, order: PurchaseOrder
) -> None:
    manager = ordering.visitor(client, connected, Role.CLINIC_MANAGER)
    requisition_id = order.lines[0].sources[0].requisition_line.requisition_id
    ordering.sent(connected, {connected.gloves_offer: 1})
    assert numbers(manager.get(f"/requisitions/{requisition_id}/orders")) == [order.number]
    assert manager.get(f"/requisitions/{10**12}/orders").status_code == 404


# Cancelling


def cancel_address(order: PurchaseOrder, number: int = 10) -> str:
    line = next(one for one in fresh(order).lines if one.line_number == number)
    return f"/orders/{order.id}/lines/{line.id}/cancel"


def test_the_rest_of_a_line_is_cancelled_with_a_reason(buyer: Visitor, order: PurchaseOrder) -> None:
    address = cancel_address(order)
    assert "1 BX are open: neither shipped nor received." in words(buyer.get(address))
    answer = buyer.submit(address, {"reason": "Ordered elsewhere"})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/orders/{order.id}")
    shown = words(buyer.get(f"/orders/{order.id}"))
    assert "Order 4500000001 in the ERP is changed and Harborline Medical is told within seconds." in shown
    assert "1 cancelled" in shown
    assert "1 BX of line 10: Ordered elsewhere" in shown
    assert fresh(order).lines[0].cancelled == 1


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [("", "Say why the rest is cancelled."), (" ", "Say why"), ("x" * 201, "At most 200 characters.")],
)
def test_a_bad_reason_is_said_beside_the_field(
    buyer: Visitor, order: PurchaseOrder, reason: str, sentence: str
) -> None:
    answer = buyer.submit(cancel_address(order), {"reason": reason})
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert f'value="{reason}"' in answer.get_data(as_text=True)
    assert fresh(order).lines[0].cancelled == 0


def test_a_stale_page_and_a_double_click_cancel_nothing_more(
    connected: Hospital, buyer: Visitor, order: PurchaseOrder
) -> None:
    address = cancel_address(order, 20)
    shown = buyer.get(address)
    ship(ship_notice(order.number, {20: [lot(1)]}, number="SN-2"))
    stale = buyer.send(shown, {"reason": "Ordered elsewhere"}, action=address)
    assert stale.status_code == 409
    assert "1 BX of Exam glove, nitrile, medium are open now" in words(stale)
    assert 'value="Ordered elsewhere"' in stale.get_data(as_text=True)
    assert buyer.send(stale, {}, action=address).status_code == 303
    twice = buyer.send(stale, {}, action=address)
    assert twice.status_code == 409
    assert fresh(order).lines[1].cancelled == 1


def test_nothing_open_is_said_plainly(connected: Hospital, buyer: Visitor) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 2})
    ordering.received(connected, order, {10: 2})
    address = cancel_address(order)
    shown = words(buyer.get(address))
    assert "Exam glove, nitrile, medium is received, invoiced or cancelled." in shown
    token = buyer.csrf_token("/orders")
    answer = buyer.post(address, data={"csrf_token": token, "reason": "Late"})
    assert answer.status_code == 409
    assert "Nothing of Exam glove, nitrile, medium is open any more" in words(answer)


def test_a_line_of_another_order_is_not_found(
    connected: Hospital, buyer: Visitor, order: PurchaseOrder
) -> None:
    other = ordering.sent(connected, {connected.gloves_offer: 2})
    address = f"/orders/{order.id}/lines/{other.lines[0].id}/cancel"
    assert buyer.get(address).status_code == 404
    token = buyer.csrf_token("/orders")
    assert buyer.post(address, data={"csrf_token": token, "reason": "Late"}).status_code == 404


def test_every_change_of_an_order_is_written_down(connected: Hospital, buyer: Visitor) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 3})
    confirm(confirmation(order.number, type_="accept"))
    ship(ship_notice(order.number, {10: [lot(2)]}))
    ordering.received(connected, order, {10: 2})
    buyer.submit(cancel_address(order), {"reason": "Not needed"})
    with transaction():
        charged = [Charged(fresh(order).lines[0].id, Decimal(2), Decimal("7.25"))]
        analyst = connected.actor(Role.AP_ANALYST)
        invoices.record(analyst, order.id, number="INV-1", invoiced_on=clock.today(), charged=charged)
    told = [(event.actor, event.action) for event in reversed(history_of("purchase_order", order.id))]
    assert told == [
        ("Buyer", "order.place"),
        ("Portal", "order.posted"),
        ("Portal", "order.sent"),
        ("Portal", "order.status"),
        ("Portal", "order.confirm"),
        ("Portal", "order.status"),
        ("Portal", "order.ship"),
        ("Portal", "order.status"),
        ("Portal", "order.status"),
        ("Receiver", "order.receive"),
        ("Buyer", "order.cancel"),
        ("Portal", "order.status"),
        ("Portal", "order.status"),
        ("AP analyst", "order.invoice"),
    ]


def test_late_orders_are_named(connected: Hospital, buyer: Visitor) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 2})
    with transaction():
        fresh(order).lines[0].expected_on = clock.today() - timedelta(days=5)
    told = words(buyer.get(f"/orders/{order.id}"))
    assert "days late" in told
    assert "and not here yet. Ask Harborline Medical." in told
