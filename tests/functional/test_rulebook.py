"""Rules are set from a day on, tried on last month, and count for the next cart."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid, NotAllowed
from portal.identity import services as identity
from portal.identity.rules import Role
from portal.masterdata.models import Facility, ItemCategory
from portal.requisitions import services
from portal.requisitions.models import CheckRecord
from portal.requisitions.queries import checks_of
from portal.requisitions.rulebook import services as rulebook
from portal.requisitions.rulebook.models import RuleVersion
from portal.requisitions.rulebook.rules import Severity
from portal.requisitions.rulebook.services import Wanted
from tests.hospital import Hospital
from tests.requesting import colleague, in_cart, offered, submitted
from tests.statements import recorded
from tests.visitor import Visitor

PRICE = "/rules/setting?rule=price"


@pytest.fixture(autouse=True)
def one_day(hospital: Hospital) -> None:
    """The organization and its facility have the same day, at any hour of the test."""
    with transaction():
        hospital.organization.time_zone = hospital.facility.time_zone


def text_of(client: Visitor, page: str) -> str:
    """The page in one line."""
    answer = client.get(page)
    assert answer.status_code == 200, page
    return " ".join(answer.get_data(as_text=True).split())


def values(**changes: Any) -> dict[str, Any]:
    """A setting as it is typed."""
    usual = {"severity": "block", "threshold": "0", "facility": "", "category": "", "reason": "Savings"}
    return {**usual, "starts_on": clock.today("America/Chicago").isoformat(), **changes}


def tried(client: Visitor, **changes: Any) -> tuple[dict[str, int], int]:
    """What a trial says by label, and how many statements it took."""
    data = {**values(**changes), "reason": "", "csrf_token": client.csrf_token(PRICE)}
    with recorded() as asked:
        answer = client.post("/rules/trial?rule=price", data=data)
    assert answer.status_code == 200
    page = " ".join(answer.get_data(as_text=True).split())
    found = re.findall(r"<dt>([^<]+)</dt> <dd>([\d,]+)", page)
    return {label: int(value) for label, value in found}, len(asked)


@pytest.fixture
def asked(hospital: Hospital) -> list[Offer]:
    """Two items without a contract, each requested once, and something on contract."""
    with transaction():
        loose = offered(hospital, "LOOSE", "Loose gauze", contract=False)
        drape = offered(hospital, "DRAPE", "Drape", contract=False, category="Drapes")
    submitted(hospital, {loose: 1})
    submitted(hospital, {hospital.gloves_offer: 1})
    submitted(hospital, {drape: 1})
    return [loose, drape]


def test_a_setting_is_tried_on_last_month_without_changing_anything(
    asked: list[Offer], hospital: Hospital, client: Visitor
) -> None:
    client.sign_in(hospital.email(Role.FINANCE_DIRECTOR))
    everything, statements = tried(client)
    assert everything["Submitted in the last 30 days"] == 3
    assert (everything["Newly blocked"], everything["Newly warned"]) == (2, 0)
    drapes, _ = tried(client, category="Drapes")
    assert (drapes["Newly blocked"], drapes["Would be warned"]) == (1, 1)
    with transaction():
        db.session.add(ItemCategory(name="Drapes", parent="Surgery"))
    assert tried(client, category="Surgery")[0] == drapes, "what is set for a category counts below it"
    gentle, _ = tried(client, severity="off")
    assert (gentle["Treated more gently"], gentle["Would be warned"]) == (2, 0)
    assert tried(client, threshold="7")[0]["Newly blocked"] == 0
    assert db.session.query(RuleVersion).count() == 0
    for offer in asked:
        submitted(hospital, {offer: 2})
    more, again = tried(client)
    assert more["Newly blocked"] == 4
    assert again == statements, "as many questions whatever was submitted"


def test_a_setting_counts_from_its_day_and_is_never_overwritten(
    asked: list[Offer], hospital: Hospital, client: Visitor
) -> None:
    loose, drape = asked
    manager = hospital.actor(Role.CLINIC_MANAGER)
    client.sign_in(hospital.email(Role.FINANCE_DIRECTOR))
    assert client.submit(PRICE, values(), action="/rules/setting").status_code == 303
    later = (clock.today() + timedelta(days=30)).isoformat()
    for changes in ({"category": "Drapes", "severity": "warn"}, {"severity": "off", "starts_on": later}):
        assert client.submit(PRICE, values(**changes), action="/rules/setting").status_code == 303
    page = text_of(client, PRICE)
    for words in ("Blocks", "Savings", "not yet", "Drapes", "Finance director"):
        assert words in page
    cart = in_cart(hospital, {loose: 1})
    with pytest.raises(Invalid, match="no contract price today"), transaction():
        services.submit(manager, cart.id, seen_version=cart.version)
    with transaction():
        cart = services.cart(manager, hospital.clinic.id)
        offers = {line.offer_id: line for line in cart.lines}
        offers[loose.id].offer_id = drape.id
        offers[loose.id].item_id = drape.item_id
    db.session.expire_all()
    cart = services.cart(manager, hospital.clinic.id)
    with transaction():
        services.submit(manager, cart.id, seen_version=cart.version)
    submissions = db.session.scalars(select(CheckRecord.requisition_id).order_by(CheckRecord.id))
    kept = [one for requisition_id in submissions for one in checks_of(requisition_id)]
    assert [one.version for one in kept if one.rule == "price"] == [1, 1, 1, 3]
    with pytest.raises(DatabaseError, match="permission denied"), transaction() as session:
        session.query(RuleVersion).update({"reason": "Rewritten"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": ""}, "Enter a number of $."),
        ({"threshold": "x"}, "Enter a number, for example 12."),
        ({"starts_on": "2020-01-01"}, "What counted in the past stays"),
        ({"starts_on": ""}, "Choose a day."),
        ({"severity": "x"}, "It does one of the listed things."),
        ({"facility": "x"}, "This facility does not exist."),
        ({"category": "x"}, "No item has this category."),
        ({"reason": ""}, "Say why"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_words(
    hospital: Hospital, client: Visitor, changes: dict[str, str], words: str
) -> None:
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    answer = client.submit(PRICE, values(**changes), action="/rules/setting")
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


def test_fixed_rules_and_other_facilities_are_out_of_reach(hospital: Hospital, client: Visitor) -> None:
    with transaction() as session:
        session.add(Facility(code="2020", name="Other hospital"))
        near = colleague(Role.FINANCE_DIRECTOR, facility_id=hospital.facility.id)
    wanted = Wanted("price", Severity.OFF, Decimal(0), None, "", clock.today())
    with pytest.raises(NotAllowed, match="your own facility"):
        rulebook.set_rule(identity.actor_of(near), wanted, clock.today())
    here = replace(wanted, facility_id=hospital.facility.id)
    with transaction():
        assert rulebook.set_rule(identity.actor_of(near), here, clock.today()).number == 2
    with pytest.raises(NotAllowed, match="all facilities"):
        rulebook.restrict(identity.actor_of(near), code="X", category="", role="buyer", credential="")
    client.sign_in(hospital.email(Role.FINANCE_DIRECTOR))
    assert "Nobody may change" in text_of(client, "/rules/setting?rule=item")
    assert client.get("/rules/setting?rule=zzz").status_code == 404
    token = {"csrf_token": client.csrf_token(PRICE)}
    for path in ("setting", "trial"):
        assert client.post(f"/rules/{path}?rule=item", data=token).status_code == 403
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    assert client.get("/rules").status_code == 403


def test_restrictions_credentials_and_closed_days_are_kept_on_their_pages(
    hospital: Hospital, client: Visitor
) -> None:
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    page, item = "/rules/restricted", {"code": "glove-m", "role": "buyer"}
    assert client.submit(page, item, action=page).status_code == 303
    assert "Role Buyer" in text_of(client, page)
    for wrong, words in (
        (item, "restricted so already"),
        ({"code": "none", "role": "buyer"}, "No item has this number"),
        ({"role": "buyer"}, "Enter an item number, or choose a category."),
        ({"code": "glove-m"}, "Choose a role, or enter a credential."),
    ):
        assert words in client.submit(page, wrong, action=page).get_data(as_text=True)
    person = {"email": hospital.email(Role.CLINICIAN), "name": "Chemotherapy"}
    assert client.submit(page, person, action="/rules/credentials").status_code == 303
    assert "Chemotherapy" in text_of(client, page)
    for wrong, words in (
        ({**person, "valid_until": "2020-01-01"}, "in the past"),
        ({**person, "email": "x@y.example"}, "Nobody here"),
    ):
        assert words in client.submit(page, wrong, action="/rules/credentials").get_data(as_text=True)
    for action in re.findall(r'action="(/rules/(?:restricted|credentials)/\d+/\w+)"', text_of(client, page)):
        assert client.submit(page, action=action).status_code == 303
    assert "Nothing is restricted" in text_of(client, page)
    page = "/rules/closed-days"
    assert client.submit(page, {"weekday": "6", "location": "ED01"}, action=page).status_code == 303
    assert "Every Sunday" in text_of(client, page)
    for wrong, words in (({}, "Choose a weekday"), ({"weekday": "6", "location": "X"}, "no location")):
        assert words in client.submit(page, wrong, action=page).get_data(as_text=True)
    (action,) = re.findall(r'action="(/rules/closed-days/\d+/open)"', text_of(client, page))
    assert client.submit(page, action=action).status_code == 303
    assert "Open every day" in text_of(client, page)
