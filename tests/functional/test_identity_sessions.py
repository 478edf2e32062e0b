"""Sessions on the server: time-outs, revocation, what is written, what another person can see."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from portal.foundation import clock
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, transaction
from portal.identity.jobs import tidy_organization
from portal.identity.models import Account, WebSession
from portal.identity.rules import Role
from portal.settings import load
from tests.hospital import Hospital
from tests.visitor import Visitor


def session_of(account: Account) -> WebSession:
    """The newest session of an account, as it stands in the database."""
    db.session.rollback()
    statement = select(WebSession).where(WebSession.account_id == account.id).order_by(WebSession.id.desc())
    return db.session.scalars(statement.execution_options(populate_existing=True)).first() or pytest.fail(
        "none"
    )


def turn_back(account: Account, **times: datetime) -> None:
    """Changes times of all sessions of an account."""
    with transaction():
        db.session.execute(update(WebSession).where(WebSession.account_id == account.id).values(**times))


def ended_reasons(account: Account) -> list[str]:
    """Why the audit trail says sessions of an account ended."""
    statement = (
        select(AuditEvent.after)
        .where(AuditEvent.action == "session.ended", AuditEvent.subject_id == account.id)
        .order_by(AuditEvent.id)
    )
    return [str((after or {})["because"]) for after in db.session.scalars(statement)]


def test_only_the_hash_of_the_token_is_kept(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    with client.session_transaction() as cookie:
        token = cookie["_user_id"]
    row = session_of(buyer)
    assert token not in (row.token_hash, str(row.id))
    assert len(row.token_hash) == 64


def test_an_idle_session_ends_and_says_so(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    minutes = load().session_idle_minutes
    turn_back(buyer, last_seen_at=clock.now() - timedelta(minutes=minutes - 1))
    assert client.get("/me").status_code == 200
    turn_back(buyer, last_seen_at=clock.now() - timedelta(minutes=minutes))
    answer = client.get("/me?tab=roles")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=/me?tab%3Droles"
    assert "Your session has ended" in client.get("/sign-in").get_data(as_text=True)
    assert client.get("/me").status_code == 303
    assert session_of(buyer).ended_because == "idle"
    assert ended_reasons(buyer) == ["idle"]


def test_a_session_ends_after_its_longest_time_even_in_use(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    turn_back(buyer, created_at=clock.now() - timedelta(hours=load().session_absolute_hours))
    assert client.get("/me").status_code == 303
    assert ended_reasons(buyer) == ["too_old"]


def test_being_seen_is_written_once_a_minute_at_most(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    first = session_of(buyer).last_seen_at
    client.get("/me")
    assert session_of(buyer).last_seen_at == first
    turn_back(buyer, last_seen_at=first - timedelta(seconds=61))
    client.get("/me")
    assert session_of(buyer).last_seen_at > first


def test_being_seen_is_kept_also_when_the_page_fails(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    old = clock.now() - timedelta(minutes=5)
    turn_back(buyer, last_seen_at=old)
    assert client.get("/people").status_code == 403
    assert session_of(buyer).last_seen_at > old


def test_a_person_revokes_another_of_their_sessions(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    other = Visitor(client.application, client.application.response_class)
    other.sign_in(buyer.email)
    lost = session_of(buyer)
    client.sign_in(buyer.email)
    page = client.get("/me")
    assert "This browser" in page.get_data(as_text=True)
    answer = client.send(page, action=f"/me/sessions/{lost.id}/revoke")
    assert answer.status_code == 303
    assert other.get("/me").status_code == 303
    assert client.get("/me").status_code == 200
    assert ended_reasons(buyer) == ["revoked"]


def test_a_person_signs_out_everywhere_else(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    others = [Visitor(client.application, client.application.response_class) for _ in range(2)]
    for other in others:
        other.sign_in(buyer.email)
    client.sign_in(buyer.email)
    client.submit("/me", action="/me/sessions/revoke-others")
    assert [other.get("/me").status_code for other in others] == [303, 303]
    assert client.get("/me").status_code == 200


def test_nobody_revokes_the_session_of_another(hospital: Hospital, client: Visitor) -> None:
    victim = hospital.accounts[Role.AUDITOR]
    other = Visitor(client.application, client.application.response_class)
    other.sign_in(victim.email)
    client.sign_in(hospital.email(Role.BUYER))
    token = client.csrf_token("/me")
    answer = client.post(f"/me/sessions/{session_of(victim).id}/revoke", data={"csrf_token": token})
    assert answer.status_code == 404
    assert other.get("/me").status_code == 200


def test_deactivation_ends_access_at_once(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    with transaction():
        buyer.active = False
    assert client.get("/me").status_code == 303
    assert ended_reasons(buyer) == ["deactivated"]


def test_a_forged_or_unknown_cookie_is_nobody(client: Visitor) -> None:
    client.set_cookie("portal", "eyJfdXNlcl9pZCI6ImEifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert client.get("/me").status_code == 303
    with client.session_transaction() as cookie:
        cookie["_user_id"] = "a token nobody has"
    assert client.get("/me").status_code == 303


def test_signing_in_again_ends_the_session_before(hospital: Hospital, client: Visitor) -> None:
    buyer, auditor = hospital.accounts[Role.BUYER], hospital.accounts[Role.AUDITOR]
    client.sign_in(buyer.email)
    with client.session_transaction() as cookie:
        cookie_before = dict(cookie)
    shown = Visitor(client.application, client.application.response_class).get("/sign-in")
    assert shown.status_code == 200
    token = client.csrf_token("/me")
    values = {"email": auditor.email, "password": "a long enough pass phrase", "csrf_token": token}
    assert client.post("/sign-in", data=values).status_code == 303
    assert auditor.email in client.get("/me").get_data(as_text=True)
    with client.session_transaction() as cookie:
        cookie.clear()
        cookie.update(cookie_before)
    assert client.get("/me").status_code == 303
    assert ended_reasons(buyer) == ["replaced"]


def test_the_job_ends_sessions_nobody_came_back_to(hospital: Hospital, client: Visitor) -> None:
    buyer, auditor = hospital.accounts[Role.BUYER], hospital.accounts[Role.AUDITOR]
    other = Visitor(client.application, client.application.response_class)
    other.sign_in(auditor.email)
    client.sign_in(buyer.email)
    turn_back(buyer, last_seen_at=clock.now() - timedelta(hours=2))
    tidy_organization(hospital.organization.id)
    tidy_organization(hospital.organization.id)
    assert session_of(buyer).ended_because == "idle"
    assert ended_reasons(buyer) == ["idle"]
    assert other.get("/me").status_code == 200


def test_fragments_are_sent_to_sign_in_as_a_whole_page(client: Visitor) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/people?q=ann"}
    answer = client.get("/people", headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?next=/people?q%3Dann")
    foreign = {"HX-Request": "true", "HX-Current-URL": "http://evil.example/people"}
    assert client.get("/people", headers=foreign).headers["HX-Redirect"] == "/sign-in"


def test_a_page_that_asks_by_itself_keeps_no_session_alive(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    client.sign_in(buyer.email)
    old = clock.now() - timedelta(minutes=5)
    turn_back(buyer, last_seen_at=old)
    headers = {"HX-Request": "true", "X-Background": "1"}
    assert client.get("/me", headers=headers).status_code == 200
    assert session_of(buyer).last_seen_at == old
    turn_back(buyer, last_seen_at=clock.now() - timedelta(hours=2))
    answer = client.get("/me", headers=headers)
    assert (answer.status_code, answer.headers["HX-Reswap"]) == (286, "none")
    assert "HX-Redirect" not in answer.headers
