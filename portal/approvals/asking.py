"""Without deciding: a question to the requester, somebody else instead or as well, somebody who watches."""

from sqlalchemy.dialects.postgresql import insert

from portal.approvals import opening, people, queries, services
from portal.approvals.models import ApprovalAnswer, ApprovalQuestion, ApprovalStep, ApprovalWatcher
from portal.approvals.rules import DECIDES, UNANSWERED, Act, AnswerState, StepKind
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.hooks import Hook
from portal.identity.models import Account
from portal.identity.queries import account, accounts_with
from portal.requisitions import queries as requisitions
from portal.requisitions.models import Requisition

asked: Hook[[ApprovalQuestion, Requisition]] = Hook()
answered: Hook[[ApprovalQuestion, Requisition]] = Hook()
"""Whoever asked or is asked is told."""


def ask(actor: Actor, step_id: int, text: str) -> ApprovalQuestion:
    """Asks the requester; the step stays open. Raises as `services.turn`."""
    now = services.turn(actor, step_id)
    question = ApprovalQuestion(step_id=now.step.id, text=text, asked_by_id=actor.account_id or 0)
    db.session.add(question)
    db.session.flush()
    services.keep(now, Act.ASK, reason=text)
    audit.record(actor, "approval.ask", now.requisition, after={"question": text})
    asked(question, now.requisition)
    return question


def look_at(actor: Actor, question_id: int) -> tuple[ApprovalQuestion, Requisition]:
    """The question and its requisition for who is asked; raises NotFound for anybody else."""
    question = found(queries.question(question_id), "question")
    requisition = found(requisitions.find(question.step.requisition_id), "requisition")
    mine = question if requisition.requester_id == actor.account_id else None
    return found(mine, "question"), requisition


def answer(actor: Actor, question_id: int, text: str) -> Requisition:
    """The requester answers, once. Raises Conflict when the question has its answer."""
    question, requisition = look_at(actor, question_id)
    if question.answered_at is not None:
        raise Conflict("This question is answered already.")
    question.answer, question.answered_at = text, clock.now()
    step = found(queries.find(question.step_id), "approval")
    services.keep(services.Turn(actor, actor, step, requisition), Act.ANSWER, reason=text)
    audit.record(actor, "approval.answer", requisition, after={"question": question.text, "answer": text})
    answered(question, requisition)
    return requisition


def others(actor: Actor, requisition: Requisition) -> dict[int, str]:
    """Names of the people who may be asked to decide or to watch, by account."""
    anybody = {one for permission in sorted(DECIDES) for one in accounts_with(permission)}
    names = sorted((one.name, one.id) for one in anybody)
    return {one: name for name, one in names if one not in (actor.account_id, requisition.requester_id)}


def forward(actor: Actor, step_id: int, person_id: int, why: str) -> Account:
    """Somebody else who may decide the step does so instead. Raises Invalid for who may not."""
    now = services.turn(actor, step_id)
    now.step.assigned_to_id = None
    person = _other(now, person_id)
    if person not in people.candidates(people.asked(now.step, now.requisition)):
        raise Invalid(f"{person.name} may not decide this: another place, or a lower limit.", field="person")
    now.step.assigned_to_id = person.id
    now.step.told_at = None
    services.keep(now, Act.FORWARD, reason=why, evidence={"to": person.name})
    audit.record(actor, "approval.forward", now.requisition, after={"to": person.name, "why": why})
    return person


def add(actor: Actor, step_id: int, person_id: int, why: str) -> ApprovalStep:
    """Somebody decides as well, beside this step. Raises Invalid for who approves nothing at all."""
    now = services.turn(actor, step_id)
    person = _other(now, person_id)
    mine = now.step
    step = ApprovalStep(
        requisition_id=mine.requisition_id,
        cost_center=mine.cost_center,
        kind=StepKind.ADDED,
        position=mine.position,
        why=f"Added by {actor.name}." + (f" {why}" if why else ""),
        amount=mine.amount,
        assigned_to_id=person.id,
        answers=[
            ApprovalAnswer(line_id=one.line_id, amount=one.amount, state=AnswerState.OPEN)
            for one in mine.answers
            if one.state in UNANSWERED
        ],
    )
    db.session.add(step)
    db.session.flush()
    if person not in people.candidates(people.asked(step, now.requisition)):
        raise Invalid(f"{person.name} approves nothing in this organization.", field="person")
    opening.take_turns(queries.steps_of(mine.requisition_id))
    services.keep(now, Act.ADD, reason=why, evidence={"added": person.name})
    audit.record(actor, "approval.add", now.requisition, after={"added": person.name, "why": why})
    return step


def _other(now: services.Turn, person_id: int) -> Account:
    person = account(person_id)
    if person.id in (now.actor.account_id, now.requisition.requester_id):
        raise Invalid("Choose somebody else: not yourself, and not who asked.", field="person")
    return person


def watch(actor: Actor, requisition: Requisition, person_id: int) -> Account:
    """Somebody is told what becomes of it; again changes nothing. Raises Invalid for who is no colleague."""
    person = account(person_id)
    if not person.active:
        raise Invalid(f"{person.name} cannot sign in any more.", field="person")
    if not requisitions.may_see(actor, requisition):
        raise NotAllowed("Only somebody who sees the requisition may add a watcher.")
    values = {"requisition_id": requisition.id, "account_id": person.id, "added_by_id": actor.account_id}
    statement = insert(ApprovalWatcher).values(values).on_conflict_do_nothing().returning(ApprovalWatcher.id)
    if db.session.scalar(statement) is not None:
        audit.record(actor, "approval.watch", requisition, after={"watcher": person.name})
    return person
