"""Invoices as an AP analyst enters and matches them; with bad input, twice, and from elsewhere."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.test import TestResponse

from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.invoices.models import Invoice
from portal.orders.models import PurchaseOrder
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance, parsed, words
from tests.statements import recorded
from tests.visitor import Visitor

TODAY = clock.today().isoformat()


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    """The hospital with its partners."""
    ordering.connect(hospital)
    return hospital


@pytest.fixture
def analyst(client: Visitor, connected: Hospital) -> Visitor:
    """A browser in which the AP analyst is signed in."""
    return ordering.visitor(client, connected, Role.AP_ANALYST)


@pytest.fixture
def order(connected: Hospital) -> PurchaseOrder:
    """Four boxes of gloves on line 10, three of them received."""
    order = ordering.sent(connected, {connected.gloves_offer: 4})
    ordering.received(connected, order, {10: 3})
    return order


def values(shown: TestResponse) -> dict[str, str]:
    """What stands in the fields of the form."""
    page = parsed(shown)
    (form,) = [one for one in page.forms if one.xpath(".//input[@name='number']")]
    return {name: value for name, value in form.form_values() if name != "csrf_token"}


def record(analyst: Visitor, order: PurchaseOrder, **typed: Any) -> TestResponse:
    """Fills the form of an order; keys with an underscore in front belong to the first line."""
    address = f"/invoices/new/{order.id}"
    changes = {f"charged-0-{key[1:]}" if key.startswith("_") else key: value for key, value in typed.items()}
    return analyst.submit(address, {"number": "INV-1", "invoiced_on": TODAY, **changes}, action=address)


def test_an_invoice_starts_with_what_was_received_at_the_ordered_price(
    analyst: Visitor, order: PurchaseOrder
) -> None:
    assert order.number in words(analyst.get("/invoices"))
    kept = values(analyst.get(f"/invoices/new/{order.id}"))
    assert (kept["charged-0-quantity"], kept["charged-0-unit_price"]) == ("3", "7.25")
    answer = record(analyst, order)
    assert answer.status_code == 303
    told = words(analyst.get(answer.headers["Location"]))
    assert "Matches" in told
    assert "The invoice matches order and receipt." in told
    assert "No order waits for its invoice" in words(analyst.get("/invoices"))


def test_only_real_differences_are_marked(analyst: Visitor, order: PurchaseOrder) -> None:
    answer = record(analyst, order, _quantity="4", _unit_price="7.30")
    shown = analyst.get(answer.headers["Location"])
    told = words(shown)
    assert "Invoice INV-1 differs: Exam glove, nitrile, medium: 4 BX invoiced, 3 received." in told
    assert "Was 3 now 4" in told
    assert "Was $7.25 now $7.30" in told
    assert "INV-1" in words(analyst.get("/invoices?show=differs"))
    matching = record(analyst, order, number="INV-2", _quantity="")
    assert matching.status_code == 422


def test_a_part_invoice_that_fits_marks_nothing(analyst: Visitor, order: PurchaseOrder) -> None:
    answer = record(analyst, order, _quantity="2")
    page = analyst.get(answer.headers["Location"])
    assert "<del>" not in page.get_data(as_text=True)
    kept = values(analyst.get(f"/invoices/new/{order.id}"))
    assert kept["charged-0-quantity"] == "1"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"number": ""}, "Enter the invoice number."),
        ({"number": "   "}, "Enter the invoice number."),
        ({"number": "x" * 41}, "An invoice number has at most 40 characters."),
        ({"invoiced_on": ""}, "Enter the date on the invoice."),
        ({"invoiced_on": "yesterday"}, "Enter a date that exists, for example 2027-03-31."),
        ({"invoiced_on": (clock.today() + timedelta(days=3)).isoformat()}, "This date is in the future."),
        ({"_quantity": ""}, "Enter the quantity of at least one line."),
        ({"_quantity": "0"}, "Enter the quantity of at least one line."),
        ({"_quantity": "-1"}, "Enter a quantity above zero."),
        ({"_quantity": "NaN"}, "Enter a quantity above zero."),
        ({"_quantity": "x"}, "Enter a number, for example 12."),
        ({"_quantity": "1000000"}, "Enter at most 999,999."),
        ({"_unit_price": ""}, "Enter the price on the invoice."),
        ({"_unit_price": "x"}, "Enter an amount, for example 12.50."),
        ({"_unit_price": "-1"}, "Enter an amount from 0 to 9,999,999."),
        ({"_unit_price": "NaN"}, "Enter an amount from 0 to 9,999,999."),
        ({"_unit_price": "Infinity"}, "Enter an amount from 0 to 9,999,999."),
        ({"_unit_price": "1e12"}, "Enter an amount from 0 to 9,999,999."),
        ({"_unit_price": "1.00001"}, "Enter at most 4 decimals."),
        ({"_unit_price": "1" * 60}, "Enter an amount from 0 to 9,999,999."),
    ],
)
def test_bad_input_is_said_beside_its_field_and_nothing_is_lost(
    connected: Hospital, analyst: Visitor, order: PurchaseOrder, typed: dict[str, str], sentence: str
) -> None:
    answer = record(analyst, order, **typed)
    assert answer.status_code == 422
    assert sentence in words(answer)
    kept = values(answer)
    for key, value in typed.items():
        assert kept[f"charged-0-{key[1:]}" if key.startswith("_") else key] == value
    assert db.session.query(Invoice).count() == 0
    assert balance(connected).invoiced == 0


@pytest.mark.parametrize("price", ["$7.25", "7.25", " 7.25 ", "7.2500"])
def test_prices_are_read_as_people_type_them(analyst: Visitor, order: PurchaseOrder, price: str) -> None:
    record(analyst, order, _unit_price=price)
    (invoice,) = db.session.query(Invoice).all()
    assert (invoice.total, invoice.matched) == (Decimal("21.75"), True)


def test_the_same_invoice_twice_is_recorded_once(
    connected: Hospital, analyst: Visitor, order: PurchaseOrder
) -> None:
    address = f"/invoices/new/{order.id}"
    shown = analyst.get(address)
    typed = {"number": "INV-1", "invoiced_on": TODAY}
    assert analyst.send(shown, typed, action=address).status_code == 303
    again = analyst.send(shown, typed, action=address)
    assert again.status_code == 409
    assert "Invoice INV-1 of Harborline Medical was recorded already." in words(again)
    assert values(again)["number"] == "INV-1"
    assert balance(connected).invoiced == Decimal("21.75")


def test_lines_of_another_order_are_refused(
    connected: Hospital, analyst: Visitor, order: PurchaseOrder
) -> None:
    other = ordering.sent(connected, {connected.gloves_offer: 1})
    for line_id in (other.lines[0].id, "", "x", "9" * 40):
        answer = record(analyst, order, _line_id=str(line_id))
        assert answer.status_code == 404
    assert db.session.query(Invoice).count() == 0


def test_another_organizations_orders_and_invoices_do_not_exist(client: Visitor, analyst: Visitor) -> None:
    with transaction():
        other = hospitals.build()
    ordering.connect(other)
    foreign = ordering.sent(other, {other.gloves_offer: 1})
    theirs = ordering.visitor(client, other, Role.AP_ANALYST)
    answer = record(theirs, foreign, _quantity="1")
    for page in (f"/invoices/new/{foreign.id}", answer.headers["Location"], f"/invoices/{10**15}"):
        assert analyst.get(page).status_code == 404
    token = analyst.csrf_token("/invoices")
    assert analyst.post(f"/invoices/new/{foreign.id}", data={"csrf_token": token}).status_code == 404


def test_invoices_are_sorted_found_and_exported(
    connected: Hospital, analyst: Visitor, order: PurchaseOrder
) -> None:
    for number, quantity in (("B-1", "1"), ("A-2", "2")):
        record(analyst, order, number=number, _quantity=quantity)

    def listed(query: str) -> list[str]:
        page = parsed(analyst.get(f"/invoices?show=all{query}"))
        return [str(text) for text in page.xpath("//main//tbody/tr/th/a/text()")]

    assert listed("") == ["A-2", "B-1"]
    assert listed("&sort=amount") == ["B-1", "A-2"]
    assert listed("&sort=-number") == ["B-1", "A-2"]
    assert listed("&sort=nonsense") == ["A-2", "B-1"]
    assert listed("&q=b-1") == ["B-1"]
    assert listed("&q=%25") == []
    assert listed("&page=99") == []
    content = analyst.get("/invoices/invoices.csv?show=all&sort=number").get_data().decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(content))
    assert [dict(zip(header, row, strict=True))["amount"] for row in rows] == ["14.5", "7.25"]


def test_the_lists_ask_the_same_number_of_questions_for_any_number_of_rows(
    connected: Hospital, analyst: Visitor
) -> None:
    counts = []
    for number in range(3):
        for quantity in ("1", "1"):
            order = ordering.sent(connected, {connected.gloves_offer: 2})
            ordering.received(connected, order, {10: 2})
            record(analyst, order, number=f"INV-{number}-{order.id}", _quantity=quantity)
        asked = []
        for page in ("/invoices", "/invoices?show=all"):
            with recorded() as heard:
                assert analyst.get(page).status_code == 200
            asked.append(len(heard))
        counts.append(asked)
    assert counts[0] == counts[1] == counts[2]


@pytest.mark.parametrize("role", [Role.BUYER, Role.RECEIVER, Role.AUDITOR])
def test_people_without_the_permission_are_kept_out(
    client: Visitor, connected: Hospital, analyst: Visitor, order: PurchaseOrder, role: Role
) -> None:
    invoice = record(analyst, order).headers["Location"]
    browser = ordering.visitor(client, connected, role)
    for page in ("/invoices", "/invoices/invoices.csv", f"/invoices/new/{order.id}", invoice):
        assert browser.get(page).status_code == 403, page
