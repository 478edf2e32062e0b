"""What requesters want while the supplier cannot deliver; they choose until a deadline, then the buyer."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert

from portal.exchange.rules import WorkItemKind
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, NotFound
from portal.foundation.quantity import plain
from portal.orders.differences import covering, queries, telling
from portal.orders.differences.models import BackorderChoice
from portal.orders.differences.queries import Difference
from portal.orders.differences.rules import DELAYS, TIME_TO_CHOOSE, Choice, Cover
from portal.requisitions import queries as requisitions


@dataclass(frozen=True)
class Shortage:
    """What does not come of a requested line, what may be chosen until when, and what was chosen."""

    case: Difference
    requisition_line_id: int
    quantity: str
    choices: tuple[Choice, ...]
    chosen: Choice | None
    until: date
    is_late: bool
    alternatives: list[str]
    cover: Cover | None


def shortages(requisition_id: int) -> list[Shortage]:
    """What does not come of a requisition."""
    rows = queries.shortages_of(requisition_id)
    line_ids = {case.line.id for case, _ in rows}
    chosen, heard = queries.choices_of(line_ids), queries.last_words_of(line_ids)
    found: list[Shortage] = []
    for case, source in rows:
        zone = ZoneInfo(case.order.location.facility.time_zone)
        since = max(case.item.opened_at, heard.get(case.line.id, case.item.opened_at))
        until = since.astimezone(zone).date() + TIME_TO_CHOOSE
        instead = telling.alternatives(case.order, case.line)
        mine = [
            one.choice
            for one in chosen.get(case.line.id, [])
            if one.requisition_line_id == source.requisition_line_id
        ]
        cover = covering.of_location(case.order.location_id, [case.line.item_id])
        found.append(
            Shortage(
                case=case,
                requisition_line_id=source.requisition_line_id,
                quantity=f"{plain(source.quantity - source.moved)} {case.line.uom}",
                choices=_choices(case, has_others=bool(queries.other_offers(case.order, case.line))),
                chosen=mine[0] if mine else None,
                until=until,
                is_late=clock.today(zone.key) > until,
                alternatives=instead,
                cover=cover.get(case.line.item_id),
            )
        )
    return found


def _choices(case: Difference, *, has_others: bool) -> tuple[Choice, ...]:
    may_wait = case.item.kind in DELAYS | {WorkItemKind.ON_HOLD}
    offered = {
        Choice.WAIT: may_wait,
        Choice.SUBSTITUTE: bool(case.line.substitute_part),
        Choice.OTHER_SUPPLIER: has_others,
        Choice.CANCEL: True,
    }
    return tuple(choice for choice, is_there in offered.items() if is_there)


def choose(actor: Actor, requisition_id: int, requisition_line_id: int, line_id: int, choice: Choice) -> None:
    """Keeps what the requester wants; the buyer sees it beside the difference and acts on it.

    Raises NotFound, Conflict after the deadline or when the shortage is gone.
    """
    requisition = requisitions.for_person(actor, requisition_id)
    if requisition.requester_id != actor.account_id:
        raise NotFound("Only who asked for it can choose.")
    shortage = next(
        (
            one
            for one in shortages(requisition_id)
            if (one.case.line.id, one.requisition_line_id) == (line_id, requisition_line_id)
        ),
        None,
    )
    if shortage is None or choice not in shortage.choices:
        raise Conflict("The supplier said something else meanwhile. Look again.")
    if shortage.is_late:
        raise Conflict(f"The time to choose ended on {shortage.until:%b %-d}; the buyer decides now.")
    values = {"choice": choice, "account_id": actor.account_id, "at": clock.now()}
    db.session.execute(
        insert(BackorderChoice)
        .values(line_id=line_id, requisition_line_id=requisition_line_id, **values)
        .on_conflict_do_update(index_elements=["line_id", "requisition_line_id"], set_=values)
    )
    audit.record(
        actor, "order.choose", found(shortage.case.order, "order"),
        after={"line": shortage.case.line.line_number, "choice": choice},
    )  # fmt: skip
