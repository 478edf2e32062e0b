"""Imports and reads from the ERP as their pages show them."""

from collections.abc import Mapping
from typing import Any

from integrations.erp.contract import MasterKind
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.masterdata.models import ImportRun, SyncRun
from portal.masterdata.records import SOURCES
from portal.masterdata.rules import ImportState, SyncState
from portal.masterdata.schemas import SCHEMAS

IMPORT_STATES: Mapping[ImportState, Status] = {
    ImportState.READING: Status("Reading", "info", "loader"),
    ImportState.PREVIEWED: Status("To be decided", "warning", "eye"),
    ImportState.APPLYING: Status("Importing", "info", "loader"),
    ImportState.APPLIED: Status("Imported", "success", "circle-check"),
    ImportState.DISCARDED: Status("Discarded", "neutral", "trash"),
    ImportState.FAILED: Status("Failed", "danger", "alert-circle"),
}
WITH_ERRORS = Status("Errors", "danger", "alert-circle")
SYNC_STATES: Mapping[SyncState, Status] = {
    SyncState.READING: Status("Reading", "info", "loader"),
    SyncState.STOPPED: Status("To be decided", "warning", "player-pause"),
    SyncState.APPLYING: Status("Applying", "info", "loader"),
    SyncState.APPLIED: Status("Applied", "success", "circle-check"),
    SyncState.DISCARDED: Status("Discarded", "neutral", "trash"),
    SyncState.FAILED: Status("Failed", "danger", "alert-circle"),
}
ACTIONS = {
    "added": Status("New", "success", "plus"),
    "changed": Status("Changed", "info", "pencil"),
    "refused": Status("Not taken", "danger", "alert-circle"),
    "left_out": Status("Value left out", "warning", "alert-triangle"),
}
WORKING = frozenset({ImportState.READING, ImportState.APPLYING})
SHOWN = 50
SYNC_WORKING = frozenset({SyncState.READING, SyncState.APPLYING})


def import_state(run: ImportRun) -> Status:
    """Where an import is; errors come first."""
    return WITH_ERRORS if run.state is ImportState.PREVIEWED and run.error_count else IMPORT_STATES[run.state]


def import_row(run: ImportRun, name: str | None = None) -> dict[str, Any]:
    """A row of the list of imports."""
    return {
        "id": run.id,
        "file": run.file_name or "rows without a file",
        "label": SCHEMAS[run.kind].label,
        "words": SCHEMAS[run.kind].words,
        "rows": run.rows,
        "added": run.added,
        "changed": run.changed,
        "created_at": run.created_at,
        "by": name or "the portal",
        "state": import_state(run),
    }


def import_page(run: ImportRun) -> dict[str, Any]:
    """An import with its preview."""
    seen = f"{run.state.value}-{run.rows_done}-{run.rows}"
    return {
        **import_row(run),
        "seen": seen,
        "working": run.state in WORKING,
        "deciding": run.state is ImportState.PREVIEWED,
        "failed": run.state is ImportState.FAILED,
        "finished": run.state is ImportState.APPLIED,
        "verb": "Importing" if run.state is ImportState.APPLYING else "Reading",
        "done": run.rows_done,
        "detail": run.detail,
        "error_count": run.error_count,
        "may_apply": run.state is ImportState.PREVIEWED
        and not run.error_count
        and run.added + run.changed > 0,
        "counters": [
            {"label": "New", "value": run.added, "of": run.rows, "tone": "success"},
            {"label": "Changed", "value": run.changed, "of": run.rows, "tone": "info"},
            {"label": "Unchanged", "value": run.unchanged, "of": run.rows, "tone": "neutral"},
            {"label": "Errors", "value": run.error_count, "tone": "danger"},
        ],
        "faults": run.errors[:SHOWN],
        "sample": [difference_row(entry) for entry in run.sample],
    }


def difference_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What one row would change, or why it cannot be taken."""
    return {
        "action": ACTIONS[entry["action"]],
        "code": entry["code"],
        "name": entry["name"],
        "sentence": entry.get("sentence", ""),
        "column": entry.get("column", "").replace("_", " "),
        "changes": [
            {"label": column.replace("_", " "), "old": old or "empty", "new": new or "empty"}
            for column, (old, new) in entry.get("changes", {}).items()
        ],
    }


def sync_row(run: SyncRun) -> dict[str, Any]:
    """A row of the list of reads."""
    return {
        "id": run.id,
        "label": SOURCES[MasterKind(run.kind)].label,
        "partner": run.partner.name,
        "started_at": run.started_at,
        "read": run.read,
        "added": run.added,
        "changed": run.changed,
        "refused": run.refused,
        "share": f"{plain(run.share)} %",
        "state": SYNC_STATES[run.state],
        "detail": run.detail,
        "working": run.state in SYNC_WORKING,
    }


def sync_page(run: SyncRun) -> dict[str, Any]:
    """A read with its differences."""
    return {
        **sync_row(run),
        "deciding": run.state is SyncState.STOPPED,
        "failed": run.state is SyncState.FAILED,
        "since": run.changed_since,
        "finished_at": run.finished_at,
        "entries": [difference_row(entry) for entry in run.plan[:SHOWN]],
        "working": run.state in SYNC_WORKING,
    }
