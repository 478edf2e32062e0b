"""The engineer's first page: what is stopped, what is late, how the partners are, the last day in numbers."""

from datetime import timedelta
from typing import Any

from flask import current_app
from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy import func, select

from portal.exchange.models import Attempt, Message
from portal.exchange.rules import Direction, MessageState, Outcome
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.jobs import QUEUES, queue
from portal.foundation.paging import paginate
from portal.operations import presenters, queries, work_items
from portal.operations.queries import Backlog, MessageFilter
from portal.operations.work_items import ItemFilter

MOST_SHOWN = 8


def context(actor: Actor) -> dict[str, Any]:
    """What the page shows."""
    stopped = queries.messages(MessageFilter(state=MessageState.NEEDS_ATTENTION.value))
    page = paginate(stopped, 1, per_page=MOST_SHOWN)
    items = paginate(work_items.listing(actor, ItemFilter()), 1, per_page=MOST_SHOWN)
    partners = partner_rows()
    return {
        "stopped": [presenters.message_row(row) for row in page.rows],
        "stopped_total": page.total,
        "items": [presenters.item_row(actor, row[0], row.at_stake, row.owner) for row in items.rows],
        "items_total": items.total,
        "partners": partners,
        "waiting": sum(row.waiting for row in partners),
        "oldest": min((row.oldest for row in partners if row.oldest), default=None),
        "late": sum(row.late for row in partners),
        "day": last_day(),
        "queues": queue_facts(),
    }


def partner_rows() -> list[presenters.PartnerRow]:
    """Every partner with its backlog and last check."""
    backlogs, checks = queries.backlogs(), queries.last_checks()
    return [
        presenters.partner_row(partner, backlogs.get(partner.id, Backlog()), checks.get(partner.id))
        for partner in queries.partners()
    ]


def last_day() -> list[dict[str, Any]]:
    """Messages delivered and applied, and tries that failed, in the last 24 hours."""
    start = clock.now() - timedelta(days=1)
    rows = db.session.execute(
        select(Message.direction, func.count())
        .where(Message.created_at > start, Message.state == MessageState.DONE)
        .group_by(Message.direction)
    )
    done = {row[0]: row[1] for row in rows}
    failed = db.session.scalar(
        select(func.count(Attempt.id))
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.created_at > start, Attempt.outcome.is_not(None), Attempt.outcome != Outcome.DONE)
    )
    return [
        {"label": "Delivered", "value": done.get(Direction.OUTBOUND, 0)},
        {"label": "Applied", "value": done.get(Direction.INBOUND, 0)},
        {"label": "Failed tries", "value": failed or 0},
    ]


def queue_facts() -> list[dict[str, Any]]:
    """Workers and waiting jobs; says so when the queue does not answer."""
    redis = current_app.extensions["redis"]
    try:
        workers = Worker.count(connection=redis)
        waiting = sum(queue(name).count for name in QUEUES)
    except RedisError:
        return [{"label": "Queue", "value": "does not answer; messages wait in the database"}]
    return [{"label": "Workers", "value": workers}, {"label": "Jobs waiting", "value": waiting}]
