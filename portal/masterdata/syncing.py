"""Reads master data from an ERP: asks outside any transaction, compares, applies what is within the limit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload, undefer

from integrations.erp.contract import MasterKind
from integrations.errors import PartnerError
from portal.exchange.adapters import open_erp
from portal.exchange.models import Partner
from portal.foundation.db import db, transaction
from portal.masterdata import planning, sync_services
from portal.masterdata.models import SyncRun
from portal.masterdata.records import SOURCES
from portal.masterdata.rules import UNLIMITED, SyncState, change_limit
from portal.masterdata.services import lock
from portal.masterdata.spool import Spool, unpack

# The ERP's clock and ours may differ, and a change may be visible a little after its time stamp.
OVERLAP = timedelta(minutes=10)
INTERRUPTED = "This read was interrupted. The next one begins where the last applied one began."
REPLACED = "A newer read took the place of this one."


@dataclass(frozen=True)
class Reading:
    """A read that has begun."""

    run_id: int
    partner: Partner
    kind: MasterKind
    changed_since: datetime | None


def sync(partner_id: int, kind: MasterKind, *, forced: bool = False) -> SyncState | None:
    """Reads one kind and applies it, or stops for a person; None when there is nothing to do now.

    A kind whose last read waits for a decision, or whose partner is paused, is read only when `forced`.
    """
    with _alone(f"sync-{partner_id}-{kind}") as alone:
        if not alone:
            return None
        with transaction():
            reading = _begin(partner_id, kind, forced=forced)
        if reading is None:
            return None
        try:
            packed = _read(reading)
        except PartnerError as error:
            with transaction():
                sync_services.fail(_run(reading.run_id), error)
            return SyncState.FAILED
        with transaction():
            run = _run(reading.run_id)
            _apply(run, packed, forced=False)
            return run.state


def apply_confirmed(run_id: int) -> None:
    """Applies a stopped read that a person confirmed; with nothing to do, nothing."""
    with transaction():
        run = _run(run_id)
        if run.state is SyncState.APPLYING and run.records is not None:
            _apply(run, run.records, forced=True)


def waiting() -> list[int]:
    """The reads of the organization that a person confirmed and no job has applied yet."""
    return list(db.session.scalars(select(SyncRun.id).where(SyncRun.state == SyncState.APPLYING)))


def erp_partner_ids() -> list[int]:
    """The ERPs of the organization."""
    return list(db.session.scalars(select(Partner.id).where(Partner.kind == "erp").order_by(Partner.id)))


@contextmanager
def _alone(key: str) -> Iterator[bool]:
    """Whether nobody else is at it; a lock of the connection, so that it ends with a killed process too."""
    name = func.hashtextextended(key, 0)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        alone = bool(connection.scalar(select(func.pg_try_advisory_lock(name))))
        try:
            yield alone
        finally:
            if alone:
                connection.execute(select(func.pg_advisory_unlock(name)))


def _begin(partner_id: int, kind: MasterKind, *, forced: bool) -> Reading | None:
    runs = select(SyncRun).where(SyncRun.partner_id == partner_id, SyncRun.kind == kind)
    open_states = [SyncState.READING, SyncState.STOPPED, SyncState.APPLYING]
    unfinished = db.session.scalars(runs.where(SyncRun.state.in_(open_states)).with_for_update()).all()
    partner = db.session.scalars(select(Partner).where(Partner.id == partner_id)).one()
    waits = any(run.state is SyncState.STOPPED for run in unfinished) or partner.paused_at is not None
    if any(run.state is SyncState.APPLYING for run in unfinished) or (waits and not forced):
        return None
    for run in unfinished:
        # We hold the lock of this kind, so whoever was reading is gone.
        sync_services.close(run, INTERRUPTED if run.state is SyncState.READING else REPLACED)
    applied = runs.where(SyncRun.state == SyncState.APPLIED).order_by(SyncRun.id.desc()).limit(1)
    last = db.session.scalar(applied)
    since = last.started_at - OVERLAP if last else None
    run = SyncRun(partner_id=partner_id, kind=kind, state=SyncState.READING, changed_since=since)
    db.session.add(run)
    db.session.flush()
    db.session.expunge(partner)  # it is used after this transaction
    return Reading(run.id, partner, kind, since)


def _read(reading: Reading) -> bytes:
    spool = Spool()
    adapter = open_erp(reading.partner)
    try:
        for page in adapter.read(reading.kind, changed_since=reading.changed_since):
            spool.add(page)
            with transaction() as session:
                session.execute(update(SyncRun).where(SyncRun.id == reading.run_id).values(read=spool.count))
    finally:
        adapter.close()
    return spool.packed()


def _run(run_id: int) -> SyncRun:
    return db.session.scalars(
        select(SyncRun)
        .where(SyncRun.id == run_id)
        .options(joinedload(SyncRun.partner), undefer(SyncRun.records))
        .with_for_update(of=SyncRun)
        .execution_options(populate_existing=True)
    ).one()


def _apply(run: SyncRun, packed: bytes, *, forced: bool) -> None:
    source = SOURCES[MasterKind(run.kind)]
    limit = UNLIMITED if forced else change_limit(run.partner.settings, run.kind)
    lock()
    savepoint = db.session.begin_nested()
    plan = planning.merge(source, lambda: unpack(packed, source.record), run.partner_id, limit)
    if plan.within_limit:
        savepoint.commit()
        sync_services.finish(run, plan)
    else:
        savepoint.rollback()
        sync_services.stop(run, plan, packed)
