"""A setting tried on what was weighed before, by the same pure rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import BigInteger, Numeric, Text, column, func, select

from portal.foundation.db import db
from portal.foundation.hooks import Collector
from portal.masterdata.models import Item, Location
from portal.requisitions.models import CheckRecord, Requisition, RequisitionLine
from portal.requisitions.rulebook.rules import Rulebook, Version
from portal.requisitions.rules import CheckOutcome

A_MONTH = timedelta(days=30)
MOST_RESULTS = 20_000
MOST_EXAMPLES = 10
STRICTNESS = list(CheckOutcome)


class Weighed(NamedTuple):
    """What a rule weighed of a line, or of a whole requisition or order, and what it said."""

    subject_id: int
    number: str
    facility_id: int
    category: str
    measure: Decimal | None
    outcome: CheckOutcome


weighed_elsewhere: Collector[[str, datetime, int], Weighed] = Collector()
"""What a rule weighed since then outside of requisitions, the newest first, at most so many."""


@dataclass
class Trial:
    """How many requisitions or orders a setting would have touched; `examples`: ids, numbers, outcomes."""

    subjects: int = 0
    warned: int = 0
    blocked: int = 0
    newly_warned: int = 0
    newly_blocked: int = 0
    eased: int = 0
    is_cut: bool = False
    examples: list[tuple[int, str, CheckOutcome]] = field(default_factory=list)


def last_month(rule: str, now: datetime) -> list[Weighed]:
    """What a rule weighed in the last 30 days, newest first, at most 20,000 results."""
    kept = (
        func.jsonb_to_recordset(CheckRecord.results)
        .table_valued(
            column("rule", Text),
            column("line_id", BigInteger),
            column("measure", Numeric),
            column("outcome", Text),
            name="kept",
        )
        .render_derived(with_types=True)
    )
    rows = db.session.execute(
        select(
            Requisition.id, Requisition.number, Location.facility_id, Item.category, kept.c.measure,
            kept.c.outcome,
        )
        .select_from(CheckRecord)
        .join(kept, kept.c.rule == rule)
        .join(Requisition, Requisition.id == CheckRecord.requisition_id)
        .outerjoin(RequisitionLine, RequisitionLine.id == kept.c.line_id)
        .join(Location, Location.id == func.coalesce(RequisitionLine.location_id, Requisition.location_id))
        .outerjoin(Item, Item.id == RequisitionLine.item_id)
        .where(CheckRecord.checked_at >= now - A_MONTH)
        .order_by(CheckRecord.checked_at.desc())
        .limit(MOST_RESULTS)
    )  # fmt: skip
    carts = [
        Weighed(requisition_id, number or "", facility_id, category or "", measure, CheckOutcome(outcome))
        for requisition_id, number, facility_id, category, measure, outcome in rows
    ]
    return carts + weighed_elsewhere(rule, now - A_MONTH, MOST_RESULTS)


def tried(
    new: Version,
    versions: Sequence[Version],
    weighed: Sequence[Weighed],
    parents: Mapping[str, str] | None = None,
) -> Trial:
    """What would have been said of each requisition had the setting counted from the beginning."""
    day = new.starts_on
    in_force = [*(one for one in versions if one.rule == new.rule and one.starts_on <= day), new]
    books = {
        facility_id: Rulebook(in_force, facility_id, parents or {})
        for facility_id in {one.facility_id for one in weighed}
    }
    trial = Trial(is_cut=len(weighed) == MOST_RESULTS)
    for found in _by_subject(weighed):
        first = found[0]
        before = _strictest(one.outcome for one in found)
        after = _strictest(
            books[one.facility_id].setting(new.rule, one.category).outcome(one.measure) for one in found
        )
        _count(trial, first, before, after)
    return trial


def _by_subject(weighed: Sequence[Weighed]) -> list[list[Weighed]]:
    found: dict[int, list[Weighed]] = {}
    for one in weighed:
        found.setdefault(one.subject_id, []).append(one)
    return list(found.values())


def _strictest(outcomes: Iterable[CheckOutcome]) -> CheckOutcome:
    return max(outcomes, key=STRICTNESS.index)


def _count(trial: Trial, one: Weighed, before: CheckOutcome, after: CheckOutcome) -> None:
    trial.subjects += 1
    trial.warned += after is CheckOutcome.WARN
    trial.blocked += after is CheckOutcome.BLOCK
    stricter = STRICTNESS.index(after) - STRICTNESS.index(before)
    trial.newly_warned += stricter > 0 and after is CheckOutcome.WARN
    trial.newly_blocked += stricter > 0 and after is CheckOutcome.BLOCK
    trial.eased += stricter < 0
    if stricter > 0 and len(trial.examples) < MOST_EXAMPLES:
        trial.examples.append((one.subject_id, one.number, after))
