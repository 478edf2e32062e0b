"""The cart: adding, changing, taking out, checking, submitting; what is wrong is said and nothing is lost."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from integrations.canonical import Lifecycle
from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Invalid
from portal.identity.rules import Role
from portal.masterdata.models import Item
from portal.requisitions import queries, services
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.ordering import balance, priced
from tests.requesting import actions, colleague, fields, in_cart, stocked
from tests.statements import recorded
from tests.visitor import Visitor


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in."""
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def cart(hospital: Hospital) -> Requisition | None:
    """The clinic manager's cart as the database has it."""
    db.session.expire_all()
    return queries.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)


def held(hospital: Hospital) -> dict[int, Decimal]:
    """The quantities of the cart by offer."""
    present = cart(hospital)
    return {line.offer_id: line.quantity for line in present.lines} if present else {}


def add(client: Visitor, hospital: Hospital, **values: Any) -> Any:
    """Adds catheters from the search, unless the values say otherwise."""
    sent = {
        "csrf_token": client.csrf_token("/catalog"), "offer": hospital.catheter_offer.id,
        "location": hospital.clinic.id, "quantity": "2", "next": "/catalog?q=cath",
    }  # fmt: skip
    return client.post("/cart/lines", data={**sent, **values})


def submit(client: Visitor, cart_id: int, **values: Any) -> Any:
    """Presses Submit on the cart page as it is."""
    return client.post(
        f"/cart/{cart_id}/submit", data={**fields(client, "/cart", f"/cart/{cart_id}/save"), **values}
    )


# Adding


def test_adding_leads_back_and_says_what_the_cart_holds(manager: Visitor, hospital: Hospital) -> None:
    answer = add(manager, hospital)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/catalog?q=cath")
    assert "In the cart: 2 BX of Urinary catheter, 14 Fr." in manager.get("/catalog").get_data(as_text=True)
    add(manager, hospital, quantity="3")
    assert held(hospital) == {hospital.catheter_offer.id: 5}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Enter how many packs."),
        ("0", "above zero"),
        ("-2", "above zero"),
        ("0.5", "whole number"),
        ("one", "Enter a number"),
        ("nan", "above zero"),
        ("1e400", "at most"),
        ("100000", "Ask for at most 99,999 packs in one line."),
    ],
)
def test_a_bad_quantity_is_asked_for_again(
    manager: Visitor, hospital: Hospital, typed: str, sentence: str
) -> None:
    answer = add(manager, hospital, quantity=typed)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in text
    assert f'value="{typed}"' in text
    assert "/catalog?q=cath" in text, "the way back"
    assert held(hospital) == {}
    assert manager.send(answer, {"quantity": "4"}, action="/cart/lines").status_code == 303
    assert held(hospital) == {hospital.catheter_offer.id: 4}


def test_items_are_suggested_while_a_code_is_typed(manager: Visitor, hospital: Hospital) -> None:
    def told(typed: str) -> str:
        answer = manager.get("/cart/suggest", query_string={"code": typed, "location": hospital.clinic.id})
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers, "what another request says at this moment is kept"
        return " ".join(answer.get_data(as_text=True).split())

    for typed in ("cath", "CATH-14", "urinery catheter"):
        assert 'data-code="CATH-14"' in told(typed)
        assert "GLOVE-M" not in told(typed)
    assert told("c") == told("") == told("zzzzzz") == ""
    assert 'aria-controls="quick-suggestions"' in manager.get("/cart").get_data(as_text=True)


@pytest.mark.parametrize("offer", ["", "x", "-1", "0", "999999999", "9" * 40, "1.5"])
def test_an_offer_that_does_not_exist_is_not_found(manager: Visitor, hospital: Hospital, offer: str) -> None:
    assert add(manager, hospital, offer=offer).status_code == 404
    assert add(manager, hospital, location=offer).status_code == 404
    assert held(hospital) == {}


def test_what_cannot_be_requested_cannot_be_added(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        db.session.get_one(Item, hospital.catheter.id).lifecycle = Lifecycle.BLOCKED
    answer = add(manager, hospital)
    assert answer.status_code == 422
    assert "cannot be requested now" in answer.get_data(as_text=True)


def test_the_way_back_stays_on_this_site(manager: Visitor, hospital: Hospital) -> None:
    assert add(manager, hospital, next="//elsewhere.example/x").headers["Location"] == "/"


def test_without_a_token_nothing_is_added(manager: Visitor, hospital: Hospital) -> None:
    assert add(manager, hospital, csrf_token="").status_code == 400
    assert held(hospital) == {}


def test_people_of_other_organizations_and_colleagues_do_not_see_a_cart(
    manager: Visitor, hospital: Hospital
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 1})
    with transaction():
        second = colleague(Role.CLINIC_MANAGER)
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    assert add(manager, hospital, offer=other.catheter_offer.id).status_code == 404
    assert add(manager, hospital, location=other.clinic.id).status_code == 404
    token = manager.csrf_token("/cart")
    for email in (second.email, other.email(Role.CLINIC_MANAGER)):
        manager.sign_in(email)
        for action in ("save", "submit"):
            answer = manager.post(f"/cart/{mine.id}/{action}", data={"csrf_token": token})
            assert answer.status_code in (400, 404), email
            answer = manager.post(
                f"/cart/{mine.id}/{action}", data={"csrf_token": manager.csrf_token("/catalog")}
            )
            assert answer.status_code == 404, email


# Changing


def test_the_cart_shows_what_each_line_means(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        stocked(hospital.actor(Role.RECEIVER), hospital.clinic, hospital.catheter.id, 30, lot="L1")
    in_cart(hospital, {hospital.catheter_offer: 3})
    text = manager.get("/cart").get_data(as_text=True)
    for shown in ("BX of 10 EA", "C-1001", "$60.00", "30 EA", "This cart", "$940.00", "checks passed"):
        assert shown in text


def test_quantities_day_and_note_are_kept(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 1})
    line = mine.lines[0]
    day = (clock.today() + timedelta(days=9)).isoformat()
    sent = {f"line-{line.id}": "5", "need_by": day, "note": "For the flu season"}
    action = f"/cart/{mine.id}/save"
    assert manager.submit("/cart", sent, action=action).status_code == 303
    after = cart(hospital)
    assert after is not None
    assert (after.need_by, after.note) == (clock.today() + timedelta(days=9), "For the flu season")
    assert held(hospital) == {hospital.catheter_offer.id: 5, hospital.gloves_offer.id: 1}


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("line", "-1", "above zero"),
        ("line", "1.5", "whole number"),
        ("line", "x", "Enter a number"),
        ("line", "NaN", "above zero"),
        ("line", "9" * 50, "at most"),
        ("line", "100000", "Ask for at most 99,999 packs in one line."),
        ("need_by", "2001-01-01", "in the past"),
        ("need_by", "9999-12-31", "within the next year"),
        ("need_by", "tomorrow", "Enter a date"),
        ("need_by", "2026-02-30", "Enter a date"),
        ("note", "x" * 1001, "at most 1000 characters"),
    ],
)
def test_what_cannot_be_is_said_and_everything_typed_stays(
    manager: Visitor, hospital: Hospital, name: str, typed: str, sentence: str
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    line = mine.lines[0]
    sent = {f"line-{line.id}": "4", "note": "Please hurry", "need_by": ""}
    sent[f"line-{line.id}" if name == "line" else name] = typed
    for action in ("save", "submit"):
        answer = manager.post(
            f"/cart/{mine.id}/{action}",
            data={**fields(manager, "/cart", f"/cart/{mine.id}/save"), **sent},
        )
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert sentence in text
        for value in sent.values():
            assert value in text
    assert held(hospital) == {hospital.catheter_offer.id: 3}


def test_a_line_is_taken_out_and_put_back(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 1})
    action = f"/cart/{mine.id}/save"
    sent = {"remove": str(mine.lines[0].id), f"line-{mine.lines[1].id}": "8"}
    answer = manager.submit("/cart", sent, action=action)
    assert held(hospital) == {hospital.gloves_offer.id: 8}, "what was typed elsewhere is kept"
    page = answer.headers["Location"]
    assert "Urinary catheter, 14 Fr, BX of 10 EA was taken out." in manager.get(page).get_data(as_text=True)
    assert manager.submit(page, action="/cart/lines").status_code == 303
    assert held(hospital) == {hospital.gloves_offer.id: 8, hospital.catheter_offer.id: 3}


def test_taking_out_twice_or_the_last_line_is_harmless(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    action = f"/cart/{mine.id}/save"
    sent = {**fields(manager, "/cart", action), "remove": str(mine.lines[0].id)}
    assert manager.post(action, data=sent).status_code == 303
    assert manager.post(action, data=sent).status_code == 409
    text = manager.get("/cart").get_data(as_text=True)
    assert "The cart for Emergency department is empty" in text
    assert "/guide" in text


def test_zero_takes_a_line_out(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3, hospital.gloves_offer: 1})
    sent = {f"line-{mine.lines[0].id}": "0"}
    manager.submit("/cart", sent, action=f"/cart/{mine.id}/save")
    assert held(hospital) == {hospital.gloves_offer.id: 1}


def test_a_cart_changed_in_another_window_is_shown_with_what_was_typed(
    manager: Visitor, hospital: Hospital
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    action = f"/cart/{mine.id}/save"
    stale = fields(manager, "/cart", action)
    in_cart(hospital, {hospital.gloves_offer: 2})
    sent = {**stale, f"line-{mine.lines[0].id}": "9", "note": "Typed long"}
    answer = manager.post(action, data=sent)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "changed in another window" in text
    assert 'value="9"' in text
    assert "Typed long" in text
    assert held(hospital) == {hospital.catheter_offer.id: 3, hospital.gloves_offer.id: 2}
    again = {**sent, "version": re.findall(r'name="version"[^>]*value="(\d+)"', text)[0]}
    assert manager.post(action, data=again).status_code == 303
    assert held(hospital) == {hospital.catheter_offer.id: 9, hospital.gloves_offer.id: 2}


@pytest.mark.parametrize("version", ["", "x", "-1", "0", "9" * 30])
def test_a_forged_version_changes_nothing(manager: Visitor, hospital: Hospital, version: str) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    assert submit(manager, mine.id, version=version).status_code == 409
    assert balance(hospital).requested == 0


def test_each_location_has_its_own_cart(manager: Visitor, hospital: Hospital) -> None:
    in_cart(hospital, {hospital.catheter_offer: 3})
    with transaction():
        services.add(
            hospital.actor(Role.CLINIC_MANAGER), hospital.storeroom.id, hospital.gloves_offer.id, Decimal(1)
        )
    text = manager.get(f"/cart?location={hospital.storeroom.id}").get_data(as_text=True)
    assert "Exam glove" in text
    assert "Urinary catheter" not in text
    assert "Emergency department (1)" in text, "the other cart is one click away"


def test_looking_at_an_empty_cart_makes_none(manager: Visitor, hospital: Hospital) -> None:
    assert manager.get("/cart").status_code == 200
    assert db.session.query(Requisition).count() == 0


def test_the_cart_asks_as_little_for_many_lines(manager: Visitor, hospital: Hospital) -> None:
    in_cart(hospital, {hospital.catheter_offer: 1})
    manager.get("/cart")
    with recorded() as few:
        manager.get("/cart")
    in_cart(hospital, {hospital.gloves_offer: 1})
    with recorded() as more:
        manager.get("/cart")
    assert len(more) == len(few)


# Submitting


def test_submitting_holds_the_budget_keeps_the_checks_and_leads_on(
    manager: Visitor, hospital: Hospital
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    answer = submit(manager, mine.id, note="For Monday")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/requisitions/{mine.id}")
    assert balance(hospital).requested == 60
    kept = queries.checks_of(mine.id)
    assert {one.rule for one in kept} >= {"item", "quantity", "price", "cost_center", "gl_account", "budget"}
    assert all(one.sentence and one.version for one in kept)
    evidence = next(one.evidence for one in kept if one.rule == "budget")
    assert ["Left after it", "$940.00"] in evidence
    assert actions("requisition", mine.id) == ["requisition.submit"]


def test_a_double_click_and_the_back_button_lead_to_the_same_requisition(
    manager: Visitor, hospital: Hospital
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    sent = fields(manager, "/cart", f"/cart/{mine.id}/save")
    answers = [manager.post(f"/cart/{mine.id}/submit", data=sent) for _ in range(3)]
    assert {answer.headers["Location"] for answer in answers} == {f"/requisitions/{mine.id}"}
    said = manager.get(f"/requisitions/{mine.id}").text
    assert (said.count("is submitted. You can"), said.count("was submitted already.")) == (1, 2)
    assert manager.post(f"/cart/{mine.id}/save", data=sent).headers["Location"] == f"/requisitions/{mine.id}"
    assert balance(hospital).requested == 60
    assert actions("requisition", mine.id) == ["requisition.submit"]
    assert db.session.query(Requisition).count() == 1


def test_a_changed_quantity_is_kept_and_its_total_shown_before_it_counts(
    manager: Visitor, hospital: Hospital
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    answer = submit(manager, mine.id, **{f"line-{mine.lines[0].id}": "5"})
    assert answer.status_code == 422
    assert "The total is now $100.00; you saw $60.00." in answer.get_data(as_text=True)
    assert held(hospital) == {hospital.catheter_offer.id: 5}
    assert submit(manager, mine.id).status_code == 303
    assert balance(hospital).requested == 100


def test_a_price_that_moves_while_one_looks_is_shown_first(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    sent = fields(manager, "/cart", f"/cart/{mine.id}/save")
    priced(hospital, hospital.catheter_offer, "25.00")
    answer = manager.post(f"/cart/{mine.id}/submit", data=sent)
    assert answer.status_code == 422
    assert "now costs $25.00 per BX; it was $20.00" in answer.get_data(as_text=True)
    assert submit(manager, mine.id).status_code == 303
    assert balance(hospital).requested == 75, "what was checked is what is held"


def test_the_budget_is_checked_at_the_price_of_today(hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 45})
    priced(hospital, hospital.catheter_offer, "25.00")
    with pytest.raises(Invalid, match=r"needs \$1,125\.00"), transaction():
        services.submit(hospital.actor(Role.CLINIC_MANAGER), mine.id, seen_version=mine.version)
    assert balance(hospital).requested == 0


def _discontinue(hospital: Hospital) -> None:
    db.session.get_one(Item, hospital.catheter.id).lifecycle = Lifecycle.DISCONTINUED


def _withdraw_offer(hospital: Hospital) -> None:
    db.session.get_one(Offer, hospital.catheter_offer.id).active = False


def _block_supplier(hospital: Hospital) -> None:
    db.session.merge(hospital.supplier).blocked = True


def _end_cost_center(hospital: Hospital) -> None:
    db.session.merge(hospital.cost_center).valid_to = clock.today() - timedelta(days=3)


def _drop_cost_center(hospital: Hospital) -> None:
    db.session.merge(hospital.clinic).cost_center_id = None


def _close_account(hospital: Hospital) -> None:
    db.session.merge(hospital.gl_account).active = False


def _cut_budget(hospital: Hospital) -> None:
    db.session.merge(hospital.budget).amount = Decimal("59.99")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_discontinue, "is discontinued"),
        (_withdraw_offer, "no longer offered"),
        (_block_supplier, "blocked for new orders"),
        (_end_cost_center, "ended on"),
        (_drop_cost_center, "no cost center in use"),
        (_close_account, "no GL account in use"),
        (_cut_budget, "has $59.99 available; this request needs $60.00"),
    ],
)
def test_what_blocks_is_shown_first_and_nothing_is_submitted(
    manager: Visitor, hospital: Hospital, spoil: Any, sentence: str
) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    with transaction():
        spoil(hospital)
    shown = manager.get("/cart").get_data(as_text=True)
    assert "Blocked" in shown
    assert sentence in shown
    answer = submit(manager, mine.id)
    assert answer.status_code == 422
    assert sentence in answer.get_data(as_text=True)
    present = db.session.get_one(Requisition, mine.id, populate_existing=True)
    assert (present.state, present.number) == (RequisitionState.DRAFT, None)
    assert balance(hospital).requested == 0


def test_a_request_nobody_else_may_approve_is_not_taken(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        db.session.merge(hospital.accounts[Role.APPROVER]).active = False
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    answer = submit(manager, mine.id)
    assert answer.status_code == 422
    assert "Nobody else may approve $60.00" in answer.get_data(as_text=True)
    assert balance(hospital).requested == 0


def test_an_empty_cart_cannot_be_submitted(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    sent = fields(manager, "/cart", f"/cart/{mine.id}/save")
    answer = manager.post(f"/cart/{mine.id}/submit", data={**sent, f"line-{mine.lines[0].id}": "0"})
    assert answer.status_code == 422
    assert db.session.get_one(Requisition, mine.id).state is RequisitionState.DRAFT


def test_a_new_cart_follows_a_submitted_one(manager: Visitor, hospital: Hospital) -> None:
    mine = in_cart(hospital, {hospital.catheter_offer: 3})
    submit(manager, mine.id)
    add(manager, hospital, quantity="1")
    assert held(hospital) == {hospital.catheter_offer.id: 1}
    assert balance(hospital).requested == 60
