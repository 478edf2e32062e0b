"""Cases: opened, and closed with what was used or with the explicit answer that nothing was."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from portal.clinical.models import Case, Usage
from portal.clinical.rules import CaseState, UsageState
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.numbering import next_number
from portal.masterdata.models import Location


@dataclass(frozen=True)
class NewCase:
    """A procedure; `found_by` is "system|case number" of who schedules it, None for one begun here."""

    location_id: int | None
    found_by: str | None = None
    identifier: str | None = None
    encounter_id: int | None = None
    procedure_code: str = ""
    procedure_name: str = ""
    practitioner: str = ""
    scheduled_at: datetime | None = None
    state: CaseState = CaseState.OPEN


def open_case(actor: Actor, new: NewCase) -> Case:
    """A new case with a number of our own; the case of a known `found_by` is returned as it is."""
    known = by_reference(new.found_by) if new.found_by else None
    if known is not None:
        return known
    if new.location_id is not None:
        place = found(db.session.get(Location, new.location_id), "location")
        actor.require(Permission.RECORD_USAGE, facility_id=place.facility_id)
    case = Case(
        number=next_number("CS"), found_by=new.found_by, identifier=new.identifier,
        encounter_id=new.encounter_id, location_id=new.location_id, procedure_code=new.procedure_code,
        procedure_name=new.procedure_name, practitioner=new.practitioner, scheduled_at=new.scheduled_at,
        state=new.state, opened_at=clock.now() if new.state is CaseState.OPEN else None,
    )  # fmt: skip
    db.session.add(case)
    db.session.flush()
    audit.record(actor, "case.open", case, after={"state": case.state, "location_id": case.location_id})
    return case


def by_reference(found_by: str) -> Case | None:
    """The case with this "system|case number"."""
    return db.session.scalar(select(Case).where(Case.found_by == found_by))


def begin(actor: Actor, case: Case) -> None:
    """Supplies are used: a scheduled case is under way now."""
    if case.state is CaseState.SCHEDULED:
        case.state = CaseState.OPEN
        case.opened_at = clock.now()
        audit.record(actor, "case.begin", case, before={"state": CaseState.SCHEDULED},
                     after={"state": case.state})  # fmt: skip


def close(actor: Actor, case_id: int, *, nothing_used: bool = False) -> Case:
    """Ends a case. Repeats do nothing.

    Raises Invalid when nothing is recorded and nobody said "nothing used", or when both; Conflict while a
    use of the case still waits for a decision.
    """
    case = locked(case_id)
    if case.location_id is not None:
        place = found(db.session.get(Location, case.location_id), "location")
        actor.require(Permission.RECORD_USAGE, facility_id=place.facility_id)
    if case.state in (CaseState.CLOSED, CaseState.CANCELLED):
        return case
    counts = counts_of(case.id)
    if counts.get(UsageState.REVIEW, 0) + counts.get(UsageState.CONFLICT, 0):
        raise Conflict("A use in this case still waits for a decision. Decide it first, then close the case.")
    _refuse_silence(counts.get(UsageState.APPLIED, 0), nothing_used=nothing_used)
    before = case.state
    case.state = CaseState.CLOSED
    case.nothing_used = nothing_used
    case.closed_at = clock.now()
    case.closed_by_id = actor.account_id
    audit.record(
        actor, "case.close", case, before={"state": before},
        after={"state": case.state, "nothing_used": nothing_used, "cost": cost_of(case.id)},
    )  # fmt: skip
    return case


def _refuse_silence(used: int, *, nothing_used: bool) -> None:
    if not used and not nothing_used:
        raise Invalid(
            "Nothing is recorded in this case. Record what was used, or say that nothing was used.",
            field="nothing_used",
        )
    if used and nothing_used:
        raise Invalid("Supplies are recorded in this case. Undo them first, if nothing was used.")


def reopen(actor: Actor, case_id: int, reason: str) -> Case:
    """Opens a closed case again, because something was forgotten. Raises Invalid without a reason."""
    case = locked(case_id)
    if case.location_id is not None:
        place = found(db.session.get(Location, case.location_id), "location")
        actor.require(Permission.RECORD_USAGE, facility_id=place.facility_id)
    if not reason.strip():
        raise Invalid("Say why the case is opened again.", field="reason")
    if case.state is not CaseState.CLOSED:
        raise Conflict("Only a closed case can be opened again.")
    case.state, case.nothing_used, case.closed_at, case.closed_by_id = CaseState.OPEN, False, None, None
    audit.record(
        actor, "case.reopen", case, before={"state": CaseState.CLOSED},
        after={"state": case.state, "reason": reason.strip()},
    )  # fmt: skip
    return case


def locked(case_id: int) -> Case:
    """The case, locked and read anew; raises NotFound."""
    statement = select(Case).where(Case.id == case_id).with_for_update()
    return found(db.session.scalar(statement.execution_options(populate_existing=True)), "case")


def counts_of(case_id: int) -> dict[UsageState, int]:
    """How many uses of a case are in which state."""
    rows = db.session.execute(
        select(Usage.state, func.count(Usage.id)).where(Usage.case_id == case_id).group_by(Usage.state)
    )
    return {row[0]: row[1] for row in rows}


def cost_of(case_id: int) -> Decimal:
    """What the supplies of a case cost, wasted and opened ones with them, returned ones not."""
    total = db.session.scalar(
        select(func.sum(Usage.cost)).where(Usage.case_id == case_id, Usage.state == UsageState.APPLIED)
    )
    return total or Decimal()


def uses_of(case_id: int) -> list[Usage]:
    """What was recorded in a case, in the order of use, with items."""
    return list(
        db.session.scalars(
            select(Usage)
            .where(Usage.case_id == case_id)
            .options(joinedload(Usage.item), joinedload(Usage.location))
            .order_by(Usage.occurred_at, Usage.id)
        )
    )
