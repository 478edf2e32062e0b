"""What must not be used, why, and what becomes of it when it was used all the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from portal.clinical.care.rules import IN_PATIENT, Stop, StopKind, expired
from portal.clinical.models import Usage
from portal.clinical.usage import facts as usage_facts
from portal.clinical.usage.rules import EFFECTS, Held, candidates
from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import About
from portal.foundation import clock
from portal.foundation.errors import Invalid
from portal.foundation.filters import day
from portal.inventory.rules import Condition
from portal.masterdata.models import Location

if TYPE_CHECKING:
    from portal.clinical.usage.services import NewUsage

USED_BEFORE = Stop(
    StopKind.USED_BEFORE,
    "Used before",
    "This serial number was recorded as used already. Check the label; if it is right, undo the other use.",
)
QUARANTINED = Stop(
    StopKind.QUARANTINED,
    "Set aside",
    "This lot is in quarantine. Take another one and put this one back where it was set aside.",
)


class Stopped(Invalid):
    """Something must not be used; with a reason it can be recorded all the same."""

    def __init__(self, stops: Sequence[Stop]) -> None:
        super().__init__(" ".join(one.sentence for one in stops), field="override_reason")
        self.stops = tuple(stops)


def stops_of(event: "NewUsage", place: Location, held: Sequence[Held] | None = None) -> list[Stop]:
    """Why the thing must not be used here today; `held` is what is known of the shelf, else it is read."""
    if EFFECTS[event.outcome].movement is None or event.item_id is None:
        return []
    found: list[Stop | None] = []
    if event.outcome in IN_PATIENT:
        rows = _named(event, held)
        found = [_expired(event, place, rows), recalled(event.item_id, event.di, event.lot, event.serial)]
        found.append(_quarantined(rows))
    if event.serial and usage_facts.used_before(event.item_id, event.serial) is not None:
        found.append(USED_BEFORE)
    return [one for one in found if one is not None]


def _named(event: "NewUsage", held: Sequence[Held] | None) -> list[Held]:
    """The stock rows of the lot or serial that was named."""
    if not (event.lot or event.serial) or event.location_id is None or event.item_id is None:
        return []
    shelf = usage_facts.shelf(event.location_id, event.item_id) if held is None else held
    return candidates(shelf, event.lot, event.serial)


def recalled(item_id: int | None, di: str, lot: str, serial: str) -> Stop | None:
    """Whether an open recall names the thing."""
    recall = usage_facts.recall_of(item_id, di, lot, serial)
    if recall is None:
        return None
    sentence = f"Recall {recall.number}: {recall.title}. Put it aside for the storeroom and take another one."
    return Stop(StopKind.RECALLED, "Recalled", sentence)


def _expired(event: "NewUsage", place: Location, rows: Sequence[Held]) -> Stop | None:
    expires_on = event.expires_on
    if expires_on is None and event.lot:
        expires_on = next((one.expires_on for one in rows if one.lot == event.lot), None)
    on = (event.occurred_at or clock.now()).astimezone(ZoneInfo(place.facility.time_zone)).date()
    return expired(expires_on, on, day(expires_on))


def _quarantined(rows: Sequence[Held]) -> Stop | None:
    there = [one for one in rows if one.on_hand > 0]
    is_set_aside = bool(there) and all(one.condition is Condition.QUARANTINED for one in there)
    return QUARANTINED if is_set_aside else None


def refuse(stops: Sequence[Stop], override_reason: str, *, after_the_fact: bool) -> None:
    """Raises Stopped unless there is nothing, a reason, or nothing left to prevent."""
    if stops and not after_the_fact and not override_reason.strip():
        raise Stopped(stops)


def is_used_before(stops: Sequence[Stop]) -> bool:
    """Whether the serial was used already."""
    return any(one.kind is StopKind.USED_BEFORE for one in stops)


def report(row: Usage, stops: Sequence[Stop]) -> None:
    """Tells people about what was used in spite of a warning."""
    if not stops:
        return
    why = " ".join(one.sentence for one in stops)
    because = f" Reason given: {row.override_reason}" if row.override_reason else ""
    exchange.open_item(
        WorkItemKind.USAGE_UNSAFE,
        key=f"usage-unsafe-{row.id}",
        sentence=f"{row.description} was used in spite of a warning. {why}{because}",
        suggestion="Check with the people of the case whether the patient has to be followed up.",
        subject=About("usage", row.id, f"Use {row.id}"),
    )
