"""Counts: blind, counted again where they differ, posted as movements; lots handled one by one."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.exchange.models import WorkItem
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.inventory.models import CountLine, CountSheet, Stock, StockMovement
from portal.inventory.proof import discrepancies
from portal.inventory.queries import on_hand
from portal.inventory.rules import Condition, CountState, MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.models import Item
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.requesting import offered, par, stocked
from tests.visitor import Visitor

TODAY = clock.today("America/Chicago")


@pytest.fixture
def keeper(hospital: Hospital, client: Visitor) -> Visitor:
    """The receiver, signed in; gloves without lots, catheters in two lots, masks with a par and no stock."""
    receiver = hospital.actor(Role.RECEIVER)
    with transaction():
        stocked(receiver, hospital.clinic, hospital.gloves.id, 30)
        stocked(
            receiver, hospital.clinic, hospital.catheter.id, 4, lot="A", expires_on=TODAY + timedelta(days=20)
        )
        stocked(
            receiver, hospital.clinic, hospital.catheter.id, 6, lot="B", expires_on=TODAY - timedelta(days=1)
        )
        par(hospital.clinic, offered(hospital, "M-9", "Mask, surgical").item_id, 1, 9)
    client.sign_in(hospital.email(Role.RECEIVER))
    return client


def post(client: Visitor, path: str, data: Mapping[str, object] | None = None) -> TestResponse:
    """Sends what a form of the portal would send."""
    return client.post(path, data={**(data or {}), "csrf_token": client.csrf_token("/counts")})


def started(client: Visitor, which: str = "all") -> tuple[str, dict[tuple[str, str], str]]:
    """A count at the clinic: its path, and the names of its boxes by item and lot."""
    answer = post(client, "/counts", {"which": which})
    assert answer.status_code == 303, answer.text
    sheet_id = int(answer.location.rsplit("/", 1)[1])
    lines = db.session.scalars(select(CountLine).where(CountLine.sheet_id == sheet_id))
    return f"/counts/{sheet_id}", {(_code(line.item_id), line.lot): f"line-{line.id}" for line in lines}


def _code(item_id: int) -> str:
    return str(db.session.scalar(select(Item.code).where(Item.id == item_id)))


def lot_of(hospital: Hospital, lot: str) -> Stock:
    """The clinic's stock row of a lot of catheters, as it is now."""
    return db.session.scalars(
        select(Stock)
        .where(
            Stock.lot == lot, Stock.condition == Condition.AVAILABLE, Stock.location_id == hospital.clinic.id
        )
        .execution_options(populate_existing=True)
    ).one()


def test_what_differs_is_counted_again_blind_and_then_posted(keeper: Visitor, hospital: Hospital) -> None:
    path, box = started(keeper)
    text = keeper.get(path).text
    assert 'value="30"' not in text, "the book is not shown"
    counted = {
        box["GLOVE-M", ""]: "28",
        box["CATH-14", "A"]: "4",
        box["CATH-14", "B"]: "5",
        box["M-9", ""]: "",
    }
    refused = post(keeper, path, {**counted, "finish": "1"})
    assert refused.status_code == 422
    assert "Count Mask, surgical too, or enter 0" in refused.text
    assert 'value="28"' in refused.text
    assert post(keeper, path, {**counted, box["M-9", ""]: "0", "finish": "1"}).status_code == 303
    text = keeper.get(path).text
    assert "Count them once more" in text
    assert box["GLOVE-M", ""] in text
    assert box["CATH-14", "A"] not in text, "what agreed is not asked again"
    with transaction():
        use = Move("u", MovementKind.USAGE, hospital.clinic.id, hospital.gloves.id, Decimal(-1))
        move(hospital.actor(Role.RECEIVER), [use])
    again = {box["GLOVE-M", ""]: "28", box["CATH-14", "B"]: "6"}
    assert post(keeper, path, {**again, "finish": "1"}).status_code == 303
    text = keeper.get(path).text
    assert "Posted" in text
    assert "-1" in text, "the book said 29 after the use"
    items = [hospital.gloves.id, hospital.catheter.id]
    assert list(on_hand(hospital.clinic.id, items).values()) == [28, 10]
    assert discrepancies() == []
    assert post(keeper, path, {"finish": "1"}).status_code == 409
    posted = db.session.scalars(select(StockMovement).where(StockMovement.kind == MovementKind.COUNT)).one()
    assert (posted.quantity, posted.document[:4]) == (-1, "CT" + f"{TODAY.year % 100}")


def test_scans_jump_to_their_line_and_add_what_is_missing(keeper: Visitor, hospital: Hospital) -> None:
    path, box = started(keeper)
    answer = post(keeper, path, {"scan": "cath-14", box["GLOVE-M", ""]: "7"})
    line_id = box["CATH-14", "B"].removeprefix("line-")  # the first to expire
    assert answer.location.endswith(f"?line={line_id}")
    text = keeper.get(answer.location).text
    assert 'value="7"' in text, "what was typed is kept"
    assert text.split(f'id="line-{line_id}"')[1].split(">")[0].count("autofocus") == 1, "ready to type"
    unknown = post(keeper, path, {"scan": "nonsense", box["GLOVE-M", ""]: "8"})
    assert unknown.status_code == 422
    assert "No item has this number or barcode" in unknown.text
    with transaction():
        offered(hospital, "X-1", "Extra")
    assert post(keeper, path, {"scan": "X-1"}).status_code == 303
    assert "Extra" in keeper.get(path).text
    bad = post(keeper, path, {box["GLOVE-M", ""]: "-1"})
    assert bad.status_code == 422
    assert "above zero" in bad.text


def test_a_book_below_zero_is_counted_and_the_work_item_goes(keeper: Visitor, hospital: Hospital) -> None:
    refused = post(keeper, "/counts", {"which": "below_zero"})
    assert refused.status_code == 422
    assert "nothing like that" in refused.text
    with transaction():
        use = Move("u", MovementKind.USAGE, hospital.clinic.id, hospital.gloves.id, Decimal(-33))
        move(hospital.actor(Role.RECEIVER), [use])
    path, box = started(keeper, "below_zero")
    assert list(box) == [("GLOVE-M", "")]
    for _ in range(2):
        assert post(keeper, path, {box["GLOVE-M", ""]: "2", "finish": "1"}).status_code == 303
    assert on_hand(hospital.clinic.id, [hospital.gloves.id]) == {hospital.gloves.id: 2}
    assert [one.resolved_at is None for one in db.session.scalars(select(WorkItem))] == [False]


def test_the_longest_uncounted_items_come_first_and_a_count_may_be_cancelled(
    keeper: Visitor, hospital: Hospital
) -> None:
    path, box = started(keeper)
    right = {
        box["GLOVE-M", ""]: "30",
        box["CATH-14", "A"]: "4",
        box["CATH-14", "B"]: "6",
        box["M-9", ""]: "0",
    }
    assert post(keeper, path, {**right, "finish": "1"}).status_code == 303
    with transaction():
        for number in range(30):
            stocked(
                hospital.actor(Role.RECEIVER),
                hospital.clinic,
                offered(hospital, f"Z-{number}", "Z").item_id,
                1,
            )
    again, fresh = started(keeper, "longest_ago")
    assert len(fresh) == 25
    assert all(code.startswith("Z-") for code, _ in fresh)
    assert post(keeper, f"{again}/cancel").status_code == 303
    text = keeper.get("/counts").text
    for shown in ("Cancelled", "Posted", "0 of 4 differed"):
        assert shown in text
    states = db.session.scalars(select(CountSheet.state).order_by(CountSheet.id)).all()
    assert states == [CountState.POSTED, CountState.CANCELLED]
    assert discrepancies() == []


def test_a_lot_is_transferred_wasted_quarantined_released_returned_and_adjusted(
    keeper: Visitor, hospital: Hospital
) -> None:
    lot = lot_of(hospital, "A").id
    path = f"/stock/lots/{lot}"
    assert "Transfer" in keeper.get(path).text

    def done(action: str, quantity: object, **values: object) -> TestResponse:
        return keeper.submit(
            f"{path}?do={action}", {"quantity": str(quantity), **values}, action=f"{path}/{action}"
        )

    to = str(hospital.storeroom.id)
    for action, values, said in (
        ("transfer", {"quantity": "1"}, "Choose a location"),
        ("transfer", {"quantity": "5", "to": to}, "has 4 of"),
        ("waste", {"quantity": "5", "reason": "Dropped"}, "There are 4"),
        ("waste", {"quantity": "1"}, "Say why"),
        ("quarantine", {"quantity": "9", "reason": "x"}, "has 4 of"),
        ("return", {"quantity": "x", "reason": "x"}, "Enter a number"),
        ("adjust", {"quantity": "4", "reason": "x"}, "says 4 already"),
    ):
        refused = keeper.submit(f"{path}?do={action}", values, action=f"{path}/{action}")
        assert refused.status_code == 422, action
        assert said in refused.text, action
    assert done("transfer", 1, to=to).status_code == 303
    assert done("waste", "0.5", reason="Dropped").status_code == 303
    assert done("quarantine", 1, reason="Damaged box").status_code == 303
    assert done("return", "0.5", reason="Wrong size").status_code == 303
    assert done("adjust", 7, reason="Found more").status_code == 303
    assert on_hand(hospital.storeroom.id, [hospital.catheter.id]) == {hospital.catheter.id: 1}
    assert lot_of(hospital, "A").on_hand == 7
    held = db.session.scalars(select(Stock).where(Stock.condition == Condition.QUARANTINED)).one()
    assert (held.on_hand, held.expires_on) == (1, lot_of(hospital, "A").expires_on)
    path = f"/stock/lots/{held.id}"
    assert "In quarantine" in keeper.get(path).text
    assert done("release", 1, reason="It is fine").status_code == 303
    assert lot_of(hospital, "A").on_hand == 8
    text = keeper.get(f"/stock/lots/{lot}").text
    for shown in ("Adjusted: +6", "Found more", "Sent to another location: -1", "Released: +1", "Receiver"):
        assert shown in text
    assert discrepancies() == []


def test_a_form_sent_twice_counts_once(keeper: Visitor, hospital: Hospital) -> None:
    path = f"/stock/lots/{lot_of(hospital, 'A').id}"
    shown = keeper.get(f"{path}?do=waste")
    for _ in range(2):
        answer = keeper.send(shown, {"quantity": "1", "reason": "Dropped"}, action=f"{path}/waste")
        assert answer.status_code == 303
    assert lot_of(hospital, "A").on_hand == 3


def test_lots_that_expire_are_listed_for_all_locations(keeper: Visitor, hospital: Hospital) -> None:
    text = keeper.get("/stock/expiring").text
    assert text.index("B</a>") < text.index("A</a>")
    assert "A</a>" not in keeper.get("/stock/expiring?days=0").text
    assert "Nothing expires" in keeper.get(f"/stock/expiring?days=30&location={hospital.storeroom.id}").text
    assert keeper.get("/stock/expiring?days=x&location=y").status_code == 200
    assert keeper.get("/stock/expiring?csv=1").text.count("\n") == 3


def test_others_neither_see_nor_change(keeper: Visitor, hospital: Hospital, client: Visitor) -> None:
    path, _ = started(keeper)
    lot = lot_of(hospital, "A").id
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    client.sign_in(other.email(Role.RECEIVER))
    for page in (path, f"/stock/lots/{lot}"):
        assert client.get(page).status_code == 404
    for page in (path, f"{path}/cancel", f"/stock/lots/{lot}/waste"):
        assert post(client, page, {"quantity": "1", "reason": "x", "form_key": "12345678"}).status_code == 404
    client.sign_in(hospital.email(Role.CLINICIAN))
    assert client.get(path).status_code == 403
    assert "Transfer" not in client.get(f"/stock/lots/{lot}").text


def test_the_work_item_of_a_book_below_zero_opens(keeper: Visitor, hospital: Hospital) -> None:
    with transaction():
        use = Move("u", MovementKind.USAGE, hospital.clinic.id, hospital.gloves.id, Decimal(-33))
        move(hospital.actor(Role.RECEIVER), [use])
    item_id = db.session.scalars(select(WorkItem.id)).one()
    assert "Stock below zero" in keeper.get("/operations/work-items").text
    text = keeper.get(f"/operations/work-items/{item_id}").text
    assert "used more Exam glove, nitrile, medium than the book had" in text
    assert f"/counts?location={hospital.clinic.id}" in text, "one click to the count"
