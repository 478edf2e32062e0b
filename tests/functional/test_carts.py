"""The cart as a grid and several carts: codes, pasting, autosave, packs, charging, reasons, handing over."""

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid, NotFound
from portal.identity.models import Account
from portal.identity.rules import Role
from portal.identity.services import actor_of
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.models import CostCenter, ItemPackaging
from portal.requisitions import carts, queries, services
from portal.requisitions.models import Requisition
from tests.hospital import Hospital
from tests.requesting import actions, colleague, fields, in_cart, par, stocked
from tests.visitor import Visitor, form_of

GTIN = "00614141999996"


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def cart(hospital: Hospital) -> Requisition:
    """The clinic manager's cart as the database has it."""
    db.session.expire_all()
    present = queries.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    assert present is not None
    return present


def held(hospital: Hospital) -> dict[str, int]:
    """The packs in the cart by item number."""
    return {line.item.code: int(line.quantity) for line in cart(hospital).lines}


def keep(client: Visitor, mine: Requisition, **values: str) -> str:
    """What the page sends while somebody types, and the answer."""
    sent = fields(client, "/cart", f"/cart/{mine.id}/save")
    answer = client.post(f"/cart/{mine.id}/keep", data={**sent, **values})
    assert answer.status_code == 200
    return " ".join(answer.get_data(as_text=True).split())


# By codes


def test_codes_of_every_kind_fill_the_cart_line_by_line(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        pack = db.session.query(ItemPackaging).filter_by(item_id=hospital.gloves.id, uom="BX").one()
        pack.gtin = GTIN
    typed = [
        ("glove-m", ""),
        ("S-GLOVE-M", "2"),
        (f"(01){GTIN}(10)L1", "3"),
        (f"01{GTIN}", "1"),
        ("CATH-14", "4"),
    ]
    for code, quantity in typed:
        answer = manager.submit("/cart", {"code": code, "quantity": quantity}, action="/cart/code")
        assert answer.status_code == 303, code
    assert held(hospital) == {"GLOVE-M": 7, "CATH-14": 4}
    text = manager.get(answer.headers["Location"]).get_data(as_text=True)
    assert "In the cart: 4 BX of Urinary catheter, 14 Fr." in text
    assert "autofocus" in text, "the scanner goes on"


@pytest.mark.parametrize(
    ("code", "quantity", "sentence"),
    [
        ("NO-SUCH", "2", "No item that a supplier offers has the code “NO-SUCH”"),
        ("", "2", "Type or scan a code"),
        ("CATH-14", "1.5", "whole number"),
        ("CATH-14", "100000", "Ask for at most 99,999 packs in one line."),
        ("\u241d" * 90, "1", "No item that a supplier offers has the code"),
    ],
)
def test_a_code_that_cannot_be_is_said_and_stays(
    manager: Visitor, hospital: Hospital, code: str, quantity: str, sentence: str
) -> None:
    answer = manager.submit("/cart", {"code": code, "quantity": quantity}, action="/cart/code")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in text
    assert f'value="{quantity}"' in text
    assert not db.session.scalar(queries.lines_in_carts(hospital.actor(Role.CLINIC_MANAGER)))


def test_pasted_rows_are_added_and_the_others_said_by_their_number(
    manager: Visitor, hospital: Hospital
) -> None:
    rows = "Item\tQty\nCATH-14\t3\n\nNO-SUCH\t2\nGLOVE-M;4\nglove-m 2\nCATH-14\tmany\n\t5"
    answer = manager.submit("/cart", {"rows": rows}, action="/cart/paste")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert held(hospital) == {"CATH-14": 3, "GLOVE-M": 6}
    for shown in (
        "3 rows added",
        "Row 4: No item that a supplier offers has the code",
        "Row 7: “many” is no quantity",
        "Row 8: It has",
    ):
        assert shown in text
    left = dict(form_of(answer, "/cart/paste").form_values())["rows"].lstrip("\r\n")
    assert left.split("\n") == ["NO-SUCH\t2", "CATH-14\tmany", "\t5"], "what was added would be added twice"
    assert manager.submit("/cart", {"rows": "CATH-14\t1"}, action="/cart/paste").status_code == 303
    too_many = "\n".join(["CATH-14 1"] * 201)
    assert "at most 200 rows" in manager.submit("/cart", {"rows": too_many}, action="/cart/paste").text


# While typing


def test_what_is_typed_is_kept_and_its_consequences_come_back(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    line = mine.lines[0]
    text = keep(manager, mine, **{f"line-{line.id}": "5", "note": "For Monday"})
    assert "Saved" in text
    assert text.count("$100.00") >= 2, "of the line, too"
    after = cart(hospital)
    assert f'id="version" name="version" value="{after.version}"' in text, "the next one fits"
    assert (held(hospital), after.note) == ({"CATH-14": 5}, "For Monday")
    text = keep(manager, mine, **{f"line-{line.id}": "x"})
    assert "Not saved: Urinary catheter, 14 Fr: Enter a number" in text
    assert "Not saved: This cart was changed" in keep(manager, mine, version="1")
    assert held(hospital) == {"CATH-14": 5}


def test_empty_boxes_are_filled_from_par_and_what_was_typed_stays(
    manager: Visitor, hospital: Hospital
) -> None:
    with transaction():
        par(hospital.clinic, hospital.catheter.id, 40, 60)
        par(hospital.clinic, hospital.gloves.id, 40, 60)
    mine = in_cart(hospital, {hospital.catheter_offer: 1, hospital.gloves_offer: 5})
    first, second = mine.lines
    sent = {f"line-{first.id}": "", f"line-{second.id}": "4", "fill": "1"}
    assert manager.submit("/cart", sent, action=f"/cart/{mine.id}/save").status_code == 303
    assert held(hospital) == {"CATH-14": 6, "GLOVE-M": 4}


def test_much_more_than_suggested_and_a_rush_ask_why(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        par(hospital.clinic, hospital.catheter.id, 10, 20)
    mine = in_cart(hospital, {hospital.catheter_offer: 5})
    submit = f"/cart/{mine.id}/submit"
    sent = fields(manager, "/cart", f"/cart/{mine.id}/save")
    answer = manager.post(submit, data=sent)
    assert answer.status_code == 422
    assert "Much more than the suggested 2 BX: say why." in answer.text
    reason = {f"reason-{mine.lines[0].id}": "Two more rooms"}
    answer = manager.post(
        submit, data={**fields(manager, "/cart", f"/cart/{mine.id}/save"), **reason, "is_rush": "y"}
    )
    assert answer.status_code == 422
    assert "Say why it is a rush." in answer.text
    why = {"is_rush": "y", "rush_reason": "Beds open tonight"}
    assert (
        manager.post(submit, data={**fields(manager, "/cart", f"/cart/{mine.id}/save"), **why}).status_code
        == 303
    )
    kept = db.session.get_one(Requisition, mine.id, populate_existing=True)
    assert (kept.is_rush, kept.rush_reason) == (True, "Beds open tonight")
    text = manager.get(f"/requisitions/{mine.id}").text
    assert "Beds open tonight" in text
    assert "Two more rooms" in text


# A line's pack, day, cost center and account


def _center(hospital: Hospital, code: str, **values: Any) -> CostCenter:
    today = clock.today()
    year = timedelta(days=365)
    valid = {"valid_from": today - year, "valid_to": today + year, "facility_id": hospital.facility.id}
    center = CostCenter(**{"code": code, "name": f"Center {code}", **valid, **values})
    db.session.add(center)
    return center


def test_a_line_takes_another_pack_day_and_cost_center(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        _center(hospital, "CC200")
        each = Offer(
            item_id=hospital.catheter.id,
            supplier_id=hospital.supplier.id,
            supplier_part="S-EA",
            uom="EA",
            factor=Decimal(1),
            list_price=Decimal("2.50"),
        )
        db.session.add(each)
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    line = mine.lines[0]
    day = (clock.today() + timedelta(days=9)).isoformat()
    text = keep(
        manager,
        mine,
        **{f"offer-{line.id}": str(each.id), f"need-{line.id}": day, f"center-{line.id}": "cc200"},
    )
    assert "$7.50" in text
    (after,) = cart(hospital).lines
    assert (after.uom, after.unit_price, after.amount) == ("EA", Decimal("2.50"), Decimal("7.50"))
    assert str(after.need_by) == day
    assert after.cost_center is not None
    assert after.cost_center.code == "CC200"
    text = manager.get("/cart").text
    assert "EA, $2.50" in text
    assert "Cheaper on contract when you need more: BX of 10 EA" in text
    assert "Saved" in keep(manager, mine, **{f"line-{line.id}": "9"})
    assert "Take 1 BX for $20.00 instead" in manager.get("/cart").text
    sent = fields(manager, "/cart", f"/cart/{mine.id}/save") | {"swap": str(line.id)}
    assert manager.post(f"/cart/{mine.id}/save", data=sent).status_code == 303
    (after,) = cart(hospital).lines
    assert (after.uom, after.quantity, after.amount) == ("BX", 1, 20)
    text = manager.get("/cart").text
    assert "Urinary catheter, 14 Fr: 1 BX is 10 EA; before it was 9 EA." in text
    assert "instead" not in text
    assert "No such cost center" in keep(manager, mine, **{f"center-{line.id}": "CC999"})
    assert "Saved" in keep(manager, mine, **{f"center-{line.id}": "CC100"})
    assert cart(hospital).lines[0].cost_center is None, "the usual one needs no saying"


@pytest.mark.parametrize("ended", [True, False])
def test_only_what_this_person_may_charge_is_taken(manager: Visitor, hospital: Hospital, ended: bool) -> None:
    with transaction():
        second = colleague(Role.CLINIC_MANAGER, cost_center_id=hospital.cost_center.id)
        yesterday = clock.today() - timedelta(days=3)
        _center(hospital, "CC200", **({"valid_to": yesterday} if ended else {}))
        second.home_location_id = hospital.clinic.id
        _center(hospital, "CC300", active=False)
    if not ended:
        manager.sign_in(second.email)
    actor = hospital.actor(Role.CLINIC_MANAGER) if ended else actor_of(second)
    mine = in_cart(hospital, {hospital.catheter_offer: 3}, actor=actor)
    for code in ("CC200", "CC300"):
        assert "Not saved" in keep(manager, mine, **{f"center-{mine.lines[0].id}": code})
    assert "CC200" not in manager.get("/cart").text


# Several carts


def test_named_carts_are_begun_chosen_renamed_deleted_and_put_back(
    manager: Visitor, hospital: Hospital
) -> None:
    first = in_cart(hospital, {hospital.catheter_offer: 3})
    assert manager.submit("/cart", {"name": "Flu season"}, action="/carts").status_code == 303
    manager.submit("/cart", {"code": "GLOVE-M", "quantity": "2"}, action="/cart/code")
    assert held(hospital) == {"GLOVE-M": 2}
    second = cart(hospital)
    text = manager.get("/cart").text
    assert "Flu season, for Emergency department" in text
    assert "Open Cart (1)" in text
    assert manager.submit("/cart", action=f"/carts/{first.id}/choose").status_code == 303
    assert held(hospital) == {"CATH-14": 3}
    assert "You have a cart named" in manager.submit("/cart", {"name": "flu season"}, action="/carts").text
    assert manager.submit("/cart", {"name": "Weekly"}, action=f"/carts/{first.id}/rename").status_code == 303
    assert "Weekly, for" in manager.get("/cart").text
    answer = manager.submit("/cart", action=f"/carts/{first.id}/delete")
    assert held(hospital) == {"GLOVE-M": 2}
    undo = answer.headers["Location"]
    assert "“Weekly” was deleted" in manager.get(undo).text
    assert manager.submit(undo, action=f"/carts/{first.id}/put-back").status_code == 303
    assert held(hospital) == {"CATH-14": 3}
    assert actions("requisition", first.id) == ["cart.delete", "cart.put_back"]
    sent = fields(manager, "/cart", f"/cart/{first.id}/save")
    assert manager.post(f"/cart/{first.id}/submit", data=sent).status_code == 303
    assert cart(hospital).id == second.id, "the other cart is next"


@dataclass
class Two:
    """The owner of a cart and a colleague."""

    owner: Any
    second: Any
    account: Account


@pytest.fixture
def two(hospital: Hospital) -> Two:
    """Both may request for the clinic."""
    with transaction():
        account = colleague(Role.CLINIC_MANAGER)
    return Two(hospital.actor(Role.CLINIC_MANAGER), actor_of(account), account)


def test_a_cart_goes_to_a_colleague_and_back_with_a_note(
    manager: Visitor, hospital: Hospital, two: Two
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    give = f"/carts/{mine.id}/hand-over"
    sent = {"colleague": str(two.account.id), "note": "Add the gloves"}
    assert manager.submit("/cart", sent, action=give).status_code == 303
    text = manager.get("/cart").text
    assert "Second clinic manager has your cart" in text
    assert (
        manager.post(f"/cart/{mine.id}/save", data={"csrf_token": manager.csrf_token("/guide")}).status_code
        == 404
    )
    manager.sign_in(two.account.email)
    text = manager.get(f"/cart?location={hospital.clinic.id}").text
    assert "Clinic manager handed you this cart" in text
    assert "Add the gloves" in text
    manager.submit("/cart", {"code": "GLOVE-M", "quantity": "2"}, action="/cart/code")
    back = {"note": "Gloves are in"}
    assert manager.submit("/cart", back, action=f"/carts/{mine.id}/give-back").status_code == 303
    manager.sign_in(hospital.email(Role.CLINIC_MANAGER))
    assert "Second clinic manager: Gloves are in" in manager.get("/cart").text
    assert held(hospital) == {"CATH-14": 3, "GLOVE-M": 2}
    assert actions("requisition", mine.id) == ["cart.hand_over", "cart.hand_over"]


def test_only_a_colleague_who_may_request_there_gets_a_cart(hospital: Hospital, two: Two) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    for account in (hospital.accounts[Role.BUYER], hospital.accounts[Role.CLINIC_MANAGER]):
        with pytest.raises(Invalid, match="who may request"), transaction():
            carts.hand_over(two.owner, mine.id, account.id, "")
    with transaction():
        carts.hand_over(two.owner, mine.id, two.account.id, "")
    with pytest.raises(NotFound), transaction():
        carts.take_back(hospital.actor(Role.BUYER), mine.id)
    with transaction():
        carts.take_back(two.owner, mine.id)
    with transaction():
        carts.hand_over(two.owner, mine.id, two.account.id, "")
        services.submit(two.second, mine.id, seen_version=queries.own(two.second, mine.id).version)
    with pytest.raises(NotFound), transaction():
        carts.take_back(two.owner, mine.id)


def test_what_is_used_is_suggested_and_says_how_long_it_lasts(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        stocked(hospital.actor(Role.RECEIVER), hospital.clinic, hospital.gloves.id, 28)
        _used(hospital, 14)
    in_cart(hospital, {hospital.gloves_offer: 1})
    text = " ".join(manager.get("/cart").text.split())
    assert "lasts 7 days" in text
    suggested = re.findall(r'data-label="Suggested">(.*?)</td>', text)
    assert [re.sub("<[^>]*>", "", one).split()[0] for one in suggested] == ["2"]


def _used(hospital: Hospital, quantity: int) -> None:
    actor = hospital.actor(Role.RECEIVER)
    move(
        actor,
        [Move("used-1", MovementKind.USAGE, hospital.clinic.id, hospital.gloves.id, Decimal(-quantity))],
    )
