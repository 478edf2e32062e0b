"""Stock at a location: on hand, par, lots and expiry, filters, paging and the file."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import pytest

from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.spreadsheets import cell
from portal.identity.rules import Role
from portal.inventory.models import Stock, StockMovement
from portal.inventory.queries import on_hand
from portal.inventory.rules import SOON, Expiry, MovementKind, expiry_of
from portal.inventory.services import Move, move
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.requesting import offered, par, stocked
from tests.statements import recorded
from tests.visitor import Visitor

TODAY = clock.today("America/Chicago")


@pytest.fixture
def keeper(hospital: Hospital, client: Visitor) -> Visitor:
    """The receiver, signed in; catheters in three lots, gloves below par, masks out of stock."""
    receiver = hospital.actor(Role.RECEIVER)
    with transaction():
        for lot, quantity, days in (("OLD", 3, -1), ("SOON", 4, 20), ("GOOD", 5, 400)):
            stocked(
                receiver, hospital.clinic, hospital.catheter.id, quantity, lot=lot,
                expires_on=TODAY + timedelta(days=days),
            )  # fmt: skip
        stocked(receiver, hospital.clinic, hospital.gloves.id, 5)
        par(hospital.clinic, hospital.gloves.id, 20, 45)
        mask = offered(hospital, "M-9", "=Mask, surgical")
        par(hospital.clinic, mask.item_id, 1, 9)
    client.sign_in(hospital.email(Role.RECEIVER))
    return client


def names(client: Visitor, **arguments: str) -> set[str]:
    """Which of the three items the page shows."""
    answer = client.get("/stock", query_string=arguments)
    assert answer.status_code == 200
    text = answer.get_data(as_text=True)
    return {code for code in ("CATH-14", "GLOVE-M", "M-9") if code in text}


def test_stock_tells_what_is_low_out_expired_or_soon(keeper: Visitor) -> None:
    text = keeper.get("/stock").get_data(as_text=True)
    for shown in ("12", "Below par", "Out of stock", "Expired", "Expires soon", "20 to 45", "GOOD"):
        assert shown in text
    assert text.count("Expired</span>") == 1
    assert text.index("OLD") < text.index("SOON") < text.index("GOOD"), "the first to expire first"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ({}, {"CATH-14", "GLOVE-M", "M-9"}),
        ({"low": "y"}, {"GLOVE-M", "M-9"}),
        ({"expiring": "y"}, {"CATH-14"}),
        ({"low": "y", "expiring": "y"}, set()),
        ({"q": "glove"}, {"GLOVE-M"}),
        ({"q": "cath-14"}, {"CATH-14"}),
        ({"q": "%"}, set()),
        ({"q": "\0glove"}, {"GLOVE-M"}),
        ({"q": "zzz"}, set()),
        ({"page": "99"}, set()),
        ({"page": "x"}, {"CATH-14", "GLOVE-M", "M-9"}),
    ],
)
def test_filters(keeper: Visitor, arguments: dict[str, str], shown: set[str]) -> None:
    assert names(keeper, **arguments) == shown


@pytest.mark.parametrize(
    ("sort", "first"),
    [("name", "M-9"), ("-name", "CATH-14"), ("on_hand", "M-9"), ("-on_hand", "CATH-14"), ("x", "M-9")],
)
def test_sorting(keeper: Visitor, sort: str, first: str) -> None:
    text = keeper.get(f"/stock?sort={sort}").get_data(as_text=True)
    codes = ("CATH-14", "GLOVE-M", "M-9")
    assert min(codes, key=text.index) == first


def test_the_file_holds_every_lot_and_no_formula(keeper: Visitor) -> None:
    answer = keeper.get("/stock.csv")
    assert answer.mimetype == "text/csv"
    assert f"stock-ED01-{TODAY.isoformat()}.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [
        (row["Lot"], row["On hand"], row["State"]) for row in rows if row["Item number"] == "CATH-14"
    ] == [
        ("OLD", "3", "Expired"),
        ("SOON", "4", "Expires soon"),
        ("GOOD", "5", "In stock"),
    ]
    (mask,) = [row for row in rows if row["Item number"] == "M-9"]
    assert (mask["Item"], mask["On hand"], mask["Par minimum"]) == ("'=Mask, surgical", "0", "1")
    assert len(list(csv.DictReader(io.StringIO(keeper.get("/stock.csv?low=y").text)))) == 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1"])
def test_a_spreadsheet_computes_nothing(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell("Mask, 3-ply") == "Mask, 3-ply"
    assert cell(Decimal("-3.500")) == "-3.5", "a number stays one"


def test_each_location_has_its_own_stock(keeper: Visitor, hospital: Hospital) -> None:
    text = keeper.get(f"/stock?location={hospital.storeroom.id}").get_data(as_text=True)
    assert "No stock at Central storeroom yet" in text
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    for page in ("/stock", "/stock.csv"):
        assert keeper.get(f"{page}?location={other.clinic.id}").status_code == 404


def test_the_page_asks_as_little_for_many_rows(keeper: Visitor, hospital: Hospital) -> None:
    keeper.get("/stock")
    with recorded() as few:
        keeper.get("/stock")
    with transaction():
        for number in range(60):
            stocked(
                hospital.actor(Role.RECEIVER),
                hospital.clinic,
                offered(hospital, f"X-{number}", "X").item_id,
                1,
            )
    with recorded() as many:
        text = keeper.get("/stock").get_data(as_text=True)
    assert len(many) == len(few)
    assert "1–50</span> of <span" in text


def test_people_without_the_catalog_see_no_dead_links(keeper: Visitor) -> None:
    text = keeper.get("/stock").get_data(as_text=True)
    assert "/catalog/items/" not in text


@pytest.mark.parametrize(
    ("expires_on", "state"),
    [
        (None, Expiry.NONE),
        (TODAY - timedelta(days=1), Expiry.EXPIRED),
        (TODAY, Expiry.SOON),
        (TODAY + SOON, Expiry.SOON),
        (TODAY + SOON + timedelta(days=1), Expiry.GOOD),
    ],
)
def test_a_lot_may_be_used_on_the_day_it_expires(expires_on: date | None, state: Expiry) -> None:
    assert expiry_of(expires_on, TODAY) is state


def test_a_repeated_movement_counts_once_and_keeps_the_expiry(hospital: Hospital) -> None:
    receiver = hospital.actor(Role.RECEIVER)
    expires_on = TODAY + timedelta(days=90)
    place, item_id = hospital.clinic.id, hospital.catheter.id
    first = Move("a", MovementKind.RECEIPT, place, item_id, Decimal(10), lot="L1", expires_on=expires_on)
    back = Move("b", MovementKind.RECEIPT_REVERSAL, place, item_id, Decimal(-4), lot="L1")
    for _ in range(2):
        with transaction():
            move(receiver, [first, back])
    assert on_hand(hospital.clinic.id, [hospital.catheter.id]) == {hospital.catheter.id: 6}
    assert db.session.query(StockMovement).count() == 2
    assert db.session.query(Stock).one().expires_on == expires_on
