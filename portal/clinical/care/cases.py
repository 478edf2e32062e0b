"""Opening, closing and opening again the case that the page is about."""

from dataclasses import replace

from portal.clinical import cases
from portal.clinical.care.context import Care
from portal.clinical.cases import NewCase
from portal.clinical.rules import CaseState
from portal.foundation.access import Actor
from portal.foundation.errors import Conflict

CLOSED = "This case is closed. Undo a line to open it again, or open a new case."
CANCELLED = "This case was cancelled in the schedule. Ask the desk before you record anything in it."


def opened(actor: Actor, care: Care) -> Care:
    """The care with its case under way; raises Conflict for one that is over."""
    if care.case is None:
        practitioner = care.launch.practitioner if care.launch else ""
        new = NewCase(care.place.id, encounter_id=care.encounter_id, practitioner=practitioner)
        care = replace(care, case=cases.open_case(actor, new))
    assert care.case is not None, "a case was just opened"
    if care.case.state in (CaseState.CLOSED, CaseState.CANCELLED):
        raise Conflict(CLOSED if care.case.state is CaseState.CLOSED else CANCELLED)
    cases.begin(actor, care.case)
    if care.launch is not None:
        care.launch.case_id = care.case.id
    return care


def close(actor: Actor, care: Care, *, nothing_used: bool) -> None:
    """The case is over, with its lines or with "nothing used"."""
    case = opened(actor, care).case
    assert case is not None, "opened gives every care a case"
    cases.close(actor, case.id, nothing_used=nothing_used)


def reopened(actor: Actor, care: Care, reason: str) -> None:
    """Takes back the closing, if it was closed."""
    if care.case is not None and care.case.state is CaseState.CLOSED:
        cases.reopen(actor, care.case.id, reason)
