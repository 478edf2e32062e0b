"""Sessions on the server: started at sign-in, resumed by each request, ended by time, people or sign-out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_login import UserMixin
from sqlalchemy import Row, Select, bindparam, select, update
from sqlalchemy.orm import joinedload

from portal.foundation import audit, clock
from portal.foundation.access import Actor, system
from portal.foundation.crypto import token, token_hash
from portal.foundation.db import db, enter_organization_of, found, transaction
from portal.identity import services
from portal.identity.models import Account, Organization, RoleAssignment, WebSession
from portal.identity.rules import ROLE_LABELS, SEEN_EVERY, TIMED_OUT, Ended, time_out
from portal.settings import Settings

SessionRow = Row[*tuple[Any, ...]]
BY_TIME = "session time-out"
PER_RUN = 500


@dataclass(frozen=True)
class Person(UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """Who is signed in, as every page may use it (`current_user`)."""

    token: str = field(repr=False)
    session_id: int
    account_id: int
    name: str
    email: str
    role_labels: tuple[str, ...]
    organization_name: str
    organization_slug: str
    time_zone: str
    home_location_id: int | None
    actor: Actor

    def get_id(self) -> str:
        """What the browser's cookie holds."""
        return self.token


def start(account: Account, *, user_agent: str = "") -> str:
    """Starts a session of the account; returns its token, of which only the hash is kept."""
    value = token()
    db.session.add(
        WebSession(token_hash=token_hash(value), account_id=account.id, user_agent=user_agent[:300])
    )
    db.session.flush()
    return value


def resume(value: str, *, is_used: bool = True) -> Person | None:
    """The person of a session that is still good; the database session is then inside the organization.

    Writes on its own: that a session has timed out, or (once a minute at most, if a person uses it) that it
    was seen.
    """
    rows = _rows(value)
    if not rows or rows[0].ended_at is not None:
        db.session.remove()
        return None
    session = rows[0]
    over = _why_over(session, is_active=session.active)
    if over is not None:
        with transaction():
            end(found(_find(value), "session"), over, system(session.organization_id, BY_TIME))
        db.session.remove()
        return None
    if is_used and clock.now() - session.last_seen_at >= SEEN_EVERY:
        with transaction():
            seen = update(WebSession).where(WebSession.id == session.session_id)
            db.session.execute(seen.values(last_seen_at=clock.now()))
    return _person(rows, value)


def timed_out_account(value: str) -> Account | None:
    """The account whose session timed out, with the database session inside its organization."""
    session = _find(value)
    if session is None or session.ended_because not in TIMED_OUT or not session.account.active:
        return None
    return session.account


def end(session: WebSession, because: Ended, actor: Actor) -> bool:
    """Ends a session, `account` loaded; False when it was over already."""
    ended = db.session.scalar(
        update(WebSession)
        .where(WebSession.id == session.id, WebSession.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_because=because)
        .returning(WebSession.id)
    )
    if ended is None:
        return False
    evidence = {"session_id": session.id}
    audit.record(actor, "session.ended", session.account, after={"because": because}, evidence=evidence)
    return True


def end_token(value: str, because: Ended) -> int | None:
    """Ends the session of a token and says whose it was; the database session is then in its organization."""
    # What was written so far belongs to the present organization; the token may lead to another one.
    db.session.flush()
    session = _find(value)
    if session is None:
        return None
    end(session, because, services.actor_of(session.account))
    db.session.flush()
    return session.account_id


def end_all(account_id: int, because: Ended, actor: Actor, *, but: int | None = None) -> int:
    """Ends every session of an account, except the one with id `but`; returns how many."""
    return sum(end(session, because, actor) for session in open_sessions(account_id) if session.id != but)


def end_one(account_id: int, session_id: int, actor: Actor) -> None:
    """Revokes one session of an account; raises NotFound when it is not this account's."""
    statement = _with_account().where(WebSession.id == session_id, WebSession.account_id == account_id)
    end(found(db.session.scalar(statement), "session"), Ended.REVOKED, actor)


def open_sessions(account_id: int) -> list[WebSession]:
    """Sessions of an account that have not ended, last seen first."""
    statement = (
        _with_account()
        .where(WebSession.account_id == account_id, WebSession.ended_at.is_(None))
        .order_by(WebSession.last_seen_at.desc())
    )
    return [
        session
        for session in db.session.scalars(statement)
        if _why_over(session, is_active=session.account.active) is None
    ]


def end_timed_out() -> int:
    """Ends the sessions of the present organization that nobody used any more; returns how many."""
    now = clock.now()
    idle, absolute = _limits()
    statement = (
        _with_account()
        .where(
            WebSession.ended_at.is_(None),
            (WebSession.last_seen_at <= now - idle) | (WebSession.created_at <= now - absolute),
        )
        .order_by(WebSession.id)
        .limit(PER_RUN)
    )
    over = [
        (session, _why_over(session, is_active=session.account.active))
        for session in db.session.scalars(statement)
    ]
    return sum(end(session, why, system(session.organization_id, BY_TIME)) for session, why in over if why)


def _with_account() -> Select[WebSession]:
    return select(WebSession).options(joinedload(WebSession.account))


def _find(value: str) -> WebSession | None:
    hashed = token_hash(value)
    if not enter_organization_of(hashed):
        return None
    statement = _with_account().where(WebSession.token_hash == hashed)
    return db.session.scalar(statement)


def _rows(value: str) -> Sequence[SessionRow]:
    """The session of a token with its account, once for each role, in two statements: every page needs it."""
    hashed = token_hash(value)
    if not enter_organization_of(hashed):
        return []
    return db.session.connection().execute(_BY_TOKEN, {"hash": hashed}).all()


# Kept, as building it takes longer than running it.
_BY_TOKEN = (
    select(
        WebSession.id.label("session_id"), WebSession.organization_id, WebSession.created_at,
        WebSession.last_seen_at, WebSession.ended_at, WebSession.account_id, Account.name, Account.email,
        Account.active, Account.home_location_id, Organization.name.label("organization"), Organization.slug,
        Organization.time_zone, RoleAssignment.role, RoleAssignment.facility_id,
        RoleAssignment.cost_center_id, RoleAssignment.approval_limit,
    )
    .join(Account, Account.id == WebSession.account_id)
    .join(Organization, Organization.id == WebSession.organization_id)
    .outerjoin(RoleAssignment, RoleAssignment.account_id == WebSession.account_id)
    .where(WebSession.token_hash == bindparam("hash"))
    .order_by(RoleAssignment.id)
)  # fmt: skip


def _why_over(session: WebSession | SessionRow, *, is_active: bool) -> Ended | None:
    if not is_active:
        return Ended.DEACTIVATED
    idle, absolute = _limits()
    return time_out(
        started=session.created_at,
        seen=session.last_seen_at,
        now=clock.now(),
        idle=idle,
        absolute=absolute,
    )


def _limits() -> tuple[timedelta, timedelta]:
    settings: Settings = current_app.extensions["settings"]
    return timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_absolute_hours)


def _person(rows: Sequence[SessionRow], value: str) -> Person:
    one, held = rows[0], [row for row in rows if row.role is not None]
    return Person(
        token=value,
        session_id=one.session_id,
        account_id=one.account_id,
        name=one.name,
        email=one.email,
        role_labels=tuple(dict.fromkeys(ROLE_LABELS[row.role] for row in held)),
        organization_name=one.organization,
        organization_slug=one.slug,
        time_zone=one.time_zone,
        home_location_id=one.home_location_id,
        actor=Actor(
            organization_id=one.organization_id,
            name=one.name,
            account_id=one.account_id,
            grants=services.grants_of(held),
        ),
    )
