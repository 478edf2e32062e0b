"""What a unit holds in which a supplier counts: once somebody says it, what was said in it counts."""

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
    rows: list[Said] = [*_said(line, ConfirmationPart), *_said(line, ShipNoticeLine)]
    return next((one.said_uom or "" for one in reversed(rows) if one.is_unread), "")


def agree(order: PurchaseOrder, line: PurchaseOrderLine, pack: Pack | None) -> str:
    """What was said in the unit counts from now on; returns what it holds, in words.

    The packaging of the item answers when nobody says it. Raises Invalid when neither does, Conflict when
    the supplier uses no such unit any more.
    """
    uom = unread_unit(line)
    if not uom:
        raise Conflict("The supplier counts in the ordered unit by now. Look at the order again.")
    if pack is not None:
        _keep(line, uom, pack)
    units = Units(order)
    if not units.knows(line, uom):
        raise Invalid(f"Say how many {line.uom} are in one {uom}.", field="order_units")
    for part in _said(line, ConfirmationPart):
        if part.said_uom == uom and part.said_quantity is not None:
            part.quantity = units.quantities(line, [(part.said_quantity, uom)])[0]
            part.unit_price = None if part.said_price is None else units.price(line, part.said_price, uom)
    for shipped in _said(line, ShipNoticeLine):
        if shipped.said_uom == uom and shipped.said_quantity is not None:
            shipped.quantity = units.quantities(line, [(shipped.said_quantity, uom)])[0]
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


def _said(line: PurchaseOrderLine, table: type[Row]) -> list[Row]:
    return list(db.session.scalars(select(table).where(table.line_id == line.id).order_by(table.id)))
