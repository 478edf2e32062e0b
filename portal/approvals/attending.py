"""What happens by itself: telling who is asked, reminding, escalating, handing mails to the server."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.approvals import notices, queries
from portal.approvals.business_hours import Attention, attention
from portal.approvals.models import ApprovalDecision, ApprovalStep
from portal.approvals.rules import Act, StepState
from portal.foundation import audit, clock, mail
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.identity import mailing
from portal.requisitions import queries as requisitions
from portal.requisitions.models import Requisition


def late_steps() -> list[tuple[int, Attention]]:
    """Open steps that need a reminder or somebody higher, and had none since they opened."""
    place = joinedload(ApprovalStep.requisition).joinedload(Requisition.location)
    statement = (
        select(ApprovalStep)
        .where(ApprovalStep.state == StepState.OPEN, ApprovalStep.escalated_at.is_(None))
        .options(place, joinedload(ApprovalStep.cost_center))
        .order_by(ApprovalStep.id)
    )
    known = queries.patience()
    late: list[tuple[int, Attention]] = []
    for step in db.session.scalars(statement):
        waited = known.waited(step.opened_at, clock.now(), queries.facility_of(step))
        due = attention(waited, known, is_rush=step.requisition.is_rush)
        if due is Attention.ESCALATE or (due is Attention.REMIND and step.reminded_at is None):
            late.append((step.id, due))
    return late


def attend(actor: Actor, step_id: int, due: Attention) -> None:
    """Reminds, or escalates, once: a forwarded step returns to all who may decide it, and all are told."""
    step = found(queries.find(step_id, lock=True), "approval")
    if step.state is not StepState.OPEN or step.escalated_at is not None:
        return
    requisition = found(requisitions.find(step.requisition_id), "requisition")
    if due is Attention.REMIND:
        if step.reminded_at is None:
            step.reminded_at = clock.now()
            _tell(step, "remind", "Reminder, please decide")
        return
    step.escalated_at, step.assigned_to_id = clock.now(), None
    why = "Waits for too long: everybody who may decide it is told."
    told = ApprovalDecision(
        requisition_id=step.requisition_id, step_id=step.id, act=Act.ESCALATE, reason=why, via="portal"
    )
    db.session.add(told)
    audit.record(actor, "approval.escalate", requisition, after={"step": step.kind, "why": why})
    _tell(step, "escalate", "Overdue, please decide")


def _tell(step: ApprovalStep, occasion: str, subject: str) -> None:
    db.session.flush()
    if mailing.is_on():
        notices.tell_step(step.id, occasion=occasion, subject=subject)


def send(mail_id: int) -> None:
    """Hands one claimed mail to the server; without one it is kept for the mailbox."""
    found_mail = found(db.session.get(mail.Mail, mail_id), "mail")
    url = mailing.settings().smtp_url.get_secret_value()
    error = mail.send(url, mail.letter(found_mail, mailing.settings().mail_from)) if url else None
    mail.settle(found_mail, error, kept=not url)
