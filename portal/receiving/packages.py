"""What ship notices say is in a package: a pallet, or a carton inside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import select

from portal.foundation.db import db
from portal.orders import queries as orders
from portal.orders.models import PurchaseOrderLine, ShipNotice, ShipNoticeLine, ShipPackage
from portal.receiving import queries
from portal.receiving.rules import Entry, as_sscc, chain, is_sscc


@dataclass(frozen=True)
class Opened:
    """A package, what of one order is in it, and the packages around and inside it."""

    sscc: str
    entries: list[Entry]
    around: frozenset[str]
    inside: frozenset[str]


def opened(order_id: int, scanned: str) -> Opened | None:
    """What of an order is in the scanned package; None when it is none, no entries when nobody said."""
    sscc = as_sscc(scanned)
    shipped = orders.shipped_lines(order_id)
    whole = [one for one in shipped if sscc and one.sscc == sscc]
    packed = _packed(order_id) if whole or is_sscc(sscc) else []
    boxes = [one for one in packed if one.sscc == sscc]
    if not whole and not boxes:
        return None
    entries = [entry for one in whole for entry in queries.announced(one)]
    up = {one.sscc: one.parent_sscc for one in packed if one.sscc and one.parent_sscc}
    around = chain(sscc, up)
    return Opened(
        sscc=sscc,
        entries=entries or [entry for box in boxes for entry in _entries(box, packed, shipped, around)],
        around=around,
        inside=frozenset(inner for inner in up if sscc in chain(inner, up)),
    )


def _packed(order_id: int) -> Sequence[ShipPackage]:
    return db.session.scalars(
        select(ShipPackage)
        .join(ShipNotice, ShipNotice.id == ShipPackage.notice_id)
        .join(PurchaseOrderLine, PurchaseOrderLine.id == ShipPackage.line_id)
        .where(PurchaseOrderLine.order_id == order_id, ShipNotice.withdrawn.is_(False))
        .order_by(ShipPackage.id)
    ).all()


def _entries(
    box: ShipPackage,
    packed: Sequence[ShipPackage],
    shipped: Sequence[ShipNoticeLine],
    around: frozenset[str],
) -> list[Entry]:
    """The lot is said where only one can be meant."""
    same = [one for one in shipped if (one.notice_id, one.line_id) == (box.notice_id, box.line_id)]
    lines = [one for one in same if one.sscc in around] or same
    quantity = _quantity(box, packed, frozenset())
    total = sum((one.quantity for one in lines), Decimal())
    mates = [one for one in packed if (one.notice_id, one.line_id) == (box.notice_id, box.line_id)]
    if quantity is None and len({one.sscc for one in mates} - around) == 1:
        quantity = total  # the only carton of its line
    if quantity is None or not lines:
        return []
    if quantity == total:
        return [entry for one in lines for entry in queries.announced(one)]
    entry = Entry(box.line_id, quantity)
    return [replace(entry, lot=lines[0].lot, expires_on=lines[0].expires_on) if len(lines) == 1 else entry]


def _quantity(box: ShipPackage, packed: Sequence[ShipPackage], seen: frozenset[str]) -> Decimal | None:
    """What the notice says, else what is in the packages inside; None where one of them does not say."""
    if box.quantity is not None or box.sscc in seen:
        return box.quantity
    place = (box.notice_id, box.line_id, box.sscc)
    inner = [one for one in packed if (one.notice_id, one.line_id, one.parent_sscc) == place]
    parts = [_quantity(one, packed, seen | {box.sscc}) for one in inner]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal()) if parts and len(known) == len(parts) else None
