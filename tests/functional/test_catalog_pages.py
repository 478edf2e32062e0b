"""The order guide and the page of an item."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from integrations.canonical import Lifecycle
from portal.foundation import clock
from portal.foundation.db import enter_organization, transaction
from portal.foundation.filters import day
from portal.identity.rules import Role
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.models import ContractLine, ItemDocument
from portal.requisitions import queries as requisitions
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.requesting import fields, guided, offered, par, stocked, substitute
from tests.statements import recorded
from tests.visitor import Visitor


@pytest.fixture
def manager(hospital: Hospital, client: Visitor) -> Visitor:
    """The clinic manager, signed in; gloves below par (20 to 45 each, 5 there) and catheters on the guide."""
    with transaction():
        guided(hospital.clinic, {hospital.gloves_offer: 1, hospital.catheter_offer: 2})
        par(hospital.clinic, hospital.gloves.id, 20, 45)
        stocked(hospital.actor(Role.RECEIVER), hospital.clinic, hospital.gloves.id, 5)
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    return client


def box(text: str, offer_id: int) -> str:
    """What stands in the quantity box of an offer."""
    found = re.search(rf'name="q{offer_id}"\s+value="([^"]*)"', text)
    assert found
    return found.group(1)


def cart_quantities(hospital: Hospital) -> dict[int, Decimal]:
    """What the clinic manager's cart holds, by offer."""
    cart = requisitions.cart_of(hospital.actor(Role.CLINIC_MANAGER), hospital.clinic.id)
    return {line.offer_id: line.quantity for line in cart.lines} if cart else {}


def test_the_guide_is_home_and_tells_what_a_clinic_needs(manager: Visitor, hospital: Hospital) -> None:
    assert manager.get("/").headers["Location"] == "/guide"
    text = manager.get("/guide").get_data(as_text=True)
    for shown in ("Exam glove, nitrile, medium", "BX of 10 EA", "$7.25", "$0.725", "below par 20 to 45"):
        assert shown in text
    assert re.search(r'data-label="Suggested"><span class="quantity">4', text)


@pytest.mark.parametrize(
    ("role", "page"),
    [
        (Role.CLINICIAN, "/guide"),
        (Role.APPROVER, "/approvals"),
        (Role.BUYER, "/workbench"),
        (Role.RECEIVER, "/receive"),
        (Role.AP_ANALYST, "/invoices"),
        (Role.INTEGRATION_ENGINEER, "/operations"),
        (Role.AUDITOR, "/operations/audit"),
        (Role.ADMINISTRATOR, "/operations"),
    ],
)
def test_everybody_begins_where_their_work_is(
    hospital: Hospital, client: Visitor, role: Role, page: str
) -> None:
    client.sign_in(hospital.email(role))
    assert client.get("/").headers["Location"] == page
    assert client.get(page).status_code == 200


def test_suggestions_fill_only_empty_boxes(manager: Visitor, hospital: Hospital) -> None:
    gloves, catheter = hospital.gloves_offer.id, hospital.catheter_offer.id
    filled = {**fields(manager, "/guide", "/guide"), f"q{catheter}": "7"}
    answer = manager.post("/guide/fill", data=filled, follow_redirects=True)
    text = answer.get_data(as_text=True)
    assert (box(text, gloves), box(text, catheter)) == ("4", "7")
    answer = manager.post("/guide/fill", data={**filled, f"q{gloves}": "1"}, follow_redirects=True)
    assert box(answer.get_data(as_text=True), gloves) == "1"
    assert cart_quantities(hospital) == {}


def test_everything_typed_goes_into_the_cart_at_once(manager: Visitor, hospital: Hospital) -> None:
    gloves, catheter = hospital.gloves_offer.id, hospital.catheter_offer.id
    answer = manager.submit("/guide", {f"q{gloves}": "4", f"q{catheter}": "2"}, action="/guide")
    assert answer.status_code == 303
    assert cart_quantities(hospital) == {gloves: 4, catheter: 2}
    text = manager.get("/guide").get_data(as_text=True)
    assert "2 items added to the cart." in text
    assert "4 BX in the cart" in text
    assert not re.search(r'data-label="Suggested"><span class="quantity">', text), "it is in the cart already"


def test_one_row_is_added_and_the_others_stay_typed(manager: Visitor, hospital: Hospital) -> None:
    gloves, catheter = hospital.gloves_offer.id, hospital.catheter_offer.id
    typed = {f"q{gloves}": "", f"q{catheter}": "3", "only": str(gloves)}
    answer = manager.submit("/guide", typed, action="/guide", follow_redirects=True)
    assert cart_quantities(hospital) == {gloves: 1}, "an empty box means one"
    assert box(answer.get_data(as_text=True), catheter) == "3"
    assert box(answer.get_data(as_text=True), gloves) == ""


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("0", "above zero"),
        ("-1", "above zero"),
        ("1.5", "whole number"),
        ("two", "Enter a number"),
        ("NaN", "above zero"),
        ("Infinity", "above zero"),
        ("1e9", "at most"),
        ("9" * 400, "at most"),
        ("99999999", "at most"),
        ("100000", "Ask for at most 99,999 packs in one line."),
    ],
)
def test_a_bad_quantity_is_refused_in_words_and_nothing_typed_is_lost(
    manager: Visitor, hospital: Hospital, typed: str, sentence: str
) -> None:
    gloves, catheter = hospital.gloves_offer.id, hospital.catheter_offer.id
    answer = manager.submit("/guide", {f"q{gloves}": typed, f"q{catheter}": "2"}, action="/guide")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert sentence in text
    assert "Exam glove, nitrile, medium: " in text, "the list of errors names the item"
    assert (box(text, gloves), box(text, catheter)) == (typed, "2")
    assert cart_quantities(hospital) == {}


def test_nothing_typed_is_said_to_be_nothing(manager: Visitor) -> None:
    answer = manager.submit("/guide", {}, action="/guide")
    assert answer.status_code == 422
    assert "Type how many packs" in answer.get_data(as_text=True)


@pytest.mark.parametrize("name", ["q999999999", "q0", "q-1", f"q{'9' * 30}", "qx", "only"])
def test_boxes_no_page_offered_add_nothing(manager: Visitor, hospital: Hospital, name: str) -> None:
    answer = manager.submit("/guide", {name: "999999998"}, action="/guide")
    assert answer.status_code in (404, 422)
    assert cart_quantities(hospital) == {}


def test_another_organizations_places_and_offers_do_not_exist(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    assert manager.get(f"/guide?location={other.clinic.id}").status_code == 404
    assert manager.get(f"/catalog/items/{other.gloves.id}").status_code == 404
    sent = {f"q{other.gloves_offer.id}": "1"}
    assert manager.submit("/guide", sent, action="/guide").status_code == 404
    here = {f"q{hospital.gloves_offer.id}": "1", "location": str(other.clinic.id)}
    assert manager.submit("/guide", here, action="/guide").status_code == 404
    assert cart_quantities(hospital) == {}


def test_the_location_is_switched_and_remembered(manager: Visitor, hospital: Hospital) -> None:
    text = manager.get(f"/guide?location={hospital.storeroom.id}").get_data(as_text=True)
    assert "No order guide for Central storeroom yet" in text
    assert "/catalog" in text, "an empty guide teaches to search"
    assert "Central storeroom" in manager.get("/cart").get_data(as_text=True)
    for nonsense in ("x", "", "-3"):
        assert manager.get(f"/guide?location={nonsense}").status_code in (200, 404)


def test_the_guide_asks_as_little_for_many_rows(manager: Visitor, hospital: Hospital) -> None:
    manager.get("/guide")
    with recorded() as few:
        manager.get("/guide")
    with transaction():
        more = {offered(hospital, f"N-{one}", f"Item {one}"): 10 + one for one in range(25)}
        guided(hospital.clinic, more, name="More")
    with recorded() as many:
        text = manager.get("/guide").get_data(as_text=True)
    assert "Item 24" in text
    assert len(many) == len(few)


def test_an_item_that_cannot_be_requested_leads_to_others(manager: Visitor, hospital: Hospital) -> None:
    with transaction():
        old = offered(hospital, "OLD-2", "Old mask", lifecycle=Lifecycle.DISCONTINUED)
        guided(hospital.clinic, {old: 9})
        substitute(old.item_id, hospital.gloves.id, "Read the label first.")
    text = manager.get("/guide").get_data(as_text=True)
    assert "Discontinued: choose a substitute." in text
    assert f'name="q{old.id}"' not in text
    text = manager.get(f"/catalog/items/{old.item_id}").get_data(as_text=True)
    assert "This item is discontinued" in text
    assert "Read the label first." in text
    assert f"/catalog/items/{hospital.gloves.id}" in text


def test_the_page_of_an_item_leads_to_its_documents(manager: Visitor, hospital: Hospital) -> None:
    page = f"/catalog/items/{hospital.catheter.id}"
    assert "Documents" not in manager.get(page).text
    with transaction() as session:
        url = "https://maker.example/ifu/14"
        session.add(ItemDocument(item_id=hospital.catheter.id, title="Instructions for use", url=url))
    assert f'<a href="{url}" rel="noreferrer">Instructions for use</a>' in manager.get(page).text


def test_the_page_of_an_item_shows_offers_tiers_and_days(manager: Visitor, hospital: Hospital) -> None:
    today = clock.today()
    with transaction() as session:
        common = {"contract_id": hospital.contract.id, "item_id": hospital.gloves.id, "uom": "BX"}
        session.add(
            ContractLine(
                **common, minimum_quantity=Decimal(10), unit_price=Decimal("6.5"),
                valid_from=today - timedelta(days=5), valid_to=today + timedelta(days=5),
            )
        )  # fmt: skip
        session.add(
            ContractLine(
                **common, minimum_quantity=Decimal(0), unit_price=Decimal("9.99"),
                valid_from=today + timedelta(days=6), valid_to=today + timedelta(days=60),
            )
        )  # fmt: skip
    text = manager.get(f"/catalog/items/{hospital.gloves.id}").get_data(as_text=True)
    for shown in (
        "$6.50",
        "$9.99",
        "Valid today",
        "Later",
        "C-1001",
        "20 to 45 EA",
        "from 10 BX $6.50",
        f"since {day(hospital.contract.valid_from)}",
    ):
        assert shown in text
    prices = text.partition("Contract prices")[2]
    assert prices.index("$6.50") < prices.index("$9.99")


def test_the_page_of_an_item_shows_past_prices_use_and_a_cheaper_equivalent(
    manager: Visitor, hospital: Hospital
) -> None:
    today = clock.today()
    with transaction() as session:
        cheaper = offered(hospital, "GLOVE-C", "Exam glove, vinyl, medium", price="5.25")
        dearer = offered(hospital, "GLOVE-D", "Exam glove, latex, medium", price="9.25")
        unpriced = offered(hospital, "GLOVE-U", "Exam glove, any", price="1.00", contract=False)
        for other in (dearer, cheaper, unpriced):
            substitute(hospital.gloves.id, other.item_id, f"Note on {other.supplier_part}.")
        session.add(
            ContractLine(
                contract_id=hospital.contract.id, item_id=hospital.gloves.id, uom="BX",
                minimum_quantity=Decimal(0), unit_price=Decimal("8.88"),
                valid_from=today - timedelta(days=90), valid_to=today - timedelta(days=30),
            )
        )  # fmt: skip
        key = f"test-{hospital.organization.slug}"
        used = Move(key, MovementKind.USAGE, hospital.clinic.id, hospital.gloves.id, Decimal(-3))
        move(hospital.actor(Role.RECEIVER), [used])
    text = manager.get(f"/catalog/items/{hospital.gloves.id}").get_data(as_text=True)
    assert "Exam glove, vinyl, medium costs $0.20 less per EA on contract. Note: Note on S-GLOVE-C." in text
    assert text.count("less, on contract") == 1
    prices = text.partition("Contract prices")[2]
    assert prices.index("$7.25") < prices.index("$8.88") < prices.index("Ended")
    assert f"{today:%b %Y}: 3 EA" in text
    unused = manager.get(f"/catalog/items/{hospital.catheter.id}").get_data(as_text=True)
    assert "No use recorded here" in unused
