"""The pages of people: what administrators do for others, and everybody for themselves."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.foundation import clock
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, enter_organization, transaction
from portal.identity import queries, services
from portal.identity.models import Account
from portal.identity.rules import Role
from tests import hospital as hospitals
from tests.hospital import PASSWORD, Hospital
from tests.visitor import Visitor

NEW_PASSWORD = "another long pass phrase"


@pytest.fixture
def admin(hospital: Hospital, client: Visitor) -> Visitor:
    """The administrator at a browser."""
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    return client


def another(client: Visitor) -> Visitor:
    """Another browser."""
    return Visitor(client.application, client.application.response_class)


def actions_by(account: Account) -> list[str]:
    """What the audit trail says an account did to people, oldest first."""
    statement = (
        select(AuditEvent.action)
        .where(AuditEvent.account_id == account.id, AuditEvent.action.startswith("account."))
        .order_by(AuditEvent.id)
    )
    return list(db.session.scalars(statement))


def test_an_administrator_creates_a_person_who_then_signs_in(hospital: Hospital, admin: Visitor) -> None:
    email = f"new@{hospital.organization.slug}.org"
    created = admin.submit(
        "/people/new", {"name": "New buyer", "email": email, "password": PASSWORD}, action="/people/new"
    )
    page = created.headers["Location"]
    scope = {
        "role": "approver",
        "facility": str(hospital.facility.id),
        "cost_center": str(hospital.cost_center.id),
        "approval_limit": "500.005",
    }
    assert admin.submit(page, scope, action=f"{page}/roles").status_code == 303
    shown = admin.get(page).get_data(as_text=True)
    assert "1010 Main hospital" in shown
    assert "CC100 Emergency" in shown
    assert "$500.0" in shown
    another(admin).sign_in(email)
    assert actions_by(hospital.accounts[Role.ADMINISTRATOR]) == ["account.created", "account.role_added"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "", "email": "x@example.org"}, "Enter the name."),
        ({"name": "X", "email": "x"}, "Enter an e-mail address such as"),
        ({"name": "X", "email": "x@example.org", "password": "short"}, "Choose a password of 12 to 200"),
        ({"name": "X\x00Y", "email": "x@example.org"}, "Enter the name"),
    ],
)
def test_a_person_that_cannot_be_is_refused_in_words(
    admin: Visitor, values: dict[str, str], words: str
) -> None:
    answer = admin.submit("/people/new", values)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "values",
    [
        {"role": "emperor"},
        {"role": ""},
        {"role": "buyer", "facility": "999999999999"},
        {"role": "buyer", "facility": "x"},
        {"role": "approver", "approval_limit": "-1"},
        {"role": "approver", "approval_limit": "NaN"},
        {"role": "approver", "approval_limit": "1e30"},
        {"role": "approver", "approval_limit": "a lot"},
    ],
)
def test_a_role_that_cannot_be_is_refused(hospital: Hospital, admin: Visitor, values: dict[str, str]) -> None:
    account = hospital.accounts[Role.BUYER]
    page = f"/people/{account.id}"
    assert admin.submit(page, values, action=f"{page}/roles").status_code == 422
    assert len(queries.assignments_of(account.id)) == 1


def test_the_scope_of_another_organization_cannot_be_given(hospital: Hospital, admin: Visitor) -> None:
    with transaction():
        other = hospitals.build()
    enter_organization(hospital.organization.id)
    page = f"/people/{hospital.accounts[Role.BUYER].id}"
    values = {"role": "approver", "facility": str(other.facility.id)}
    assert admin.submit(page, values, action=f"{page}/roles").status_code == 422


def test_people_of_another_organization_are_not_found(hospital: Hospital, admin: Visitor) -> None:
    with transaction():
        other = hospitals.build()
    stranger = other.accounts[Role.BUYER]
    assert admin.get(f"/people/{stranger.id}").status_code == 404
    token = admin.csrf_token("/me")
    for act in ("deactivate", "activate", "unlock", "sessions/revoke", "password", "roles"):
        answer = admin.post(f"/people/{stranger.id}/{act}", data={"csrf_token": token})
        assert answer.status_code == 404, act
    assert stranger.email not in admin.get("/people").get_data(as_text=True)


def test_a_role_taken_away_counts_at_once(hospital: Hospital, admin: Visitor) -> None:
    second = hospital.accounts[Role.BUYER]
    with transaction():
        services.assign_role(second, Role.ADMINISTRATOR)
    other = another(admin)
    other.sign_in(second.email)
    assert other.get("/people").status_code == 200
    assignment = queries.assignments_of(second.id)[-1]
    page = f"/people/{second.id}"
    assert admin.submit(page, action=f"{page}/roles/{assignment.id}/remove").status_code == 303
    assert other.get("/people").status_code == 403


def test_administrators_cannot_lock_themselves_out(hospital: Hospital, admin: Visitor) -> None:
    me = hospital.accounts[Role.ADMINISTRATOR]
    page = f"/people/{me.id}"
    role = queries.assignments_of(me.id)[0]
    assert admin.submit(page, action=f"{page}/roles/{role.id}/remove").status_code == 409
    assert admin.submit(page, action=f"{page}/deactivate").status_code == 409
    assert admin.get("/people").status_code == 200


def test_deactivating_signs_out_and_keeps_out_until_activated(hospital: Hospital, admin: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    other = another(admin)
    other.sign_in(buyer.email)
    page = f"/people/{buyer.id}"
    assert admin.submit(page, action=f"{page}/deactivate").status_code == 303
    assert other.get("/me").status_code == 303
    values = {"email": buyer.email, "password": PASSWORD}
    assert other.submit("/sign-in", values).status_code == 422
    assert admin.submit(page, action=f"{page}/activate").status_code == 303
    other.sign_in(buyer.email)


def test_an_administrator_signs_a_person_out_everywhere(hospital: Hospital, admin: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    others = [another(admin) for _ in range(2)]
    for other in others:
        other.sign_in(buyer.email)
    page = f"/people/{buyer.id}"
    assert admin.submit(page, action=f"{page}/sessions/revoke").status_code == 303
    assert "2 sessions ended" in admin.get(page).get_data(as_text=True)
    assert [other.get("/me").status_code for other in others] == [303, 303]


def test_a_lock_is_lifted(hospital: Hospital, admin: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    with transaction():
        buyer.locked_until = clock.now() + timedelta(minutes=5)
    page = f"/people/{buyer.id}"
    assert "This account is locked" in admin.get(page).get_data(as_text=True)
    assert admin.submit(page, action=f"{page}/unlock").status_code == 303
    another(admin).sign_in(buyer.email)


def test_a_given_password_replaces_the_old_one(hospital: Hospital, admin: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    other = another(admin)
    other.sign_in(buyer.email)
    page = f"/people/{buyer.id}"
    assert admin.submit(page, {"password": "short"}, action=f"{page}/password").status_code == 422
    assert admin.submit(page, {"password": NEW_PASSWORD}, action=f"{page}/password").status_code == 303
    assert other.get("/me").status_code == 303
    other.sign_in(buyer.email, NEW_PASSWORD)


def test_one_changes_ones_own_password_and_other_browsers_are_signed_out(
    hospital: Hospital, client: Visitor
) -> None:
    buyer = hospital.accounts[Role.BUYER]
    other = another(client)
    other.sign_in(buyer.email)
    client.sign_in(buyer.email)
    wrong = client.submit("/me", {"present": "not it", "password": NEW_PASSWORD}, action="/me/password")
    assert "not your present password" in wrong.get_data(as_text=True)
    same = client.submit("/me", {"present": PASSWORD, "password": PASSWORD}, action="/me/password")
    assert same.status_code == 422
    right = client.submit("/me", {"present": PASSWORD, "password": NEW_PASSWORD}, action="/me/password")
    assert right.status_code == 303
    assert client.get("/me").status_code == 200
    assert other.get("/me").status_code == 303
    other.sign_in(buyer.email, NEW_PASSWORD)


def test_one_chooses_ones_default_location(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    assert client.submit("/me", {"location": "7"}, action="/me/location").status_code == 422
    chosen = str(hospital.storeroom.id)
    assert client.submit("/me", {"location": chosen}, action="/me/location").status_code == 303
    db.session.refresh(buyer)
    assert buyer.home_location_id == hospital.storeroom.id
    assert client.submit("/me", {"location": "none"}, action="/me/location").status_code == 303
    db.session.refresh(buyer)
    assert buyer.home_location_id is None


@pytest.mark.parametrize(
    ("words", "found"),
    [("BUYER", True), ("buyer-", True), ("%", False), ("_______________________________________", False),
     ("nobody", False), ("\x00", True), ("", True)],
)  # fmt: skip
def test_people_are_found_by_parts_of_name_and_email(
    hospital: Hospital, admin: Visitor, words: str, found: bool
) -> None:
    page = admin.get("/people", query_string={"q": words})
    assert page.status_code == 200
    assert (hospital.email(Role.BUYER) in page.get_data(as_text=True)) is found


def test_the_list_of_people_is_paged(hospital: Hospital, admin: Visitor) -> None:
    with transaction():
        for number in range(55):
            services.create_account(
                email=f"p{number}@{hospital.organization.slug}.org", name=f"Person {number:02}"
            )
    first = admin.get("/people").get_data(as_text=True)
    second = admin.get("/people?page=2").get_data(as_text=True)
    assert "1–50" in first
    assert "Person 54" not in first
    assert "Person 54" in second
    for page in ("0", "-3", "x", "99"):
        assert admin.get("/people", query_string={"page": page}).status_code == 200
