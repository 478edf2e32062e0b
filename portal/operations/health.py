"""Whether this process can serve, and the numbers a monitoring system reads."""

import os
from collections.abc import Iterable, Iterator

import psycopg
from alembic.script import ScriptDirectory
from flask import current_app
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from portal.exchange.jobs import organization_ids
from portal.exchange.models import Message, Partner, WorkItem
from portal.exchange.queries import is_due
from portal.exchange.rules import UNFINISHED_STATES, Direction
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.jobs import QUEUES, queue
from portal.identity.models import Organization
from portal.settings import Settings

CONNECT_SECONDS = 3


def faults() -> dict[str, str]:
    """What keeps this process from serving, by part, with what to do; empty when it is ready."""
    checks = {"database": _database_fault(), "queue": _queue_fault()}
    return {part: fault for part, fault in checks.items() if fault}


def _database_fault() -> str:
    settings: Settings = current_app.extensions["settings"]
    newest = ScriptDirectory.from_config(
        current_app.extensions["migrate"].migrate.get_config()
    ).get_current_head()
    try:
        with psycopg.connect(
            settings.database_url, connect_timeout=CONNECT_SECONDS, options="-c statement_timeout=3000"
        ) as connection:
            known = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
            if known != (True,):
                return "The database is empty. Run `portal migrate`."
            present = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except psycopg.Error as error:
        return (
            f"PostgreSQL does not answer ({type(error).__name__}). Start it, or correct PORTAL_DATABASE_URL."
        )
    if present == (newest,):
        return ""
    version = present[0] if present else "none"
    return f"The schema is at {version}, the program at {newest}. Run `portal migrate`."


def _queue_fault() -> str:
    try:
        current_app.extensions["redis"].ping()
    except RedisError as error:
        return f"Redis does not answer ({type(error).__name__}). Start it, or correct PORTAL_REDIS_URL."
    return ""


def metrics_text() -> bytes:
    """Everything in the text format of Prometheus; of all processes when they share a folder."""
    registry: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library annotates no arguments
    backlog = CollectorRegistry()
    backlog.register(BacklogCollector())
    return generate_latest(registry) + generate_latest(backlog)


class BacklogCollector(Collector):
    """What waits, counted when asked."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges; those of a part that does not answer are left out, and its `portal_up` is 0."""
        up = GaugeMetricFamily("portal_up", "Whether a part answers", labels=["part"])
        for part, gauges in (("database", self._of_database), ("queue", self._of_queue)):
            try:
                yield from list(gauges())
                up.add_metric([part], 1)
            except (SQLAlchemyError, RedisError):
                up.add_metric([part], 0)
        yield up

    def _of_database(self) -> Iterator[GaugeMetricFamily]:
        messages = GaugeMetricFamily(
            "portal_messages_unfinished",
            "Messages neither done nor withdrawn",
            labels=["organization", "partner", "direction", "state"],
        )
        oldest = GaugeMetricFamily(
            "portal_message_oldest_due_seconds",
            "How long the oldest due message has waited beyond its time",
            labels=["organization", "partner", "direction"],
        )
        paused = GaugeMetricFamily(
            "portal_partner_paused", "Whether deliveries are paused", labels=["organization", "partner"]
        )
        items = GaugeMetricFamily(
            "portal_work_items_open", "Work items nobody resolved", labels=["organization", "kind"]
        )
        for organization_id in organization_ids():
            enter_organization(organization_id)
            with transaction():
                slug = db.session.scalars(select(Organization.slug)).one()
                _add_messages(messages, oldest, slug)
                for code, is_paused in db.session.execute(
                    select(Partner.code, Partner.paused_at.is_not(None))
                ):
                    paused.add_metric([slug, code], is_paused)
                for kind, count in db.session.execute(
                    select(WorkItem.kind, func.count())
                    .where(WorkItem.resolved_at.is_(None))
                    .group_by(WorkItem.kind)
                ):
                    items.add_metric([slug, kind], count)
        yield from (messages, oldest, paused, items)

    def _of_queue(self) -> Iterator[GaugeMetricFamily]:
        waiting = GaugeMetricFamily("portal_queue_jobs", "Jobs waiting for a worker", labels=["queue"])
        for name in QUEUES:
            waiting.add_metric([name], queue(name).count)
        workers = GaugeMetricFamily("portal_workers", "Worker processes that report for work")
        workers.add_metric([], Worker.count(connection=current_app.extensions["redis"]))
        yield from (waiting, workers)


def _add_messages(messages: GaugeMetricFamily, oldest: GaugeMetricFamily, slug: str) -> None:
    now = clock.now()
    rows = db.session.execute(
        select(
            Partner.code,
            Message.direction,
            Message.state,
            func.count(),
            func.min(Message.available_at).filter(is_due()),
        )
        .join(Partner, Partner.id == Message.partner_id)
        .where(Message.state.in_(UNFINISHED_STATES))
        .group_by(Partner.code, Message.direction, Message.state)
    )
    due: dict[tuple[str, Direction], float] = {}
    for code, direction, state, count, since in rows:
        messages.add_metric([slug, code, direction, state], count)
        waited = (now - since).total_seconds() if since else 0.0
        due[code, direction] = max(waited, due.get((code, direction), 0.0))
    for (code, toward), seconds in due.items():
        oldest.add_metric([slug, code, toward], seconds)
