"""Wakes a worker after the commit; losing a wake-up loses nothing, the sweep finds due messages."""

from flask import current_app
from redis.exceptions import RedisError

from portal.foundation.db import after_commit
from portal.foundation.jobs import enqueue_named

DELIVER = "portal.exchange.jobs.deliver"
APPLY = "portal.exchange.jobs.apply"
WAKE_SECONDS = 60


def deliver(organization_id: int, partner_id: int) -> None:
    """Asks for the deliveries of one partner."""
    after_commit(lambda: enqueue_named(DELIVER, organization_id, partner_id))


def apply(organization_id: int) -> None:
    """Asks for the application of inbound messages, once for all that come before a worker begins."""
    after_commit(lambda: _ask_to_apply(organization_id))


def _ask_to_apply(organization_id: int) -> None:
    try:
        is_first = current_app.extensions["redis"].set(
            asked_key(organization_id), 1, nx=True, ex=WAKE_SECONDS
        )
    except RedisError:
        return  # the sweep finds it
    if is_first:
        enqueue_named(APPLY, organization_id)


def begun(organization_id: int) -> None:
    """A worker is about to read: what comes from now on asks again."""
    try:
        current_app.extensions["redis"].delete(asked_key(organization_id))
    except RedisError:
        return  # the mark ends by itself


def asked_key(organization_id: int) -> str:
    """Set while a worker has been asked and has not begun."""
    return f"portal:apply:{organization_id}"
