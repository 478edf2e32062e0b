"""Imports: take a file in, show what it would change, apply it once, all or nothing."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select

from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import after_commit, db
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.hooks import Hook
from portal.foundation.jobs import enqueue_named
from portal.masterdata import rows as checking
from portal.masterdata.columns import Faultless
from portal.masterdata.files import Unusable, open_table
from portal.masterdata.models import ImportRun
from portal.masterdata.rows import Checked
from portal.masterdata.rules import IMPORT_TRANSITIONS, ImportKind, ImportState
from portal.masterdata.schemas import SCHEMAS, Fault, Schema
from portal.masterdata.staging import Counts, Progress, Staging

Rows = Path | Iterable[Mapping[str, str]]

imported: Hook[[ImportKind]] = Hook()
"""Called in the transaction that added or changed master data of a kind, by import or from the ERP."""


class Refused(Invalid):
    """Rows cannot be taken; `faults` says which and why, `count` how many there are in all."""

    def __init__(self, faults: list[Fault], count: int) -> None:
        first = faults[0]
        place = f"row {first.row}" + (f", {first.column}" if first.column else "")
        super().__init__(f"Nothing was imported: {count:,} errors. The first, in {place}: {first.sentence}")
        self.faults = faults
        self.count = count


def nothing(done: int) -> None:
    """Shows no progress."""


def import_rows(actor: Actor, kind: ImportKind, source: Rows, *, progress: Progress = nothing) -> Counts:
    """Imports a CSV or XLSX file, or rows by column name, in the caller's transaction, all or nothing.

    Raises Unusable for a file that cannot be read, Refused for rows that cannot be taken, NotAllowed.
    """
    actor.require(Permission.MANAGE_MASTER_DATA)
    schema = SCHEMAS[kind]
    if isinstance(source, Path):
        with source.open("rb") as file:
            staging, rows = stage(schema, checked(schema, file, source.name), progress)
    else:
        lines = checking.from_mappings(source)
        staging, rows = stage(schema, checking.check(schema, lines), progress)
    if fault_count := staging.fault_count():
        raise Refused(staging.faults(20), fault_count)
    counts = staging.counts()
    run = ImportRun(
        kind=kind, state=ImportState.APPLYING, file_name=source.name if isinstance(source, Path) else "",
        file=b"", rows=rows, rows_done=rows, account_id=actor.account_id,
    )  # fmt: skip
    db.session.add(run)
    db.session.flush()
    write(actor, run, staging, counts)
    return counts


def checked(schema: Schema, file: BinaryIO, file_name: str) -> Iterator[Checked | Faultless]:
    """The rows of a file against its schema; raises Unusable, also while they are read."""
    return checking.check_blocks(schema, open_table(file, file_name).blocks)


def stage(schema: Schema, rows: Iterable[Checked | Faultless], progress: Progress) -> tuple[Staging, int]:
    """Takes rows in and compares them with what is known; raises Unusable when there are none."""
    staging = Staging(schema)
    count = staging.load(rows, progress)
    if count == 0:
        raise Unusable("There are no rows below the header.")
    lock()
    staging.compare()
    return staging, count


def lock() -> None:
    """From here to the end of the transaction nobody else compares or merges master data here."""
    organization = func.current_setting("app.organization_id")
    db.session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(func.concat("masterdata-", organization), 0)))
    )


def write(actor: Actor, run: ImportRun, staging: Staging, counts: Counts) -> None:
    """Merges the staged rows of an import and concludes it."""
    move(run, "finish")
    staging.merge()
    run.added, run.changed, run.unchanged = counts.added, counts.changed, counts.unchanged
    run.finished_at = clock.now()
    db.session.flush()
    if counts.added or counts.changed:
        imported(run.kind)
    audit.record(
        actor,
        "import.apply",
        run,
        after={"kind": run.kind, "rows": run.rows, "added": counts.added, "changed": counts.changed},
        evidence={"file": run.file_name, "sha256": run.digest},
    )


def upload(actor: Actor, kind: ImportKind, file_name: str, content: bytes) -> ImportRun:
    """Stores a file and asks a job for its preview; the same file waiting already is returned instead.

    Raises Unusable for what is no table with the columns of the kind.
    """
    actor.require(Permission.MANAGE_MASTER_DATA)
    schema = SCHEMAS[kind]
    if next(checked(schema, io.BytesIO(content), file_name), None) is None:
        raise Unusable("There are no rows below the header.")
    digest = hashlib.sha256(content).hexdigest()
    waiting = db.session.scalar(
        select(ImportRun).where(
            ImportRun.kind == kind,
            ImportRun.digest == digest,
            ImportRun.account_id == actor.account_id,
            ImportRun.state.in_([ImportState.READING, ImportState.PREVIEWED]),
        )
    )
    if waiting is not None:
        return waiting
    run = ImportRun(
        kind=kind, file_name=file_name[-120:], file=content, digest=digest, account_id=actor.account_id
    )
    db.session.add(run)
    db.session.flush()
    audit.record(actor, "import.upload", run, after={"kind": kind, "file": run.file_name, "sha256": digest})
    wake(actor, run)
    return run


def confirm(actor: Actor, run: ImportRun) -> None:
    """Asks a job to apply what the preview showed; a repeat changes nothing.

    Raises Conflict when the import was discarded, failed, or is still being read; Invalid with errors left.
    """
    actor.require(Permission.MANAGE_MASTER_DATA)
    db.session.refresh(run, with_for_update=True)
    if run.state in (ImportState.APPLYING, ImportState.APPLIED):
        return
    if run.error_count:
        raise Invalid("Correct the errors in the file and upload it again; nothing is imported until then.")
    move(run, "apply")
    run.rows_done, run.tries, run.detail = 0, 0, ""
    audit.record(actor, "import.confirm", run, after={"added": run.added, "changed": run.changed})
    wake(actor, run)


def discard(actor: Actor, run: ImportRun) -> None:
    """Gives an import up and forgets its file; a repeat changes nothing. Raises Conflict when too late."""
    actor.require(Permission.MANAGE_MASTER_DATA)
    db.session.refresh(run, with_for_update=True)
    if run.state is ImportState.DISCARDED:
        return
    move(run, "discard")
    run.file = b""
    run.finished_at = clock.now()
    audit.record(actor, "import.discard", run)


def move(run: ImportRun, action: str) -> None:
    """Locks the row as it is now and applies one action of the state table; raises Conflict."""
    db.session.refresh(run, ["state"], with_for_update=True)
    state = IMPORT_TRANSITIONS.get((run.state, action))
    if state is None:
        raise Conflict(f"This import is {run.state.value} already. Open it again to see where it stands.")
    run.state = state
    db.session.flush()


def wake(actor: Actor, run: ImportRun) -> None:
    """Asks a worker to go on with the import once this transaction is durable; the sweep finds it too."""
    organization_id, run_id = actor.organization_id, run.id
    after_commit(lambda: enqueue_named("portal.masterdata.jobs.carry_on", organization_id, run_id))
