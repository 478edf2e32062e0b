"""Recalls: entered or imported, set aside at once, returned by tasks, closed when nothing is left to do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from portal.clinical.access import records as access_records
from portal.clinical.models import Usage
from portal.clinical.recalls import queries as recall_queries
from portal.clinical.recalls.files import NewPart
from portal.clinical.recalls.models import Recall, RecallPart, RecallTask
from portal.clinical.recalls.queries import Affected
from portal.clinical.rules import RecallState, RecallTaskKind
from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import about
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.numbering import next_number
from portal.inventory import services as inventory
from portal.inventory.models import Stock
from portal.inventory.rules import Condition, MovementKind
from portal.inventory.services import Move
from portal.masterdata.scanning import meant

MOST_PARTS = 5_000


@dataclass(frozen=True)
class NewRecall:
    """A notice as it was published; `reference` is its own number."""

    title: str
    noticed_on: date
    reference: str = ""
    reason: str = ""
    parts: Sequence[NewPart] = field(default_factory=tuple)


def enter(actor: Actor, new: NewRecall) -> Recall:
    """Keeps a recall, sets aside what is on the shelves and opens the tasks. Raises Invalid."""
    actor.require(Permission.MANAGE_RECALLS)
    parts = list(dict.fromkeys(new.parts))
    if not parts:
        raise Invalid("Name at least one device.", field="parts")
    if len(parts) > MOST_PARTS:
        raise Invalid(f"A recall may name at most {MOST_PARTS:,} lots and serials. Split it.", field="parts")
    recall = Recall(
        number=next_number("RC"), reference=new.reference.strip(), title=new.title.strip(),
        reason=new.reason.strip(), noticed_on=new.noticed_on, entered_by_id=actor.account_id,
    )  # fmt: skip
    db.session.add(recall)
    db.session.flush()
    unknown = _add_parts(recall, parts)
    audit.record(
        actor, "recall.enter", recall,
        after={"title": recall.title, "reference": recall.reference, "parts": len(parts), "unknown": unknown},
    )  # fmt: skip
    exchange.open_item(
        WorkItemKind.RECALL,
        key=f"recall-{recall.id}",
        sentence=f"Recall {recall.number}: {recall.title}. Its stock is set aside.",
        suggestion="Return what was set aside, follow up the cases, then close the recall.",
        subject=about(recall),
    )
    set_aside(actor, recall.id)
    return recall


def _add_parts(recall: Recall, parts: Sequence[NewPart]) -> int:
    """Writes the parts, once for each item a number means; returns how many name nothing known here."""
    items: dict[tuple[str, str], list[int | None]] = {}
    rows, unknown = [], 0
    for part in parts:
        key = (part.di, part.item)
        if key not in items:
            named = meant(part.di or None, part.item).subquery()
            items[key] = [*db.session.scalars(select(named.c.item_id).distinct())] or [None]
        unknown += items[key] == [None]
        rows += [
            {
                "recall_id": recall.id,
                "di": part.di,
                "item_id": item_id,
                "lot": part.lot,
                "serial": part.serial,
            }
            for item_id in items[key]
        ]
    db.session.execute(insert(RecallPart).on_conflict_do_nothing(), rows)
    return unknown


def _items(part: NewPart) -> list[int | None]:
    """A GTIN may be written without its leading zeros."""
    di = part.di.zfill(14) if part.di.isdecimal() and len(part.di) in (8, 12, 13) else part.di
    named = meant(di or None, part.item).subquery()
    return [*db.session.scalars(select(named.c.item_id).distinct())] or [None]


def set_aside(actor: Actor, recall_id: int) -> int:
    """Quarantines what of the recall lies on shelves now, and opens a task for each; may be repeated.

    Returns how many stock rows were set aside.
    """
    actor.require(Permission.MANAGE_RECALLS)
    recall = recall_queries.find(recall_id, lock=True)
    if recall.state is RecallState.CLOSED:
        raise Conflict("This recall is closed.")
    held = recall_queries.stock_of(recall.id)
    fresh = [one for one in held if one.condition is Condition.AVAILABLE]
    if fresh:
        inventory.move(actor, [move for one in fresh for move in _aside(recall, one)])
    for one in held:
        _add_task(recall, one, RecallTaskKind.RETURN, one.on_hand)
    for one in recall_queries.untracked_of(recall.id):
        _add_task(recall, one, RecallTaskKind.FIND, one.on_hand)
    if fresh:
        audit.record(actor, "recall.set_aside", recall, after={"places": len(fresh)})
    db.session.expire(recall)
    return len(fresh)


def _aside(recall: Recall, held: Stock) -> tuple[Move, Move]:
    """Out of what may be used, into quarantine, at the same place."""
    key = f"recall-{recall.id}-{held.id}-{clock.now().timestamp()}"
    away = Move(
        key=f"{key}-out", kind=MovementKind.QUARANTINE, location_id=held.location_id, item_id=held.item_id,
        quantity=-held.on_hand, lot=held.lot, serial=held.serial, expires_on=held.expires_on,
        owner=held.owner, condition=Condition.AVAILABLE, document=recall.number, reason=recall.title,
    )  # fmt: skip
    into = Move(
        key=f"{key}-in", kind=MovementKind.QUARANTINE, location_id=held.location_id, item_id=held.item_id,
        quantity=held.on_hand, lot=held.lot, serial=held.serial, expires_on=held.expires_on,
        owner=held.owner, condition=Condition.QUARANTINED, document=recall.number, reason=recall.title,
    )  # fmt: skip
    return away, into


def _add_task(recall: Recall, held: Stock, kind: RecallTaskKind, quantity: Decimal) -> None:
    """One open task a place; more of the same found later adds to it."""
    place = (held.location_id, held.item_id, held.lot, held.serial, held.owner)
    key = "-".join(str(part) for part in (kind, *place))
    existing = next((one for one in recall.tasks if one.key == key), None)
    if existing is not None and existing.done_at is None:
        existing.quantity = max(existing.quantity, quantity)
        return
    if existing is not None and kind is RecallTaskKind.FIND:
        return  # somebody looked already
    number = sum(1 for one in recall.tasks if one.key.split("#")[0] == key)
    recall.tasks.append(
        RecallTask(
            key=f"{key}#{number}" if number else key, kind=kind, location_id=held.location_id,
            item_id=held.item_id, lot=held.lot, serial=held.serial, expires_on=held.expires_on,
            owner=held.owner, quantity=quantity,
        )
    )  # fmt: skip


OUTCOMES = {
    "returned": "Returned to the supplier",
    "destroyed": "Destroyed",
    "not_found": "Not found on the shelf",
    "not_affected": "Looked: none of it is affected",
    "taken_out": "Found and taken out; the shelf is counted",
}
OUTCOMES_OF = {
    RecallTaskKind.RETURN: ("returned", "destroyed", "not_found"),
    RecallTaskKind.FIND: ("not_affected", "taken_out"),
}
LEAVING = {
    "returned": MovementKind.RETURN_TO_SUPPLIER,
    "destroyed": MovementKind.ADJUSTMENT,
    "not_found": MovementKind.ADJUSTMENT,
}


def finish_task(actor: Actor, task_id: int, outcome: str) -> RecallTask:
    """Says what became of what was set aside; what left the house leaves the book. Repeats do nothing."""
    actor.require(Permission.MANAGE_RECALLS)
    statement = select(RecallTask).where(RecallTask.id == task_id).with_for_update()
    task = found(db.session.scalar(statement.execution_options(populate_existing=True)), "task")
    if task.done_at is not None:
        return task
    if outcome not in OUTCOMES_OF[task.kind]:
        raise Invalid("Choose what became of it.", field="outcome")
    if outcome in LEAVING:
        inventory.move(actor, [_leaving(task, outcome)])
    task.done_at, task.done_by_id, task.outcome = clock.now(), actor.account_id, outcome
    audit.record(actor, "recall.task", task, after={"outcome": outcome, "quantity": task.quantity})
    return task


def _leaving(task: RecallTask, outcome: str) -> Move:
    return Move(
        key=f"recall-task-{task.id}", kind=LEAVING[outcome], location_id=task.location_id,
        item_id=task.item_id, quantity=-task.quantity, lot=task.lot, serial=task.serial,
        expires_on=task.expires_on, owner=task.owner, condition=Condition.QUARANTINED,
        reason=OUTCOMES[outcome],
    )  # fmt: skip


def close(actor: Actor, recall_id: int) -> Recall:
    """Ends a recall: it stops nobody any more. Raises Conflict while a task is open."""
    actor.require(Permission.MANAGE_RECALLS)
    recall = recall_queries.find(recall_id, lock=True)
    if recall.state is RecallState.CLOSED:
        return recall
    if any(task.done_at is None for task in recall.tasks):
        raise Conflict("Some tasks of this recall are open. Finish them first.")
    recall.state, recall.closed_at = RecallState.CLOSED, clock.now()
    exchange.resolve_by_system(actor, f"recall-{recall.id}", "The recall is closed.")
    audit.record(actor, "recall.close", recall, before={"state": RecallState.OPEN},
                 after={"state": recall.state})  # fmt: skip
    return recall


def affected(actor: Actor, recall_id: int) -> tuple[list[Usage], dict[int, Affected]]:
    """The uses and their patients; each patient shown is recorded as viewed. Raises NotAllowed."""
    actor.require(Permission.VIEW_PATIENTS)
    recall = recall_queries.find(recall_id)
    uses = recall_queries.uses_of(recall.parts)
    patients = recall_queries.patients_of(uses)
    for patient_id in patients:
        access_records.record_view(
            actor, patient_id, "clinical.recall_patients", reason=f"Recall {recall.number}"
        )
    return uses, patients
