"""A session that ends in the middle of a form loses nothing that was typed, and shows it to nobody else."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select, update
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity import queries
from portal.identity.jobs import tidy_organization
from portal.identity.models import Account, SavedForm, WebSession
from portal.identity.rules import Role
from portal.identity.saved_forms import MOST_BYTES
from tests.hospital import PASSWORD, Hospital
from tests.visitor import Visitor, form_of

NAME = "Ännä <b>Typed</b> & kept"


def time_out(account: Account) -> None:
    """Lets all sessions of an account have been idle for too long."""
    hours = clock.now() - timedelta(hours=2)
    with transaction():
        db.session.execute(
            update(WebSession).where(WebSession.account_id == account.id).values(last_seen_at=hours)
        )


def post_too_late(client: Visitor, hospital: Hospital, **values: Any) -> TestResponse:
    """An administrator opens the form of a new person, types, and sends it after the session has ended."""
    administrator = hospital.accounts[Role.ADMINISTRATOR]
    client.sign_in(administrator.email)
    form = client.get("/people/new")
    time_out(administrator)
    typed = {"name": NAME, "email": f"new@{hospital.organization.slug}.org", "password": PASSWORD, **values}
    return client.send(form, typed)


def fields_of(page: TestResponse, form_id: int) -> MultiDict[str, str]:
    """What the page "Continue where you were" would send."""
    return MultiDict(form_of(page, f"/continue/{form_id}").form_values())


def kept_forms(hospital: Hospital) -> int:
    """How many forms are kept in the organization."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(SavedForm)) or 0


def test_the_same_person_goes_on_where_they_were(hospital: Hospital, client: Visitor) -> None:
    refused = post_too_late(client, hospital)
    assert refused.status_code == 303
    assert refused.headers["Location"].startswith("/sign-in")
    assert "What you typed is kept" in client.get("/sign-in").get_data(as_text=True)
    arrived = client.sign_in(hospital.email(Role.ADMINISTRATOR))
    assert arrived.headers["Location"] == "/continue"
    page = client.get("/continue")
    text = page.get_data(as_text=True)
    assert "Ännä &lt;b&gt;Typed&lt;/b&gt; &amp; kept" in text
    assert PASSWORD not in text
    form_id = db.session.scalars(select(SavedForm.id)).one()
    sent = client.send(page, action=f"/continue/{form_id}")
    assert (sent.status_code, sent.headers["Location"]) == (307, "/people/new")


def test_the_browser_posts_the_same_fields_on_to_the_first_address(
    hospital: Hospital, client: Visitor
) -> None:
    post_too_late(client, hospital, password="")
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    form_id = db.session.scalars(select(SavedForm.id)).one()
    fields = fields_of(client.get("/continue"), form_id)
    sent = client.post(f"/continue/{form_id}", data=fields)
    # A browser answers 307 by posting the same fields again (RFC 9110, 15.4.8).
    arrived = client.post(sent.headers["Location"], data=fields)
    assert arrived.status_code == 303
    account = queries.account_by_email(f"new@{hospital.organization.slug}.org")
    assert account is not None
    assert account.name == NAME
    assert kept_forms(hospital) == 0


def test_a_kept_form_is_sent_once(hospital: Hospital, client: Visitor) -> None:
    post_too_late(client, hospital)
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    page = client.get("/continue")
    form_id = db.session.scalars(select(SavedForm.id)).one()
    assert client.send(page, action=f"/continue/{form_id}").status_code == 307
    again = client.send(page, action=f"/continue/{form_id}")
    assert again.status_code == 409
    assert "sent or discarded already" in again.get_data(as_text=True)
    assert client.get("/continue").status_code == 404


def test_a_kept_form_can_be_discarded(hospital: Hospital, client: Visitor) -> None:
    post_too_late(client, hospital)
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    form_id = db.session.scalars(select(SavedForm.id)).one()
    client.submit("/continue", action=f"/continue/{form_id}/discard")
    assert kept_forms(hospital) == 0


def test_another_person_never_sees_it(hospital: Hospital, client: Visitor) -> None:
    post_too_late(client, hospital)
    form_id = db.session.scalars(select(SavedForm.id)).one()
    assert client.sign_in(hospital.email(Role.BUYER)).headers["Location"] == "/"
    assert client.get("/continue").status_code == 404
    token = client.csrf_token("/me")
    assert client.post(f"/continue/{form_id}", data={"csrf_token": token}).status_code == 409
    assert kept_forms(hospital) == 1


def test_what_is_kept_is_sealed(hospital: Hospital, client: Visitor) -> None:
    post_too_late(client, hospital)
    row = db.session.scalars(select(SavedForm)).one()
    assert b"Typed" not in row.sealed_fields
    with transaction():
        row.account_id = hospital.accounts[Role.BUYER].id
    client.sign_in(hospital.email(Role.BUYER))
    assert client.get("/continue").status_code == 404


def test_repeated_fields_keep_their_order_and_empty_ones_are_sent_back(
    hospital: Hospital, client: Visitor
) -> None:
    post_too_late(client, hospital, line=["2", "", "1"], note="")
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    page = client.get("/continue")
    form_id = db.session.scalars(select(SavedForm.id)).one()
    assert fields_of(page, form_id).getlist("line") == ["2", "", "1"]
    assert fields_of(page, form_id).getlist("note") == [""]


def test_a_form_left_open_is_good_after_signing_in_again_in_another_tab(
    hospital: Hospital, client: Visitor
) -> None:
    administrator = hospital.accounts[Role.ADMINISTRATOR]
    client.sign_in(administrator.email)
    form = client.get("/people/new")
    time_out(administrator)
    values = {"email": administrator.email, "password": PASSWORD}
    assert client.submit("/sign-in", values).status_code == 303
    email = f"new@{hospital.organization.slug}.org"
    assert client.send(form, {"name": "New", "email": email}).status_code == 303
    assert queries.account_by_email(email) is not None


def test_a_form_left_open_is_not_good_for_another_person(hospital: Hospital, client: Visitor) -> None:
    client.sign_in(hospital.email(Role.BUYER))
    form = client.get("/me")
    time_out(hospital.accounts[Role.BUYER])
    values = {"email": hospital.email(Role.ADMINISTRATOR), "password": PASSWORD}
    assert client.submit("/sign-in", values).status_code == 303
    assert client.send(form, {"location": "none"}, action="/me/location").status_code == 400


def test_a_form_from_elsewhere_is_not_kept(hospital: Hospital, client: Visitor) -> None:
    administrator = hospital.accounts[Role.ADMINISTRATOR]
    client.sign_in(administrator.email)
    time_out(administrator)
    answer = client.post("/people/new", data={"name": "Planted", "csrf_token": "guessed"})
    assert answer.status_code == 303
    assert kept_forms(hospital) == 0
    assert "send it again" in client.get("/sign-in").get_data(as_text=True)


@pytest.mark.parametrize("how", ["sign_out", "deactivated"])
def test_after_signing_out_or_deactivation_nothing_is_kept(
    hospital: Hospital, client: Visitor, how: str
) -> None:
    administrator = hospital.accounts[Role.ADMINISTRATOR]
    client.sign_in(administrator.email)
    form = client.get("/people/new")
    cookie = client.get_cookie("portal")
    assert cookie is not None
    if how == "sign_out":
        client.send(form, action="/sign-out")
        client.set_cookie("portal", cookie.value)
    else:
        with transaction():
            administrator.active = False
    assert client.send(form, {"name": NAME}, action="/people/new").status_code == 303
    assert kept_forms(hospital) == 0


def test_a_form_too_large_is_not_kept_and_says_so(hospital: Hospital, client: Visitor) -> None:
    post_too_late(client, hospital, note="x" * MOST_BYTES)
    assert kept_forms(hospital) == 0
    assert "too large to keep" in client.get("/sign-in").get_data(as_text=True)


def test_only_the_last_form_of_a_person_is_kept(hospital: Hospital, client: Visitor) -> None:
    post_too_late(client, hospital)
    token = client.csrf_token("/sign-in")
    client.post("/me/location", data={"csrf_token": token, "note": "typed in another tab"})
    assert kept_forms(hospital) == 1
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    page = client.get("/continue").get_data(as_text=True)
    assert "typed in another tab" in page
    assert "Typed" not in page


def test_files_are_named_but_not_kept(hospital: Hospital, client: Visitor) -> None:
    administrator = hospital.accounts[Role.ADMINISTRATOR]
    client.sign_in(administrator.email)
    form = client.get("/people/new")
    time_out(administrator)
    client.send(form, {"sheet": (BytesIO(b"name,email"), "people.csv")})
    client.sign_in(administrator.email)
    assert "people.csv" in client.get("/continue").get_data(as_text=True)


def test_a_form_older_than_a_day_is_deleted_by_the_job(hospital: Hospital, client: Visitor) -> None:
    post_too_late(client, hospital)
    with transaction():
        db.session.execute(update(SavedForm).values(saved_at=clock.now() - timedelta(hours=24)))
    assert client.sign_in(hospital.email(Role.ADMINISTRATOR)).headers["Location"] != "/continue"
    assert kept_forms(hospital) == 1
    tidy_organization(hospital.organization.id)
    assert kept_forms(hospital) == 0
