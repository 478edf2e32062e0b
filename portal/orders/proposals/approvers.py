"""Who may say yes to what an order costs beyond what was approved; never the person who asks."""

from sqlalchemy import select

from portal.approvals import people
from portal.approvals.models import ApprovalAnswer, ApprovalStep
from portal.approvals.rules import AnswerState, Asked
from portal.foundation.access import Actor
from portal.foundation.db import db


def step_of(requisition_line_id: int) -> ApprovalStep | None:
    """The last step that said yes to a requested line."""
    return db.session.scalar(
        select(ApprovalStep)
        .join(ApprovalAnswer, ApprovalAnswer.step_id == ApprovalStep.id)
        .where(
            ApprovalAnswer.line_id == requisition_line_id,
            ApprovalAnswer.state == AnswerState.APPROVED,
            ApprovalStep.decided_by_id.is_not(None),
        )
        .order_by(ApprovalStep.position.desc(), ApprovalStep.id.desc())
        .limit(1)
    )


def deciders(asked: Asked, asker_id: int) -> dict[int, str]:
    """Names of who may decide today, by account."""
    return {one: name for one, name in people.deciders(asked).items() if one != asker_id}


def right_of(actor: Actor, asked: Asked, asker_id: int) -> Actor | None:
    """Whose right the person uses: the own, or that of somebody absent; None when there is none."""
    if actor.account_id == asker_id:
        return None
    right = people.decides_as(actor, asked)
    return None if right is None or right.account_id == asker_id else right
