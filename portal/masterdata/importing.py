"""What the import job does with one uploaded file: read it for the preview, or apply it."""

import io
import time

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.db import db, transaction
from portal.masterdata import rows as checking
from portal.masterdata import services
from portal.masterdata.files import Table, Unusable, open_table
from portal.masterdata.models import ImportRun
from portal.masterdata.rules import ImportState
from portal.masterdata.schemas import SCHEMAS
from portal.masterdata.staging import Counts, Staging

MOST_FAULTS = 5_000
SAMPLE = 50
MOST_TRIES = 3
PROGRESS_SECONDS = 0.5
STALE = "The master data changed since this preview was made. Look at it again, then apply."
INTERRUPTED = "This import was interrupted again and again. Nothing was changed. Split the file."


def carry_on(organization_id: int, run_id: int) -> None:
    """Does the next step of an import in state reading or applying; with nothing to do, nothing.

    Each step is one transaction: a worker that dies in it leaves the import as it was, for the sweep.
    """
    with transaction():
        if not _take(run_id):
            return
    with transaction():
        run = _working(run_id)
        if run is not None:
            _step(organization_id, run)


def waiting() -> list[int]:
    """The imports of the organization on which a job should be working."""
    states = [ImportState.READING, ImportState.APPLYING]
    return list(db.session.scalars(select(ImportRun.id).where(ImportRun.state.in_(states))))


def _take(run_id: int) -> bool:
    """Counts the try before it begins, so that a file that kills its worker is not tried for ever."""
    run = _working(run_id)
    if run is None:
        return False
    run.tries += 1
    if run.tries > MOST_TRIES:
        _fail(run, INTERRUPTED)
        return False
    return True


def _working(run_id: int) -> ImportRun | None:
    """The run, if it needs work and no other worker is on it; the lock ends with the transaction."""
    mine = func.pg_try_advisory_xact_lock(func.hashtextextended(f"import-{run_id}", 0))
    if not db.session.scalar(select(mine)):
        return None
    return db.session.scalar(
        select(ImportRun)
        .where(ImportRun.id == run_id, ImportRun.state.in_([ImportState.READING, ImportState.APPLYING]))
        .execution_options(populate_existing=True)
    )


def _fail(run: ImportRun, sentence: str) -> None:
    services.move(run, "fail")
    run.detail, run.finished_at = sentence, clock.now()


def _step(organization_id: int, run: ImportRun) -> None:
    content = db.session.scalars(select(ImportRun.file).where(ImportRun.id == run.id)).one()
    schema, progress = SCHEMAS[run.kind], StoredProgress(organization_id, run.id)
    try:
        table = open_table(io.BytesIO(content), run.file_name)
        progress.expect(table.estimate)
        staging, rows = services.stage(schema, checking.check_blocks(schema, table.blocks), progress)
    except Unusable as error:
        _fail(run, str(error))
        return
    before = run.state
    db.session.refresh(run, with_for_update=True)
    if run.state != before:
        return  # somebody discarded it meanwhile
    run.rows = run.rows_done = rows
    _conclude(organization_id, run, staging, table)


def _conclude(organization_id: int, run: ImportRun, staging: Staging, table: Table) -> None:
    shown = Counts(run.added, run.changed, run.unchanged)
    applying = run.state is ImportState.APPLYING
    fault_count, counts = staging.fault_count(), staging.counts()
    if applying and not fault_count and counts == shown:
        actor = system(organization_id, f"import {run.id} was confirmed")
        services.write(actor, run, staging, counts)
        return
    services.move(run, "show")
    run.added, run.changed, run.unchanged = counts.added, counts.changed, counts.unchanged
    run.error_count = fault_count
    run.errors = [vars(fault) for fault in staging.faults(MOST_FAULTS)]
    run.sample = staging.sample(SAMPLE)
    run.detail = STALE if applying else table.note


class StoredProgress:
    """Tells the page how far a job is, in short transactions of its own."""

    def __init__(self, organization_id: int, run_id: int) -> None:
        self._organization_id = organization_id
        self._run_id = run_id
        self._told = 0.0

    def expect(self, rows: int) -> None:
        """About how many rows there are."""
        self._store(rows=rows, rows_done=0)

    def __call__(self, done: int) -> None:
        """How many rows have been read."""
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._store(rows_done=done)

    def _store(self, **values: int) -> None:
        with Session(db.engine, info={"organization_id": self._organization_id}) as session, session.begin():
            session.execute(update(ImportRun).where(ImportRun.id == self._run_id).values(values))
        self._told = time.monotonic()
