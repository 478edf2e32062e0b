"""`portal doctor`: whether everything the portal needs is there, and what to do where it is not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

import psycopg
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.serializers import JSONSerializer
from sqlalchemy import select

from portal.clinical.ehr import systems as ehr_systems
from portal.clinical.models import EhrSystem
from portal.clinical.rules import AuthMethod
from portal.exchange import adapters
from portal.exchange.jobs import organization_ids
from portal.exchange.models import Partner
from portal.foundation import clock
from portal.foundation.db import APPLICATION_ROLE, enter_organization, transaction
from portal.foundation.jobs import QUEUES
from portal.inventory.proof import discrepancies
from portal.scheduler import HEARTBEAT
from portal.settings import Settings

OLDEST_POSTGRESQL = 150_000
OLDEST_REDIS = (6, 2)
MOST_SKEW = timedelta(seconds=2)
SIGNED = frozenset({AuthMethod.RS384, AuthMethod.ES384})
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was seen, and what to do."""

    level: Level
    what: str
    seen: str
    advice: str = ""


def examine(app: Flask) -> Iterator[Finding]:
    """Looks at one thing after the other; never raises for what it finds."""
    settings: Settings = app.extensions["settings"]
    with app.app_context():
        yield from _settings(settings)
        database = list(_database(settings))
        yield from database
        yield from _queue(app.extensions["redis"])
        if all(finding.level is not Level.FAIL for finding in database):
            yield from _partners()
            yield from _ehrs(settings)
            yield from _stock()


def _settings(settings: Settings) -> Iterator[Finding]:
    host = urlsplit(settings.public_url).hostname or ""
    if settings.demo and host not in LOCAL:
        yield Finding(
            Level.FAIL, "settings", f"the demo is on at {settings.public_url}",
            "Unset PORTAL_DEMO: anybody could sign in with one click.",
        )  # fmt: skip
    elif host not in LOCAL and not settings.secure_cookies:
        yield Finding(
            Level.WARN, "settings", f"people use {settings.public_url} without HTTPS",
            "Put a proxy with a certificate in front and set PORTAL_PUBLIC_URL to https://…",
        )  # fmt: skip
    else:
        yield Finding(Level.OK, "settings", f"complete; people use {settings.public_url}")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        with psycopg.connect(settings.database_url, connect_timeout=5) as connection:
            yield _version(connection)
            yield _role(connection)
            yield _migrations(connection)
            yield _skew(connection)
    except psycopg.OperationalError as error:
        yield Finding(
            Level.FAIL, "database", str(error).splitlines()[0],
            "Start PostgreSQL, or correct PORTAL_DATABASE_URL. `portal demo` brings its own.",
        )  # fmt: skip


def _version(connection: psycopg.Connection) -> Finding:
    number = connection.info.server_version
    seen = f"PostgreSQL {number // 10_000}.{number % 10_000} at {connection.info.host or 'a local socket'}"
    if number < OLDEST_POSTGRESQL:
        return Finding(Level.FAIL, "database", seen, "Use PostgreSQL 15 or newer.")
    return Finding(Level.OK, "database", seen)


def _role(connection: psycopg.Connection) -> Finding:
    row = connection.execute(
        "SELECT rolbypassrls OR rolsuper, pg_has_role(current_user, oid, 'MEMBER') "
        "FROM pg_roles WHERE rolname = %s",
        (APPLICATION_ROLE,),
    ).fetchone()
    if row is None:
        return Finding(Level.FAIL, "role", f"{APPLICATION_ROLE} is missing", "Run `portal migrate`.")
    if row[0]:
        return Finding(
            Level.FAIL, "role", f"{APPLICATION_ROLE} sees every organization's rows",
            f"Run: ALTER ROLE {APPLICATION_ROLE} NOSUPERUSER NOBYPASSRLS",
        )  # fmt: skip
    if not row[1]:
        return Finding(
            Level.FAIL, "role", f"{connection.info.user} may not act as {APPLICATION_ROLE}",
            f"Run: GRANT {APPLICATION_ROLE} TO {connection.info.user}",
        )  # fmt: skip
    return Finding(Level.OK, "role", f"{APPLICATION_ROLE} sees only the rows of one organization")


def _migrations(connection: psycopg.Connection) -> Finding:
    newest = ScriptDirectory.from_config(
        current_app.extensions["migrate"].migrate.get_config()
    ).get_current_head()
    known = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone() == (True,)
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    present = row[0] if row else "none"
    if present != newest:
        return Finding(
            Level.FAIL, "migrations", f"the schema is at {present}, the program at {newest}",
            "Run `portal migrate`.",
        )  # fmt: skip
    return Finding(Level.OK, "migrations", f"the schema is at {present}, the newest")


def _skew(connection: psycopg.Connection) -> Finding:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    skew = abs(row[0] - clock.now())
    seen = f"{skew.total_seconds():.1f} s between this machine and the database"
    if skew > MOST_SKEW:
        return Finding(
            Level.WARN, "clock", seen, "Let both keep time by NTP: leases and sessions rely on it."
        )
    return Finding(Level.OK, "clock", seen)


def _queue(redis: "Redis") -> Iterator[Finding]:
    try:
        server = redis.info("server")
        version = str(server["redis_version"])
        name = "Valkey" if "valkey_version" in server else "Redis"
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
            yield Finding(Level.FAIL, "queue", f"{name} {version}", "Use Redis 6.2 or newer, or Valkey.")
        else:
            yield Finding(Level.OK, "queue", f"{name} {server.get('valkey_version', version)}")
        yield _workers(redis)
        yield _scheduler(redis)
    except RedisError as error:
        yield Finding(
            Level.FAIL, "queue", str(error),
            "Start Redis or Valkey, or correct PORTAL_REDIS_URL. `portal demo` brings its own.",
        )  # fmt: skip


def _workers(redis: "Redis") -> Finding:
    workers = Worker.all(connection=redis, serializer=JSONSerializer)
    served = {name for worker in workers for name in worker.queue_names()}
    if missing := sorted(set(QUEUES) - served):
        return Finding(
            Level.FAIL, "workers", f"nobody serves {', '.join(missing)}",
            "Start `portal worker`; until then nothing is sent or applied, and nothing is lost.",
        )  # fmt: skip
    return Finding(Level.OK, "workers", f"{len(workers)} alive, every queue is served")


def _scheduler(redis: "Redis") -> Finding:
    leader = redis.get(HEARTBEAT)
    if isinstance(leader, bytes):
        return Finding(Level.OK, "scheduler", f"leads at {leader.decode()}")
    return Finding(
        Level.FAIL, "scheduler", "nobody asks for scheduled jobs",
        "Start `portal scheduler`; without it interrupted work is not taken up again.",
    )  # fmt: skip


def _partners() -> Iterator[Finding]:
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction() as session:
            partners = session.scalars(
                select(Partner).where(Partner.base_url != "").order_by(Partner.code)
            ).all()
            session.expunge_all()
        for partner in partners:
            yield _partner(partner)
    if not organization_ids():
        yield Finding(
            Level.WARN, "partners", "there is no organization yet", "Run `portal seed` for the demo."
        )


def _ehrs(settings: Settings) -> Iterator[Finding]:
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            for system in ehr_systems.systems():
                if system.active:
                    yield _ehr(system, settings)


def _ehr(system: EhrSystem, settings: Settings) -> Finding:
    what = f"EHR {system.code} of organization {system.organization_id}"
    if system.auth_method in SIGNED and not settings.ehr_keys:
        return Finding(
            Level.FAIL, what, "no key to sign with", "Put a key of `portal smart key` into PORTAL_EHR_KEYS."
        )
    health = ehr_systems.check(system)
    if health.reachable and health.login_ok:
        return Finding(Level.OK, what, health.detail)
    return Finding(
        Level.FAIL, what, health.detail, f"Run `portal smart check {system.base_url}`; see EHR systems."
    )


def _stock() -> Iterator[Finding]:
    for organization_id in organization_ids():
        enter_organization(organization_id)
        with transaction():
            wrong = discrepancies()
        what = f"stock of organization {organization_id}"
        if wrong:
            seen = f"{len(wrong)} or more shelves differ from the sum of their movements"
            yield Finding(Level.FAIL, what, seen, "Somebody wrote past the portal. See the work items.")
        else:
            yield Finding(Level.OK, what, "on hand is the sum of its movements")


def _partner(partner: Partner) -> Finding:
    what = f"partner {partner.code} of organization {partner.organization_id}"
    health = adapters.check(partner)
    seen = f"{partner.name} at {partner.base_url}: {health.detail} ({health.milliseconds} ms)"
    if not health.reachable:
        return Finding(Level.FAIL, what, seen, "Start it, or correct its address and PORTAL_PARTNER_HOSTS.")
    if not health.login_ok:
        return Finding(Level.FAIL, what, seen, f"Correct its user or PORTAL_SECRET_{partner.secret_name}.")
    if partner.paused_at is not None:
        return Finding(Level.WARN, what, f"{seen}; paused", "Resume it on the partners page.")
    return Finding(Level.OK, what, seen)
