"""Signing in and out by password: one answer for every refusal, locks, limits, safe redirects, audit rows."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.foundation import clock
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, transaction
from portal.identity import demo, services
from portal.identity.models import Account
from portal.identity.rules import LOCK_AFTER, Role
from tests import hospital as hospitals
from tests.hospital import PASSWORD, Hospital
from tests.visitor import Visitor

WRONG = "not the right pass phrase"


def sign_in_events(account: Account) -> list[str]:
    """The actions and reasons in the audit trail of an account, oldest first."""
    statement = (
        select(AuditEvent)
        .where(AuditEvent.subject_type == "account", AuditEvent.subject_id == account.id)
        .order_by(AuditEvent.id)
    )
    events = [event for event in db.session.scalars(statement) if event.reason != services.SETUP]
    return [f"{event.action} {_detail(event)}".strip() for event in events]


def _detail(event: AuditEvent) -> str:
    evidence = event.evidence or {}
    return str(evidence.get("method") or evidence.get("because") or "")


def attempt(client: Visitor, email: str, password: str) -> tuple[int, str]:
    """Status and page of a try, without what differs by nature (the address typed, the token)."""
    answer = client.submit("/sign-in", {"email": email, "password": password})
    page = answer.get_data(as_text=True).replace(email, "")
    lines = [line for line in page.splitlines() if "csrf_token" not in line and "trace" not in line]
    return answer.status_code, "\n".join(lines)


def test_the_right_password_opens_a_session_and_is_recorded(hospital: Hospital, client: Visitor) -> None:
    answer = client.sign_in(hospital.email(Role.BUYER).upper())
    assert answer.headers["Location"] == "/"
    assert client.get("/me").status_code == 200
    assert sign_in_events(hospital.accounts[Role.BUYER]) == ["sign_in.succeeded password"]


def test_wrong_password_unknown_address_locked_and_deactivated_get_the_same_answer(
    hospital: Hospital, client: Visitor
) -> None:
    buyer, receiver, auditor = (hospital.accounts[role] for role in (Role.BUYER, Role.RECEIVER, Role.AUDITOR))
    with transaction():
        receiver.locked_until = clock.now() + timedelta(minutes=5)
        auditor.active = False
    answers = [
        attempt(client, buyer.email, WRONG),
        attempt(client, "nobody@example.org", WRONG),
        attempt(client, receiver.email, PASSWORD),
        attempt(client, auditor.email, PASSWORD),
        attempt(client, "not an address", WRONG),
    ]
    assert answers[0][0] == 422
    assert "do not match" in answers[0][1]
    assert len(set(answers)) == 1
    assert sign_in_events(buyer) == ["sign_in.refused wrong password"]
    assert sign_in_events(receiver) == ["sign_in.refused locked"]
    assert sign_in_events(auditor) == ["sign_in.refused deactivated"]


def test_an_account_locks_after_repeated_failures_and_opens_again(
    hospital: Hospital, client: Visitor
) -> None:
    buyer = hospital.accounts[Role.BUYER]
    with transaction():
        buyer.failed_sign_ins = LOCK_AFTER - 2
    attempt(client, buyer.email, WRONG)
    attempt(client, buyer.email, WRONG)
    assert attempt(client, buyer.email, PASSWORD)[0] == 422
    assert sign_in_events(buyer)[-2:] == ["account.locked", "sign_in.refused locked"]
    with transaction():
        db.session.refresh(buyer)
        assert buyer.locked_until is not None
        buyer.locked_until = clock.now() - timedelta(seconds=1)
    client.sign_in(buyer.email)


def test_a_success_forgets_earlier_failures(hospital: Hospital, client: Visitor) -> None:
    buyer = hospital.accounts[Role.BUYER]
    attempt(client, buyer.email, WRONG)
    client.sign_in(buyer.email)
    db.session.refresh(buyer)
    assert buyer.failed_sign_ins == 0


def test_a_hash_made_with_other_parameters_is_renewed_at_sign_in(
    hospital: Hospital, client: Visitor, app_with: Callable[..., Flask]
) -> None:
    buyer = hospital.accounts[Role.BUYER]
    old = buyer.password_hash
    stronger = app_with(password_memory_kib=64)
    Visitor(stronger, stronger.response_class).sign_in(buyer.email)
    db.session.refresh(buyer)
    assert "m=64," in str(buyer.password_hash)
    assert buyer.password_hash != old
    client.sign_in(buyer.email)


def test_an_account_without_a_password_cannot_sign_in_by_password(
    hospital: Hospital, client: Visitor
) -> None:
    with transaction():
        account = services.create_account(email=f"sso@{hospital.organization.slug}.org", name="Provider only")
    assert attempt(client, account.email, "")[0] == 422
    assert attempt(client, account.email, PASSWORD)[0] == 422


def test_failures_are_limited_by_address_and_successes_are_not(
    hospital: Hospital, app_with: Callable[..., Flask]
) -> None:
    app = app_with(sign_in_limit="2 per minute")
    here: dict[str, Any] = {"environ_base": {"REMOTE_ADDR": f"192.0.2.{hospital.organization.id % 250}"}}
    client = Visitor(app, app.response_class)
    for _ in range(4):
        values = {"email": hospital.email(Role.BUYER), "password": PASSWORD}
        assert client.submit("/sign-in", values, **here).status_code == 303
        client.post("/sign-out", data={"csrf_token": client.csrf_token("/me")})
    values = {"email": "nobody@example.org", "password": WRONG}
    answers = [client.submit("/sign-in", values, **here) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert "Too many tries" in answers[-1].get_data(as_text=True)


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/orders?state=open&page=2", "/orders?state=open&page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_sign_in_leads_only_to_pages_of_the_portal(
    hospital: Hospital, client: Visitor, wanted: str, target: str
) -> None:
    shown = client.get("/sign-in", query_string={"next": wanted})
    answer = client.send(shown, {"email": hospital.email(Role.BUYER), "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, target)
    shown = client.get("/sign-in", query_string={"next": wanted})
    assert (shown.status_code, shown.headers["Location"]) == (302, target)


def test_next_is_checked_again_when_it_comes_back(hospital: Hospital, client: Visitor) -> None:
    values = {"email": hospital.email(Role.BUYER), "password": PASSWORD, "next": "//evil.example/"}
    assert client.submit("/sign-in", values).headers["Location"] == "/"


def test_a_missing_address_or_password_is_named_and_keeps_what_was_typed(client: Visitor) -> None:
    answer = client.submit("/sign-in", {"email": "someone@example.org", "password": ""})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Enter your password." in page
    assert 'value="someone@example.org"' in page


def test_without_a_csrf_token_nobody_signs_in(hospital: Hospital, client: Visitor) -> None:
    answer = client.post("/sign-in", data={"email": hospital.email(Role.BUYER), "password": PASSWORD})
    assert answer.status_code == 400
    assert sign_in_events(hospital.accounts[Role.BUYER]) == []


def test_signing_out_ends_the_session_on_the_server(hospital: Hospital, client: Visitor) -> None:
    client.sign_in(hospital.email(Role.BUYER))
    stolen = client.get_cookie("portal")
    assert stolen is not None
    answer = client.post("/sign-out", data={"csrf_token": client.csrf_token("/me")})
    assert answer.headers["Location"] == "/sign-in"
    client.set_cookie("portal", stolen.value)
    assert client.get("/me").status_code == 303
    assert sign_in_events(hospital.accounts[Role.BUYER])[-1] == "session.ended"


def test_signing_in_renews_the_session_and_empties_the_old_one(hospital: Hospital, client: Visitor) -> None:
    client.get("/sign-in")
    with client.session_transaction() as before:
        before["planted"] = "by somebody else"
        token_before = before["csrf_token"]
    client.sign_in(hospital.email(Role.BUYER))
    with client.session_transaction() as after:
        first = after["_user_id"]
        assert "planted" not in after
        assert after.get("csrf_token") != token_before
    client.post("/sign-out", data={"csrf_token": client.csrf_token("/me")})
    client.sign_in(hospital.email(Role.BUYER))
    with client.session_transaction() as again:
        assert again["_user_id"] != first


def test_an_unknown_address_is_not_logged(
    hospital: Hospital, client: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    attempt(client, "private.person@example.org", WRONG)
    attempt(client, hospital.email(Role.BUYER), WRONG)
    assert "private.person" not in caplog.text
    assert hospital.email(Role.BUYER) not in caplog.text
    assert WRONG not in caplog.text


def test_one_click_accounts_do_not_exist_outside_the_demo(client: Visitor) -> None:
    shown = client.get("/sign-in")
    assert "/sign-in/demo/" not in shown.get_data(as_text=True)
    token = client.csrf_token("/sign-in")
    assert client.post("/sign-in/demo/buyer", data={"csrf_token": token}).status_code == 404
    assert client.get("/me").status_code == 303


def test_one_click_signs_in_as_a_role_of_the_demo_organization(
    in_app: None, app_with: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as session:
        session.expire_on_commit = False
        hospital = hospitals.build()
    monkeypatch.setattr(demo, "DEMO_ORGANIZATION", hospital.organization.slug)
    app = app_with(demo=True)
    client = Visitor(app, app.response_class)
    for role in Role:
        shown = client.get("/sign-in?next=/me")
        answer = client.send(shown, action=f"/sign-in/demo/{role}")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/me")
        assert hospital.email(role) in client.get("/me").get_data(as_text=True)
        client.delete_cookie("portal")
    assert sign_in_events(hospital.accounts[Role.BUYER]) == ["sign_in.succeeded demo"]


def test_the_demo_before_seeding_and_unknown_roles_are_not_found(
    app_with: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "DEMO_ORGANIZATION", "not-seeded")
    app = app_with(demo=True)
    client = Visitor(app, app.response_class)
    token = client.csrf_token("/sign-in")
    for role in ("buyer", "emperor"):
        assert client.post(f"/sign-in/demo/{role}", data={"csrf_token": token}).status_code == 404
