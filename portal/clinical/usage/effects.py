"""What a use does to the shelf, the cost of the case, the charge and the supplier; and back again."""

from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update

from integrations.clinical import UsageStatus
from portal.clinical.models import ChargeLine, Usage
from portal.clinical.rules import ChargeState, UsageState
from portal.clinical.usage import bill_only, pending
from portal.clinical.usage import facts as usage_facts
from portal.clinical.usage.rules import CONSUMED, Effect, Held, Taken, candidates, taken_from
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.money import cents, extended
from portal.inventory import services as inventory
from portal.inventory.queries import movements_named
from portal.inventory.rules import Condition, MovementKind, Owner
from portal.inventory.services import Move
from portal.masterdata.models import Location


def consume(actor: Actor, row: Usage, place: Location, effect: Effect, *, serial: str) -> None:
    """Takes the thing from the shelf or asks the supplier's bill for it, and prices it."""
    row.cost_center_id = row.cost_center_id or place.cost_center_id
    if effect.movement is None:
        row.cost = Decimal()
        return
    price = _price(row, place)
    taken = _taken(row, place, serial)
    if taken:
        _move(actor, row, taken, effect.movement)
    consigned = any(one.held.owner is Owner.CONSIGNMENT for one in taken)
    row.from_stock = bool(taken) and not consigned
    if effect.is_charged and row.cost is not None:
        db.session.add(
            ChargeLine(usage_id=row.id, code=row.charge_code, quantity=row.quantity, amount=row.cost)
        )
    if not row.from_stock:
        bill_only.request(actor, row, place, price)


def _price(row: Usage, place: Location) -> usage_facts.Price | None:
    assert row.item_id is not None
    day = row.occurred_at.astimezone(ZoneInfo(place.facility.time_zone)).date()
    price = usage_facts.price_of(row.item_id, day)
    if price is not None:
        row.unit_price = price.each
        row.contract_line_id = price.contract_line_id
        row.cost = extended(row.quantity, price.each)
    return price


def _taken(row: Usage, place: Location, serial: str) -> Sequence[Taken]:
    """The stock rows it comes from; none when the hospital keeps no stock of the item."""
    assert row.item_id is not None
    shelf = usage_facts.shelf(place.id, row.item_id)
    if not row.from_stock:  # somebody said that it is the supplier's
        shelf = [one for one in shelf if one.owner is Owner.CONSIGNMENT]
        rows = [one for one in candidates(shelf, row.lot, serial) if one.on_hand > 0]
        return taken_from(rows, row.quantity) if rows else ()
    rows = candidates(shelf, row.lot, serial)
    held = [one for one in rows if one.on_hand > 0]
    if held:
        return taken_from(held, row.quantity)
    own = [one for one in rows if one.owner is Owner.OWN]
    if own:
        return taken_from(own, row.quantity)
    if usage_facts.is_stocked(row.item_id, place.facility_id):
        unseen = Held(row.lot, "", row.expires_on, Owner.OWN, Condition.AVAILABLE, Decimal())
        return [Taken(unseen, row.quantity)]
    return ()


def _move(actor: Actor, row: Usage, taken: Sequence[Taken], kind: MovementKind) -> None:
    assert row.item_id is not None
    assert row.location_id is not None
    pending.take(
        actor,
        [
            Move(
                key=key, kind=kind, location_id=row.location_id, item_id=row.item_id, quantity=-one.quantity,
                lot=one.held.lot, serial=one.held.serial, expires_on=one.held.expires_on,
                owner=one.held.owner, condition=one.held.condition, document=f"Use {row.id}",
            )
            for key, one in zip(_keys(row, len(taken)), taken, strict=True)
        ],
    )  # fmt: skip
    row.movements = len(taken)
    only = taken[0].held if len(taken) == 1 else None
    if only is not None:
        row.lot = row.lot or only.lot
        row.expires_on = row.expires_on or only.expires_on


def _keys(row: Usage, count: int) -> list[str]:
    return [f"usage-{row.id}-{number}" for number in range(1, count + 1)]


def reverse(actor: Actor, row: Usage, reason: str) -> None:
    """Gives back stock, credits the charge and withdraws the bill-only request."""
    if row.movements:
        inventory.reverse(actor, _keys(row, row.movements), reason)
    db.session.execute(
        update(ChargeLine).where(ChargeLine.usage_id == row.id).values(state=ChargeState.CREDITED)
    )
    if row.requisition_id is not None:
        bill_only.withdraw(actor, row, reason)


def returned_use(row: Usage) -> Usage | None:
    """The use that a return takes back: the one it names, else the newest of the same thing and case."""
    statement = select(Usage).where(Usage.state == UsageState.APPLIED, Usage.outcome.in_(CONSUMED))
    if row.reverses_id is not None:
        statement = statement.where(Usage.id == row.reverses_id)
    else:
        statement = statement.where(
            Usage.item_id == row.item_id,
            Usage.location_id == row.location_id,
            Usage.case_id == row.case_id if row.case_id else Usage.encounter_id == row.encounter_id,
            Usage.quantity >= row.quantity,
        )
        if row.lot:
            statement = statement.where(Usage.lot.in_({"", row.lot}))
        if row.serial_found_by:
            statement = statement.where(Usage.serial_found_by == (row.serial or ""))
    return db.session.scalar(statement.order_by(Usage.id.desc()).limit(1).with_for_update())


def return_part(actor: Actor, row: Usage, original: Usage) -> None:
    """Some of what was used comes back: stock, cost and charge in proportion."""
    moves = movements_named(_keys(original, original.movements))
    rest, parts = row.quantity, []
    for one in moves:
        part = min(-one.quantity, rest)
        if part > 0:
            held = Held(one.lot, one.serial, one.expires_on, one.owner, one.condition, Decimal())
            parts.append(Taken(held, -part))
            rest -= part
    if parts:
        _move(actor, row, parts, MovementKind.USAGE_REVERSAL)
    share = row.quantity / original.quantity
    row.unit_price = original.unit_price
    row.cost = -cents((original.cost or Decimal()) * share)
    charged = select(ChargeLine).where(ChargeLine.usage_id == original.id)
    if db.session.scalar(charged) is not None:
        db.session.add(
            ChargeLine(usage_id=row.id, code=original.charge_code, quantity=-row.quantity, amount=row.cost)
        )
    if original.requisition_id is not None:
        bill_only.ask_buyer(original, "Part of it was returned. Tell the supplier to bill less.")


def returned_before(usage_id: int, *, but: int = 0) -> Decimal:
    """How much of a use came back already, without the return `but`."""
    returned = select(func.sum(Usage.quantity)).where(
        Usage.reverses_id == usage_id,
        Usage.id != but,
        Usage.outcome == UsageStatus.RETURNED,
        Usage.state == UsageState.APPLIED,
    )
    return db.session.scalar(returned) or Decimal()
