"""What a unit holds in which a supplier counts: once somebody says it, what was said in it counts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.quantity import plain
from portal.orders.differences.rules import Pack
from portal.orders.models import (
    ConfirmationPart,
    LineUnit,
    PurchaseOrder,
    PurchaseOrderLine,
    Said,
    ShipNoticeLine,
)
from portal.orders.units import Units

Row = TypeVar("Row", ConfirmationPart, ShipNoticeLine)


def unread_unit(line: PurchaseOrderLine) -> str:
    """The unit a supplier counts a line in and nobody knows; empty when there is none."""
    return next((one.said_uom or "" for one in reversed(_unread(line))), "")


def _unread(line: PurchaseOrderLine) -> list[Said]:
    rows: list[Said] = [*_said(line, ConfirmationPart), *_said(line, ShipNoticeLine)]
    return [one for one in rows if one.is_unread]


def rounded(order: PurchaseOrder, line: PurchaseOrderLine) -> Decimal | None:
    """What was said in that unit would count for by the item's packaging; None where it does not name it."""
    uom = unread_unit(line)
    units = Units(order)
    if not uom or units.packed(line, uom) is None:
        return None
    said = [(one.said_quantity or Decimal(), uom) for one in _unread(line) if one.said_uom == uom]
    return sum(units.quantities(line, said), Decimal())


def agree(order: PurchaseOrder, line: PurchaseOrderLine, pack: Pack | None) -> str:
    """What was said in the unit counts from now on; returns what it holds, in words.

    The packaging of the item answers when nobody says it. Raises Invalid when neither does, Conflict when
    the supplier uses no such unit any more.
    """
    uom = unread_unit(line)
    if not uom:
        raise Conflict("The supplier counts in the ordered unit by now. Look at the order again.")
    packed = Units(order).packed(line, uom)
    if pack is None and packed is None:
        raise Invalid(f"Say how many {line.uom} are in one {uom}.", field="order_units")
    # From now on a person's word: what is not exact is rounded.
    _keep(line, uom, pack or Pack(units=line.factor, order_units=packed or Decimal()))
    units = Units(order)
    parts = [one for one in _said(line, ConfirmationPart) if one.said_uom == uom]
    for part in parts:
        part.unit_price = None if part.said_price is None else units.price(line, part.said_price, uom)
    shipped = [one for one in _said(line, ShipNoticeLine) if one.said_uom == uom]
    _count(units, line, [(one.confirmation_id, one) for one in parts])
    _count(units, line, [(one.notice_id, one) for one in shipped])
    db.session.flush()  # the sums read what stands now
    one = (1 / units.ratio(line, uom)).quantize(Decimal("0.001"))
    return f"one {uom} is {plain(one)} {line.uom}"


def _keep(line: PurchaseOrderLine, uom: str, pack: Pack) -> None:
    if pack.units <= 0 or pack.order_units <= 0:
        raise Invalid(f"Enter how many {line.uom} are in how many {uom}.", field="order_units")
    values = {"units": pack.units, "order_units": pack.order_units}
    db.session.execute(
        insert(LineUnit)
        .values(line_id=line.id, uom=uom, **values)
        .on_conflict_do_update(index_elements=["line_id", "uom"], set_=values)
    )


def _count(units: Units, line: PurchaseOrderLine, rows: Sequence[tuple[int, Said]]) -> None:
    """Converts what each document (by its id) says; its parts add up to its rounded whole."""
    documents: dict[int, list[Said]] = {}
    for document_id, one in rows:
        documents.setdefault(document_id, []).append(one)
    for said in documents.values():
        amounts = [(one.said_quantity or Decimal(), one.said_uom or "") for one in said]
        for one, quantity in zip(said, units.quantities(line, amounts), strict=True):
            one.quantity = quantity


def _said(line: PurchaseOrderLine, table: type[Row]) -> list[Row]:
    return list(db.session.scalars(select(table).where(table.line_id == line.id).order_by(table.id)))
