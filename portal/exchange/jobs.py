"""Jobs that drain the outbox and the inbox, and the sweep that finds due work without a wake-up."""

from sqlalchemy import select, text

from portal.exchange import queries, wake
from portal.exchange.delivery import deliver_due
from portal.exchange.inbox import apply_due
from portal.exchange.models import Message, Partner
from portal.exchange.rules import Direction
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.jobs import enqueue, job


@job("exchange", timeout=600)
def deliver(organization_id: int, partner_id: int) -> None:
    """Delivers what is due for a partner, then makes room for other jobs."""
    enter_organization(organization_id)
    if deliver_due(partner_id):
        enqueue(deliver, organization_id, partner_id)


@job("exchange", timeout=600)
def apply(organization_id: int) -> None:
    """Applies what was received by an organization, then makes room for other jobs."""
    enter_organization(organization_id)
    wake.begun(organization_id)
    if apply_due():
        enqueue(apply, organization_id)


@job("exchange")
def sweep() -> None:
    """Wakes the jobs of everything that is due, in every organization."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction() as session:
            due = session.execute(
                select(Message.direction, Message.partner_id)
                .join(Partner, Partner.id == Message.partner_id)
                .where(
                    queries.is_due(),
                    Partner.paused_at.is_(None) | (Message.direction == Direction.INBOUND),
                )
                .distinct()
            ).all()
        for partner_id in {row.partner_id for row in due if row.direction == Direction.OUTBOUND}:
            enqueue(deliver, organization_id, partner_id)
        if any(row.direction == Direction.INBOUND for row in due):
            enqueue(apply, organization_id)


def organization_ids() -> list[int]:
    """Every organization; asked through a function that row-level security lets pass."""
    with transaction():
        return list(db.session.scalars(text("SELECT portal_organization_ids()")))
