"""Puts the records of an ERP beside our rows: what would change, how much of it, and what cannot be taken."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from integrations.canonical import MasterRecord
from portal.foundation.db import db
from portal.masterdata import rows
from portal.masterdata.records import Part, Source
from portal.masterdata.rules import ImportKind, may_change, share
from portal.masterdata.schemas import SCHEMAS, Fault
from portal.masterdata.staging import Counts, Staging
from portal.masterdata.targets import TARGETS

MOST_LISTED = 200
Records = Callable[[], Iterable[MasterRecord]]
"""Gives the records of a read from their beginning, as often as asked."""


@dataclass
class Plan:
    """What a read would do, over all tables its kind fills; `entries` are listed up to a limit."""

    added: int = 0
    changed: int = 0
    refused: int = 0
    share: Decimal = Decimal(0)
    within_limit: bool = True
    words: list[str] = field(default_factory=list)
    touched: list[ImportKind] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)

    def add(self, kind: ImportKind, counts: Counts, existing: int, limit: Decimal) -> None:
        """Adds what one table would see."""
        self.added += counts.added
        self.changed += counts.changed
        self.refused += counts.refused
        self.share = max(self.share, share(counts.changed, existing))
        if counts.added or counts.changed:
            self.touched.append(kind)
        if not may_change(counts.changed, existing, limit):
            self.within_limit = False
            self.words.append(f"{counts.changed:,} of {existing:,} {SCHEMAS[kind].words}")

    def leave_out(self, code: str, fault: Fault) -> None:
        """Notes a value that is not taken while the rest of its record is."""
        if len(self.entries) < MOST_LISTED:
            what = {"column": fault.column, "sentence": fault.sentence}
            self.entries.append({"action": "left_out", "code": code, "name": "", **what})


def merge(source: Source, records: Records, partner_id: int, limit: Decimal) -> Plan:
    """Merges records into the tables of their kind and says what that changed.

    The caller undoes it (a savepoint) when `within_limit` is false: later parts refer to rows of earlier
    ones, so that a plan without merging could not see them.
    """
    plan = Plan()
    for part in source.parts:
        _merge_part(plan, part, records(), partner_id, limit)
    return plan


def _merge_part(
    plan: Plan, part: Part, records: Iterable[MasterRecord], partner_id: int, limit: Decimal
) -> None:
    schema = SCHEMAS[part.kind]
    existing = db.session.scalar(select(func.count()).select_from(TARGETS[part.kind].table)) or 0

    def left_out(cells: Mapping[str, str], fault: Fault) -> None:
        code = "/".join(cells[name] for name in schema.key)
        plan.leave_out(code, fault)

    staging = Staging(schema, partner_id=partner_id)
    cells = (one for record in records for one in part.cells(record))
    staging.load(rows.check_records(schema, cells, left_out), lambda done: None)
    staging.compare()
    plan.add(part.kind, staging.counts(), existing, limit)
    plan.entries += staging.sample(MOST_LISTED) + staging.refusals(MOST_LISTED)
    staging.merge()
