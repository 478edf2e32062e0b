"""How old master data is: when each kind was last brought in, from the ERP or from a file."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, ScalarSelect, func, select

from portal.foundation.together import Columns, Read
from portal.masterdata.models import ImportRun, SyncRun
from portal.masterdata.rules import ImportKind, ImportState, SyncState

# What the ERP is read for, as its runs name it.
SYNCED = {
    ImportKind.FACILITIES: "facility",
    ImportKind.COST_CENTERS: "cost_center",
    ImportKind.GL_ACCOUNTS: "gl_account",
    ImportKind.SUPPLIERS: "supplier",
    ImportKind.ITEMS: "item",
}


def brought_in(kinds: frozenset[str]) -> Read[dict[str, datetime]]:
    """When each kind was last read; kinds that people keep here are absent."""
    statement = _statement(kinds)
    names = statement.selected_columns.keys()
    return Read(
        statement,
        {},
        lambda rows: {kind: at for kind, at in zip(names, rows[0], strict=True) if at is not None},
    )


@lru_cache
def _statement(kinds: frozenset[str]) -> Columns:
    # Kept, as building it takes longer than running it.
    wanted = [kind for kind in ImportKind if kind.value in kinds]
    kept = DateTime(timezone=True)
    return select(
        *(func.greatest(_synced(kind), _imported(kind), type_=kept).label(kind.value) for kind in wanted)
    )


def _synced(kind: ImportKind) -> ScalarSelect[Any]:
    # The last run by its number: all runs are never read.
    return (
        select(SyncRun.finished_at)
        .where(SyncRun.kind == SYNCED.get(kind, ""), SyncRun.state == SyncState.APPLIED)
        .order_by(SyncRun.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _imported(kind: ImportKind) -> ScalarSelect[Any]:
    return (
        select(ImportRun.finished_at)
        .where(ImportRun.kind == kind, ImportRun.state == ImportState.APPLIED)
        .order_by(ImportRun.id.desc())
        .limit(1)
        .scalar_subquery()
    )
