"""Mails about approvals: one for each occasion, a link that shows before it acts, once, for one person."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from flask import Flask
from pydantic import SecretStr

from portal.approvals import asking, attending, delegation, jobs, queries, services
from portal.approvals.models import ApprovalDecision, ApprovalLink, ApprovalPolicy
from portal.approvals.services import Decision
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.mail import Mail, MailState
from portal.identity.rules import Role
from portal.masterdata.models import Item
from portal.requisitions import queries as requisitions
from portal.requisitions import services as requesting
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState
from tests.hospital import Hospital
from tests.requesting import actions, colleague, submitted
from tests.smtp_server import Letters, serving
from tests.visitor import Visitor


@pytest.fixture
def letters() -> Iterator[Letters]:
    """A mail server."""
    with serving() as running:
        yield running


@pytest.fixture
def mailed(app: Flask, letters: Letters, hospital: Hospital) -> Iterator[Hospital]:
    """A hospital whose portal sends mails."""
    before = app.extensions["settings"]
    app.extensions["settings"] = before.model_copy(update={"smtp_url": SecretStr(letters.url)})
    yield hospital
    app.extensions["settings"] = before


def attend(hospital: Hospital) -> None:
    """What the scheduled job does for this organization."""
    db.session.expire_all()
    jobs.attend_organization(hospital.organization.id)


def mails(hospital: Hospital, role: Role) -> list[Mail]:
    """The mails to a person, the oldest first."""
    db.session.expire_all()
    account_id = hospital.accounts[role].id
    return db.session.query(Mail).filter_by(account_id=account_id).order_by(Mail.id).all()


def link(mail: Mail) -> str:
    """The path of the one-time link."""
    return str(urlsplit(re.findall(r"http\S+/approvals/mail/\S+", mail.body)[0]).path)


def state(requisition: Requisition) -> RequisitionState:
    """As the database has it."""
    db.session.expire_all()
    return db.session.get_one(Requisition, requisition.id).state


def test_who_decides_is_told_once_and_decides_once_by_the_link(
    mailed: Hospital, letters: Letters, client: Visitor
) -> None:
    requisition = submitted(mailed, {mailed.catheter_offer: 2})
    for _ in range(2):
        attend(mailed)
    (mail,) = mails(mailed, Role.APPROVER)
    assert (mail.state, mail.attempts) == (MailState.SENT, 1)
    (letter,) = letters.texts
    assert f"To: {mailed.email(Role.APPROVER)}" in letter
    assert "2 BX of Urinary catheter, 14 Fr, $40.00" in mail.body
    page = link(mail)
    for _ in range(2):
        text = client.get(page).get_data(as_text=True)
        assert "Nothing is decided until you send it" in text
    assert state(requisition) is RequisitionState.SUBMITTED, "looking decides nothing"
    assert client.submit(page, {"comment": "x" * 1001}, action=page).status_code == 422
    client.sign_in(mailed.email(Role.CLINIC_MANAGER))
    token = {"csrf_token": client.csrf_token("/requisitions")}
    for answer in (client.get(page), client.post(page, data=token)):
        assert answer.status_code == 403, "forwarded to who asked"
    assert "This link is for Approver; you are signed in as Clinic manager" in answer.get_data(as_text=True)
    client.delete_cookie("portal")
    assert "used up" in client.submit(page, action=page).get_data(as_text=True)
    assert state(requisition) is RequisitionState.DECIDED
    assert db.session.query(ApprovalDecision).one().via == "mail"
    for answer in (client.get(page), client.post(page, data={"csrf_token": client.csrf_token("/sign-in")})):
        assert answer.status_code == 409
        assert "used already" in answer.get_data(as_text=True)
    attend(mailed)
    (told,) = mails(mailed, Role.CLINIC_MANAGER)
    assert "1 of 1 lines approved" in told.body


def test_a_delegate_is_told_of_what_waits_already(mailed: Hospital) -> None:
    requisition = submitted(mailed, {mailed.catheter_offer: 2})
    attend(mailed)
    today = clock.today(mailed.organization.time_zone)
    with transaction():
        stand_in = colleague(Role.APPROVER, approval_limit="1.00")
        absent = mailed.accounts[Role.APPROVER].id
        wanted = delegation.Wanted(absent, stand_in.id, today, today)
        delegation.delegate(mailed.actor(Role.ADMINISTRATOR), wanted)
    for _ in range(2):
        attend(mailed)
    told = db.session.query(Mail).filter_by(subject=f"Please decide: {requisition.number}")
    assert sorted(one.account_id for one in told) == sorted([absent, stand_in.id])
    (mail,) = (one for one in told if one.account_id == stand_in.id)
    assert "Second approver (for Approver), please decide" in mail.body
    assert db.session.query(ApprovalLink).count() == 2, "nobody is given a second link"


def test_a_link_is_of_one_portal_one_person_and_two_days(
    mailed: Hospital, client: Visitor, app_with: Callable[..., Flask]
) -> None:
    requisition = submitted(mailed, {mailed.catheter_offer: 2})
    attend(mailed)
    page = link(mails(mailed, Role.APPROVER)[0])
    for forged in (page[:-2], page + "x", "/approvals/mail/x", "/approvals/mail/WzEsMV0.abc"):
        assert client.get(forged).status_code == 404
    strict = app_with(sign_in_limit="1 per minute")
    guesses = [Visitor(strict, strict.response_class).get("/approvals/mail/x").status_code for _ in range(2)]
    assert guesses == [404, 429]
    assert client.post(page, data={}).status_code == 400, "not without the page's token"
    with transaction():
        db.session.get_one(
            type(mailed.accounts[Role.APPROVER]), mailed.accounts[Role.APPROVER].id
        ).active = False
    assert client.get(page).status_code == 403
    with transaction():
        db.session.get_one(
            type(mailed.accounts[Role.APPROVER]), mailed.accounts[Role.APPROVER].id
        ).active = True
        db.session.execute(db.text("UPDATE approval_link SET expires_at = now() - interval '1 second'"))
    assert "too old" in client.get(page).get_data(as_text=True)
    assert state(requisition) is RequisitionState.SUBMITTED


def test_a_link_does_not_decide_what_changed(mailed: Hospital, client: Visitor) -> None:
    requisition = submitted(mailed, {mailed.catheter_offer: 2})
    attend(mailed)
    page = link(mails(mailed, Role.APPROVER)[0])
    shown = client.get(page)
    with transaction():
        requesting.withdraw(mailed.actor(Role.CLINIC_MANAGER), requisition.id)
    answer = client.send(shown, action=page)
    assert answer.status_code == 409
    assert "was withdrawn by Clinic manager" in answer.get_data(as_text=True)


def test_a_mail_the_server_refuses_is_tried_again_and_then_given_up(
    mailed: Hospital, letters: Letters
) -> None:
    letters.refusing = True
    submitted(mailed, {mailed.catheter_offer: 2})
    attend(mailed)
    (mail,) = mails(mailed, Role.APPROVER)
    assert (mail.state, mail.attempts, mail.error) == (MailState.PENDING, 1, "SMTPDataError 451")
    attend(mailed)
    assert mails(mailed, Role.APPROVER)[0].attempts == 1, "not before its time"
    letters.refusing = False
    with clock.shifted(timedelta(minutes=2)):
        attend(mailed)
    assert mails(mailed, Role.APPROVER)[0].state is MailState.SENT
    assert len(letters.texts) == 1


def test_who_asked_is_told_of_each_no_with_the_reason_and_what_to_do(mailed: Hospital) -> None:
    with transaction():
        db.session.get_one(Item, mailed.gloves.id).category = "Gloves"
        db.session.add(ApprovalPolicy(categories=["Gloves"]))
    requisition = submitted(mailed, {mailed.catheter_offer: 5, mailed.gloves_offer: 2})
    catheter, gloves = requisition.lines
    owner, buyer = queries.steps_of(requisition.id)

    def say(role: Role, step_id: int, **answers: Decision) -> None:
        db.session.expire_all()
        with transaction():
            seen = db.session.get_one(Requisition, requisition.id).version
            said = {int(name[1:]): answer for name, answer in answers.items()}
            services.decide(mailed.actor(role), step_id, said, seen_version=seen)

    no, fewer = Decision(False, "Use another item"), Decision(True, "Too many", Decimal(3))
    later = Decision(False, "Let me look", held=True)
    say(Role.APPROVER, owner.id, **{f"l{catheter.id}": fewer, f"l{gloves.id}": later})
    (mail,) = mails(mailed, Role.CLINIC_MANAGER)
    assert mail.subject == f"{requisition.number} is decided in part: 1 cut"
    assert "Cut by Approver: 3 instead of 5 BX of Urinary catheter, 14 Fr. Too many" in mail.body
    assert "1 still wait" in mail.body
    say(Role.BUYER, buyer.id, **{f"l{gloves.id}": no})
    _, mail = mails(mailed, Role.CLINIC_MANAGER)
    assert mail.subject == f"{requisition.number} is decided: 1 rejected, 1 cut"
    assert "Rejected by Buyer: 2 BX of Exam glove, nitrile, medium. Use another item" in mail.body
    assert f"/requisitions/{requisition.id}/lines/{gloves.id}/change" in mail.body, "what to do next"
    assert state(requisition) is RequisitionState.DECIDED


def test_without_a_server_nothing_is_written(hospital: Hospital) -> None:
    submitted(hospital, {hospital.catheter_offer: 2})
    attend(hospital)
    assert db.session.query(Mail).count() == 0


def test_what_waits_is_reminded_then_escalated_once(mailed: Hospital) -> None:
    requisition = submitted(mailed, {mailed.catheter_offer: 2})
    (step,) = queries.steps_of(requisition.id)
    with transaction():
        asking.watch(mailed.actor(Role.APPROVER), found(requisition), mailed.accounts[Role.BUYER].id)
    attend(mailed)
    # Two weeks hold at least nine business days, whatever weekday it is.
    for days, subjects in (
        (14, ["Please decide", "Overdue, please decide"]),
        (15, ["Please decide", "Overdue, please decide"]),
    ):
        with clock.shifted(timedelta(days=days)):
            attend(mailed)
            got = [mail.subject for mail in mails(mailed, Role.APPROVER)]
            assert got == [f"{one}: {requisition.number}" for one in subjects]
    assert actions("requisition", requisition.id).count("approval.escalate") == 1
    assert attending.late_steps() == []
    assert step.id == queries.steps_of(requisition.id)[0].id


def found(requisition: Requisition) -> Requisition:
    """With everything a page needs."""
    row = requisitions.find(requisition.id)
    assert row is not None
    return row


def test_the_mailbox_shows_only_the_own_mails_and_only_in_the_demo(
    app_with: object, mailed: Hospital, client: Visitor
) -> None:
    client.sign_in(mailed.email(Role.APPROVER))
    assert client.get("/mailbox").status_code == 404


def test_a_question_and_its_answer_are_mailed(mailed: Hospital, client: Visitor) -> None:
    requisition = submitted(mailed, {mailed.catheter_offer: 2})
    (step,) = queries.steps_of(requisition.id)
    client.sign_in(mailed.email(Role.APPROVER))
    asking_page = f"/approvals/{step.id}"
    assert client.submit(asking_page, {"text": "What for?"}, action=f"{asking_page}/ask").status_code == 303
    asked = mails(mailed, Role.CLINIC_MANAGER)[-1]
    assert f"{mailed.accounts[Role.APPROVER].name} asked: What for?" in asked.body
    (question,) = queries.questions_of(requisition.id)
    client.sign_in(mailed.email(Role.CLINIC_MANAGER))
    page = f"/approvals/questions/{question.id}"
    assert client.submit(page, {"text": "For the ward"}, action=page).status_code == 303
    assert "The answer: For the ward" in mails(mailed, Role.APPROVER)[-1].body
