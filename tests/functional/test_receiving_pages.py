"""Receiving as a storeroom does it: find, enter, check, correct, post; without JavaScript, with bad input."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.test import TestResponse

from integrations.canonical import ShipNotice
from portal.exchange import services as exchange
from portal.exchange.models import Message
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.inventory.queries import on_hand
from portal.orders.models import PurchaseOrder
from portal.receiving import queries
from portal.receiving import services as receiving
from portal.receiving.models import Receipt
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import fresh, lot, parsed, ship, ship_notice, words
from tests.statements import recorded
from tests.visitor import Visitor

SSCC = "006141410000001017"
LATER = date(2031, 12, 31)


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    """The hospital with its partners."""
    ordering.connect(hospital)
    return hospital


@pytest.fixture
def receiver(client: Visitor, connected: Hospital) -> Visitor:
    """A browser in which the receiver is signed in."""
    return ordering.visitor(client, connected, Role.RECEIVER)


@pytest.fixture
def order(connected: Hospital) -> PurchaseOrder:
    """Four boxes of catheters (by lot and expiry) on line 10, two of gloves on line 20, partly shipped."""
    order = ordering.sent(connected, {connected.catheter_offer: 4, connected.gloves_offer: 2})
    lots = {10: [lot(1, "L1", LATER), lot(2, "L2", LATER)], 20: [lot(2)]}
    ship(ship_notice(order.number, lots, number="SN-77", sscc=SSCC))
    return fresh(order)


def values(shown: TestResponse) -> dict[str, str]:
    """What stands in the fields of the entry form."""
    page = parsed(shown)
    (form,) = page.xpath("//form[@id='receive']")
    return {name: value for name, value in form.form_values() if name != "csrf_token"}


def enter(receiver: Visitor, order: PurchaseOrder, **typed: Any) -> TestResponse:
    """Fills the entry form; keys are row and field, such as r0_quantity."""
    changes = {f"entries-{key[1:].replace('_', '-', 1)}": value for key, value in typed.items()}
    address = f"/receive/{order.id}"
    return receiver.submit(address, changes, action=address)


def entered(receiver: Visitor, order: PurchaseOrder) -> Receipt:
    """Two boxes of gloves, entered."""
    assert enter(receiver, order, r1_quantity="2").status_code == 303
    receipt = db.session.query(Receipt).order_by(Receipt.id.desc()).populate_existing().first()
    assert receipt is not None
    return receipt


# Finding what arrived


def test_what_is_expected_next_comes_first(connected: Hospital, receiver: Visitor) -> None:
    today = clock.today()
    late = ordering.sent(connected, {connected.gloves_offer: 1}, need_by=today + timedelta(days=9))
    soon = ordering.sent(connected, {connected.gloves_offer: 1}, need_by=today + timedelta(days=2))
    parcel = ordering.sent(connected, {connected.gloves_offer: 2}, need_by=today + timedelta(days=20))
    ship(ship_notice(parcel.number, {10: [lot(1)]}, arrives=clock.now()))
    ordering.placed(connected, {connected.gloves_offer: 1})
    done = ordering.sent(connected, {connected.gloves_offer: 1})
    ordering.received(connected, done, {10: 1})
    page = parsed(receiver.get("/receive"))
    assert page.xpath("//main//tbody/tr/th/a/text()") == [parcel.number, soon.number, late.number]
    assert "on its way" in words(receiver.get("/receive"))


@pytest.mark.parametrize("typed", ["{number}", "{lower}", "4500000001", "SN-77", "sn-77"])
def test_a_number_or_barcode_opens_its_order(receiver: Visitor, order: PurchaseOrder, typed: str) -> None:
    text = typed.format(number=order.number, lower=order.number.lower())
    answer = receiver.get("/receive", query_string={"q": text})
    assert (answer.status_code, answer.headers.get("Location")) == (302, f"/receive/{order.id}/scan")


def packed(notice: ShipNotice, *packages: dict[str, Any]) -> ShipNotice:
    """The notice with these packages around each of its lines, the pallet first."""
    around = [{"sscc": SSCC}, *({"parent_sscc": SSCC, **one} for one in packages)]
    lines = [line.model_dump() | {"packages": around} for line in notice.lines]
    return notice.model_validate(notice.model_dump() | {"lines": lines})


@pytest.mark.parametrize("typed", [SSCC, f"(00){SSCC}", f"]C100{SSCC}"])
def test_the_label_of_a_pallet_opens_what_it_holds_of_every_order(
    connected: Hospital, receiver: Visitor, order: PurchaseOrder, typed: str
) -> None:
    other = ordering.sent(connected, {connected.gloves_offer: 3})
    ship(ship_notice(other.number, {10: [lot(3)]}, number="SN-78", sscc=SSCC))
    page = f"/receive/package?sscc={SSCC}"
    assert receiver.get("/receive", query_string={"q": typed}).headers["Location"] == page
    shown = words(receiver.get(page))
    for told in (order.number, other.number, "L1", "L2", "of 2 orders", "All of it is here"):
        assert told in shown
    assert receiver.submit(page, {"key": "pallet-0001"}, action="/receive/package").status_code == 303
    shown = words(receiver.get(page))
    assert f"Check {other.number}" in shown
    assert "All of it is here" not in shown
    receipts = [queries.receipts_of(one.id)[0] for one in (order, other)]
    drafts = {one.order_id: len(one.lines) for one in receipts}
    assert drafts == {order.id: 3, other.id: 1}


def test_a_carton_counts_its_part_of_the_pallet_once(connected: Hospital, receiver: Visitor) -> None:
    order = ordering.sent(connected, {connected.catheter_offer: 3})
    first, second = "006141410000009999", "006141410000008888"
    notice = ship_notice(order.number, {10: [lot(3, "L1", LATER)]}, sscc=SSCC)
    ship(packed(notice, {"sscc": first, "quantity": 1}, {"sscc": second, "quantity": 2}))
    found = receiver.get("/receive", query_string={"q": first})
    assert found.headers["Location"] == f"/receive/package?sscc={first}"
    scan = f"/receive/{order.id}/scan"
    for text, told in {
        first: "1 BX Urinary catheter",
        f"(00){first}": "is counted already",
        SSCC: "A part of Parcel",
        second: "3 of 3 BX counted",
    }.items():
        answer = receiver.submit(scan, {"text": text}, action=scan, follow_redirects=True)
        assert told in words(answer), text
    (receipt,) = queries.receipts_of(order.id)
    assert [(one.quantity, one.lot, one.expires_on) for one in receipt.lines] == [(3, "L1", LATER)]


def test_a_number_that_leads_nowhere_says_why(connected: Hospital, receiver: Visitor) -> None:
    done = ordering.sent(connected, {connected.gloves_offer: 1})
    ordering.received(connected, done, {10: 1})
    waiting = ordering.placed(connected, {connected.gloves_offer: 1})
    for text, sentence in {
        "PO00-1": "No order, ship notice or parcel has the number PO00-1.",
        done.number: f"{done.number} is received in full.",
        waiting.number: f"{waiting.number} has not been sent to the supplier yet.",
        "<b>": "No order, ship notice or parcel has the number <b>.",
        "(01)00000096385074": "No order that can be received waits for the item of this barcode.",
        "(01)09506000134353": "cannot be read. The last digit",
        "%": "No order, ship notice or parcel has the number %.",
    }.items():
        shown = receiver.get("/receive", query_string={"q": text})
        assert shown.status_code == 200
        assert sentence in words(shown), text


def test_another_organizations_numbers_lead_nowhere(receiver: Visitor) -> None:
    with transaction():
        other = hospitals.build()
    ordering.connect(other)
    foreign = ordering.sent(other, {other.gloves_offer: 1})
    shown = receiver.get("/receive", query_string={"q": foreign.number})
    assert f"has the number {foreign.number}" in words(shown)
    for page in (f"/receive/{foreign.id}", f"/receive/{10**15}"):
        assert receiver.get(page).status_code == 404


# Entering


def test_receiving_in_two_steps(connected: Hospital, receiver: Visitor, order: PurchaseOrder) -> None:
    shown = receiver.get(f"/receive/{order.id}")
    assert "4 BX to come of 4 ordered, 3 shipped. 1 BX is 10 EA." in words(shown)
    answer = enter(
        receiver, order, r0_quantity="3", r0_lot=" L1 ", r0_expires_on=LATER.isoformat(), r1_quantity="2"
    )
    assert answer.status_code == 303
    check = receiver.get(answer.headers["Location"])
    assert "Step 2 of 2: check, then post." in words(check)
    assert "3 BX30 EA L1 Dec 31, 2031 1 BX" in words(check)
    assert on_hand(connected.clinic.id, [connected.gloves.id]) == {}
    page = answer.headers["Location"]
    posted = receiver.submit(page, action=f"{page}/post")
    assert posted.status_code == 303
    told = words(receiver.get(page))
    assert "is posted. The stock is counted and the ERP is told." in told
    assert "on its way to the ERP" in told
    assert on_hand(connected.clinic.id, [connected.catheter.id]) == {connected.catheter.id: 30}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"r1_quantity": "abc"}, "Enter a number, for example 12."),
        ({"r1_quantity": "-1"}, "Enter a quantity above zero."),
        ({"r1_quantity": "NaN"}, "Enter a quantity above zero."),
        ({"r1_quantity": "1e9"}, "Enter at most 999,999."),
        ({"r1_quantity": "0.0001"}, "Enter at most three decimals."),
        ({"r1_quantity": "0"}, "Enter the quantity of at least one line."),
        ({}, "Enter the quantity of at least one line."),
        ({"r1_quantity": "3"}, "at most 2.2 BX can be received (2 ordered)."),
        ({"r0_quantity": "1"}, "is tracked by lot. Enter the lot printed on the pack."),
        ({"r0_quantity": "1", "r0_lot": "L1"}, "expires. Enter the date printed on the pack."),
        ({"r0_lot": "L1"}, "Enter how many of this lot there are, or empty the row."),
        ({"r0_quantity": "1", "r0_lot": "L1", "r0_expires_on": "2020-01-01"}, "expired on Jan 1, 2020."),
        (
            {"r0_quantity": "1", "r0_lot": "L1", "r0_expires_on": "2031-13-45"},
            "Enter a date that exists, for example 2027-03-31.",
        ),
        ({"r0_quantity": "1", "r0_lot": "L" * 31}, "A lot has at most 30 characters."),
    ],
)
def test_bad_entries_are_said_beside_their_field_and_nothing_is_lost(
    receiver: Visitor, order: PurchaseOrder, typed: dict[str, str], sentence: str
) -> None:
    answer = enter(receiver, order, **typed)
    assert answer.status_code == 422
    assert sentence in words(answer)
    kept = values(answer)
    for key, value in typed.items():
        assert kept[f"entries-{key[1:].replace('_', '-', 1)}"] == value
    assert db.session.query(Receipt).count() == 0


def test_every_problem_is_marked_at_its_own_field(receiver: Visitor, order: PurchaseOrder) -> None:
    answer = enter(receiver, order, r0_quantity="9", r1_quantity="9")
    page = parsed(answer)
    assert page.xpath("//*[@aria-invalid='true']/@id") == [
        "entries-0-quantity",
        "entries-0-lot",
        "entries-0-expires_on",
        "entries-1-quantity",
    ]
    links = page.xpath("//*[@id='error-summary-title']/following-sibling::ul/li/a/@href")
    assert links == [f"#{field}" for field in page.xpath("//*[@aria-invalid='true']/@id")]
    assert len(page.xpath("//*[@id='error-summary-title']/following-sibling::ul/li")) == len(links)


def test_the_first_button_of_the_form_is_the_one_that_enter_means(
    receiver: Visitor, order: PurchaseOrder
) -> None:
    page = parsed(receiver.get(f"/receive/{order.id}"))
    first = page.xpath("//form[@id='receive']//button")[0]
    assert first.get("name") is None
    assert "Check what I entered" in first.text_content()


def test_a_lot_is_added_without_losing_what_was_typed(receiver: Visitor, order: PurchaseOrder) -> None:
    address = f"/receive/{order.id}"
    shown = receiver.get(address)
    line_id = values(shown)["entries-0-line_id"]
    typed = {"entries-0-quantity": "x1", "entries-0-lot": "L1", "entries-1-quantity": "2", "add": line_id}
    answer = receiver.send(shown, typed, action=address)
    assert answer.status_code == 200
    kept = values(answer)
    assert (kept["entries-0-quantity"], kept["entries-0-lot"]) == ("x1", "L1")
    assert (kept["entries-1-line_id"], kept["entries-1-quantity"]) == (line_id, "")
    assert kept["entries-2-quantity"] == "2"
    assert kept["form_key"] == values(shown)["form_key"]
    for nonsense in ("", "abc", "999999999999", "9" * 40):
        again = receiver.send(answer, {"add": nonsense}, action=address)
        assert (again.status_code, values(again)) == (200, kept)


def test_lot_and_date_are_filled_down_without_overwriting(receiver: Visitor, order: PurchaseOrder) -> None:
    address = f"/receive/{order.id}"
    shown = receiver.get(address)
    line_id = values(shown)["entries-0-line_id"]
    for _ in range(3):
        shown = receiver.send(shown, {"add": line_id}, action=address)
    typed = {"entries-0-lot": "L1", "entries-0-expires_on": "2031-12-31", "entries-1-quantity": "2"}
    answer = receiver.send(shown, {**typed, "entries-2-lot": "L9", "down": line_id}, action=address)
    kept = values(answer)
    rows = [
        tuple(kept[f"entries-{row}-{name}"] for name in ("quantity", "lot", "expires_on")) for row in range(4)
    ]
    day = "2031-12-31"
    assert rows == [("", "L1", day), ("2", "L1", day), ("", "L9", day), ("", "", "")]


def test_the_ship_notice_fills_only_what_is_empty(receiver: Visitor, order: PurchaseOrder) -> None:
    address = f"/receive/{order.id}"
    shown = receiver.get(address)
    answer = receiver.send(shown, {"entries-1-quantity": "1", "autofill": "1"}, action=address)
    kept = {name: value for name, value in values(answer).items() if not name.endswith("line_id")}
    del kept["form_key"], kept["seen"]
    assert kept == {
        "entries-0-quantity": "1",
        "entries-0-lot": "L1",
        "entries-0-expires_on": "2031-12-31",
        "entries-1-quantity": "2",
        "entries-1-lot": "L2",
        "entries-1-expires_on": "2031-12-31",
        "entries-2-quantity": "1",
        "entries-2-lot": "",
        "entries-0-serial": "",
        "entries-1-serial": "",
        "entries-2-serial": "",
    }


def test_the_ship_notice_fills_what_was_not_received_yet(
    connected: Hospital, receiver: Visitor, order: PurchaseOrder
) -> None:
    ordering.received(connected, order, {10: 2, 20: 2})  # lot L1: one of it was shipped as such, one as L2
    address = f"/receive/{order.id}"
    answer = receiver.send(receiver.get(address), {"autofill": "1"}, action=address)
    assert (values(answer)["entries-0-quantity"], values(answer)["entries-0-lot"]) == ("1", "L2")
    assert "entries-1-quantity" not in values(answer)


def test_a_double_click_makes_one_receipt(receiver: Visitor, order: PurchaseOrder) -> None:
    address = f"/receive/{order.id}"
    shown = receiver.get(address)
    answers = [receiver.send(shown, {"entries-1-quantity": "2"}, action=address) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert db.session.query(Receipt).count() == 1


def test_the_back_button_corrects_what_was_entered(receiver: Visitor, order: PurchaseOrder) -> None:
    address = f"/receive/{order.id}"
    shown = receiver.get(address)
    receiver.send(shown, {"entries-1-quantity": "2"}, action=address)
    answer = receiver.send(shown, {"entries-1-quantity": "1"}, action=address)
    assert "1 BX10 EA" in words(receiver.get(answer.headers["Location"]))
    page = answer.headers["Location"]
    assert receiver.submit(page, action=f"{page}/post").status_code == 303
    late = receiver.send(shown, {"entries-1-quantity": "2"}, action=address)
    assert late.status_code == 409
    assert "What you changed since was not counted" in words(late)


def test_the_correct_button_brings_the_form_back(receiver: Visitor, order: PurchaseOrder) -> None:
    receipt = entered(receiver, order)
    address = f"/receive/{order.id}?receipt={receipt.id}"
    shown = receiver.get(address)
    kept = values(shown)
    assert kept["entries-0-quantity"] == "2"
    assert kept["form_key"] == receipt.form_key
    receiver.send(shown, {"entries-0-quantity": "1"}, action=f"/receive/{order.id}")
    waits = "Entered and not posted yet"
    pages = (address, f"/receive/{order.id}", f"/receive/{order.id}/scan", "/receive")
    assert [waits in words(receiver.get(page)) for page in pages] == [False, True, False, True]
    corrected = queries.find(receipt.id)
    assert corrected is not None
    assert db.session.query(Receipt).count() == 1
    for nonsense in ("abc", "-1", "9" * 40, "999999"):
        assert receiver.get(f"/receive/{order.id}?receipt={nonsense}").status_code == 200


def test_rows_of_foreign_lines_and_damaged_forms_are_refused(
    connected: Hospital, receiver: Visitor, order: PurchaseOrder
) -> None:
    other = ordering.sent(connected, {connected.gloves_offer: 1})
    foreign = other.lines[0].id
    answer = enter(receiver, order, r1_line_id=str(foreign), r1_quantity="1")
    assert answer.status_code == 404
    for damaged in ("", "x", "9" * 40):
        answer = enter(receiver, order, r1_line_id=damaged, r1_quantity="1")
        assert answer.status_code == 404
    address = f"/receive/{order.id}"
    answer = receiver.submit(address, {"form_key": "short", "entries-1-quantity": "1"}, action=address)
    assert answer.status_code == 422
    assert "This form is damaged. Open the order again." in words(answer)
    assert db.session.query(Receipt).count() == 0


def test_an_order_received_in_full_asks_for_nothing(connected: Hospital, receiver: Visitor) -> None:
    order = ordering.sent(connected, {connected.gloves_offer: 1})
    ordering.received(connected, order, {10: 1})
    assert "Everything is received" in words(receiver.get(f"/receive/{order.id}"))


# Checking and posting


def test_a_second_post_counts_nothing_and_says_so(
    connected: Hospital, receiver: Visitor, order: PurchaseOrder
) -> None:
    page = f"/receive/receipts/{entered(receiver, order).id}"
    shown = receiver.get(page)
    assert receiver.send(shown, action=f"{page}/post").status_code == 303
    again = receiver.send(shown, action=f"{page}/post")
    assert again.status_code == 409
    assert "is posted already." in words(again)
    discarded = receiver.send(shown, action=f"{page}/discard")
    assert discarded.status_code == 409
    assert on_hand(connected.clinic.id, [connected.gloves.id]) == {connected.gloves.id: 20}


def test_what_somebody_else_received_meanwhile_is_said_on_the_check(
    connected: Hospital, receiver: Visitor, order: PurchaseOrder
) -> None:
    page = f"/receive/receipts/{entered(receiver, order).id}"
    shown = receiver.get(page)
    ordering.received(connected, order, {20: 2})
    answer = receiver.send(shown, action=f"{page}/post")
    assert answer.status_code == 422
    assert "at most 0.2 BX can be received (2 ordered, 2 received before)" in words(answer)
    assert "Correct" in words(answer)


def test_discarding_throws_away_and_leads_back(receiver: Visitor, order: PurchaseOrder) -> None:
    page = f"/receive/receipts/{entered(receiver, order).id}"
    answer = receiver.submit(page, action=f"{page}/discard")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/receive/{order.id}")
    assert "Nothing was counted." in words(receiver.get(answer.headers["Location"]))


def test_the_check_points_at_what_to_look_at_twice(
    connected: Hospital, receiver: Visitor, order: PurchaseOrder
) -> None:
    ordering.received(connected, order, {10: 1})  # lot L1 with another expiry date
    answer = enter(
        receiver, order, r0_quantity="3.4", r0_lot="L1", r0_expires_on=LATER.isoformat(), r1_quantity="2"
    )
    told = words(receiver.get(answer.headers["Location"]))
    assert "Look again: 0.4 BX more than ordered" in told
    assert "Look again: lot L1 on hand expires" in told


def test_the_erp_number_appears_when_it_comes(receiver: Visitor, order: PurchaseOrder) -> None:
    page = f"/receive/receipts/{entered(receiver, order).id}"
    receiver.submit(page, action=f"{page}/post")
    shown = parsed(receiver.get(page))
    (address,) = shown.xpath("//div[@id='receipt']/@hx-get")
    assert receiver.get(address).status_code == 204
    with transaction():
        message = db.session.query(Message).filter_by(kind="receipt").one()
        message.reference = "5000000042/2026"
        receiving.taken_by_erp(message)
    news = receiver.get(address)
    assert "5000000042/2026" in news.get_data(as_text=True)
    assert "hx-get" not in news.get_data(as_text=True)


def test_a_receipt_the_erp_refuses_says_so(receiver: Visitor, order: PurchaseOrder) -> None:
    page = f"/receive/receipts/{entered(receiver, order).id}"
    receiver.submit(page, action=f"{page}/post")
    with transaction():
        message = db.session.query(Message).filter_by(kind="receipt").one()
        exchange.move(message, "claim")
        exchange.stop(
            message, reason="delivery", sentence="S/4HANA did not take it: M7 053", suggestion="Retry."
        )
        receiving.stopped(message)
    told = words(receiver.get(page))
    assert "S/4HANA did not take it: M7 053 Retry. The stock is counted all the same." in told


def test_receipts_are_listed_found_and_exported(
    connected: Hospital, receiver: Visitor, order: PurchaseOrder
) -> None:
    receipt = entered(receiver, order)
    assert receipt.number in words(receiver.get(f"/receive/receipts?q={order.number}"))
    assert "No receipts here" in words(receiver.get("/receive/receipts?q=nothing"))
    header, row = csv.reader(
        io.StringIO(receiver.get("/receive/receipts.csv").get_data().decode("utf-8-sig"))
    )
    assert dict(zip(header, row, strict=True))["receipt"] == receipt.number
    with recorded() as few:
        receiver.get("/receive/receipts")
    for _ in range(3):
        other = ordering.sent(connected, {connected.gloves_offer: 1})
        ordering.received(connected, other, {10: 1})
    with recorded() as many:
        receiver.get("/receive/receipts")
    assert len(many) == len(few)


def test_the_list_asks_the_same_number_of_questions_for_any_number_of_orders(
    connected: Hospital, receiver: Visitor
) -> None:
    counts = []
    for _ in range(3):
        ordering.sent(connected, {connected.gloves_offer: 1, connected.catheter_offer: 1})
        with recorded() as heard:
            receiver.get("/receive")
        counts.append(len(heard))
    assert len(set(counts)) == 1


@pytest.mark.parametrize("role", [Role.APPROVER, Role.CLINICIAN, Role.AUDITOR])
def test_people_without_the_permission_are_kept_out(
    client: Visitor, connected: Hospital, receiver: Visitor, order: PurchaseOrder, role: Role
) -> None:
    receipt = entered(receiver, order)
    browser = ordering.visitor(client, connected, role)
    pages = ("", f"/{order.id}", "/receipts", "/receipts.csv", f"/receipts/{receipt.id}")
    for page in pages:
        assert browser.get(f"/receive{page}").status_code == 403, page


def test_another_organizations_receipt_does_not_exist(receiver: Visitor) -> None:
    with transaction():
        other = hospitals.build()
    ordering.connect(other)
    foreign = ordering.sent(other, {other.gloves_offer: 1})
    receipt = ordering.received(other, foreign, {10: Decimal(1)})
    for page in (f"/receive/receipts/{receipt.id}", f"/receive/receipts/{receipt.id}/live"):
        assert receiver.get(page).status_code == 404
    token = receiver.csrf_token("/receive")
    for action in ("post", "discard"):
        answer = receiver.post(f"/receive/receipts/{receipt.id}/{action}", data={"csrf_token": token})
        assert answer.status_code == 404
