"""Where recalled things are and were: on shelves, moved, ordered, used."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, and_, bindparam, func, or_, select, union
from sqlalchemy.orm import joinedload, selectinload, undefer

from portal.clinical.models import Patient, PatientIdentifier, Usage
from portal.clinical.recalls.models import Recall, RecallPart, RecallTask
from portal.clinical.rules import UsageState
from portal.clinical.usage.rules import CONSUMED
from portal.foundation.db import db, found
from portal.identity.models import Account
from portal.inventory.models import Stock, StockMovement
from portal.inventory.rules import MovementKind
from portal.masterdata.models import Item, Location, Supplier
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving.models import Receipt, ReceiptLine

MOST_SHOWN = 500
STAYING = (MovementKind.QUARANTINE, MovementKind.RELEASE)  # set aside, it is still at its place


def listing() -> Select[Any]:
    """Recalls, open ones first, the newest first."""
    return select(Recall).order_by(Recall.state.desc(), Recall.id.desc())


def find(recall_id: int, *, lock: bool = False) -> Recall:
    """The recall with its parts and tasks; raises NotFound."""
    statement = (
        select(Recall)
        .where(Recall.id == recall_id)
        .options(
            selectinload(Recall.parts).joinedload(RecallPart.item),
            selectinload(Recall.tasks).joinedload(RecallTask.item),
            selectinload(Recall.tasks).joinedload(RecallTask.location),
        )
        .execution_options(populate_existing=True)
    )
    return found(db.session.scalar(statement.with_for_update(of=Recall) if lock else statement), "recall")


def _named(part: Any, lot: Any, serial: Any, item_id: Any) -> ColumnElement[bool]:
    """Whether a part names a row: the item, and the lot and serial where the part has them."""
    return and_(
        part.item_id == item_id,
        or_(part.lot == "", part.lot == lot),
        or_(part.serial == "", part.serial == serial),
    )


def stock_of(recall_id: int) -> list[Stock]:
    """Stock rows that the recall names, with items and places; none that are empty."""
    return list(db.session.scalars(_stock(), {"recall_id": recall_id}).unique())


# Statements are kept where building one takes longer than running it.


@cache
def _stock() -> Select[Any]:
    return (
        select(Stock)
        .join(RecallPart, _named(RecallPart, Stock.lot, Stock.serial, Stock.item_id))
        .where(RecallPart.recall_id == bindparam("recall_id"), Stock.on_hand > 0)
        .options(joinedload(Stock.item), joinedload(Stock.location))
        .order_by(Stock.location_id, Stock.item_id, Stock.lot, Stock.serial, Stock.id)
        .execution_options(populate_existing=True)
    )


def untracked_of(recall_id: int) -> list[Stock]:
    """Stock kept without lot and serial of items of which the recall names some: somebody has to look."""
    statement = (
        select(Stock)
        .join(RecallPart, RecallPart.item_id == Stock.item_id)
        .where(
            RecallPart.recall_id == recall_id,
            or_(RecallPart.lot != "", RecallPart.serial != ""),
            Stock.lot == "",
            Stock.serial == "",
            Stock.on_hand > 0,
        )
        .options(joinedload(Stock.item), joinedload(Stock.location))
        .order_by(Stock.location_id, Stock.id)
    )
    return list(db.session.scalars(statement).unique())


@dataclass(frozen=True)
class Moved:
    """What came to a place and left it, in base units, as the movements say."""

    location: str
    item: str
    lot: str
    came: Decimal
    left: Decimal
    last_at: datetime


def moved_of(recall: Recall) -> list[Moved]:
    """Where the recalled lots ever were, by place and lot; `parts` are loaded."""
    statement = _moved(frozenset(part.lot != "" for part in recall.parts)) if recall.parts else None
    rows = db.session.execute(statement, {"recall_id": recall.id}) if statement is not None else ()
    return [Moved(*row) for row in rows]


@cache
def _moved(have_lots: frozenset[bool]) -> Select[Any]:
    of_serial = or_(RecallPart.serial == "", RecallPart.serial == StockMovement.serial)
    # A lot is found by its index; only for what has none all movements of an item are read.
    kinds = {
        True: and_(RecallPart.lot != "", RecallPart.lot == StockMovement.lot, of_serial),
        False: and_(RecallPart.lot == "", of_serial),
    }
    named = [
        select(
            StockMovement.location_id,
            StockMovement.item_id,
            StockMovement.lot,
            StockMovement.quantity,
            StockMovement.at,
            StockMovement.id,
        )
        .join(RecallPart, and_(RecallPart.item_id == StockMovement.item_id, kinds[has_lot]))
        .where(RecallPart.recall_id == bindparam("recall_id"), StockMovement.kind.not_in(STAYING))
        for has_lot in sorted(have_lots)
    ]
    rows = union(*named).subquery() if len(named) > 1 else named[0].distinct().subquery()
    came = func.coalesce(func.sum(rows.c.quantity).filter(rows.c.quantity > 0), 0)
    left = func.coalesce(-func.sum(rows.c.quantity).filter(rows.c.quantity < 0), 0)
    return (
        select(Location.name, Item.name, rows.c.lot, came, left, func.max(rows.c.at))
        .join(Location, Location.id == rows.c.location_id)
        .join(Item, Item.id == rows.c.item_id)
        .group_by(Location.name, Item.name, rows.c.lot)
        .order_by(Location.name, Item.name, rows.c.lot)
        .limit(MOST_SHOWN)
    )


@dataclass(frozen=True)
class Ordered:
    """An order line of a recalled item; `lots` are the recalled ones that were received on it."""

    order_id: int
    order: str
    ordered_at: datetime
    by: str
    location: str
    supplier: str
    item: str
    quantity: Decimal
    uom: str
    lots: str


def orders_of(recall_id: int) -> list[Ordered]:
    """Who ordered the items, the newest first; first those that brought a recalled lot."""
    return [Ordered(*row) for row in db.session.execute(_orders(), {"recall_id": recall_id})]


@cache
def _orders() -> Executable:
    of_lot = (
        select(ReceiptLine.order_line_id, func.string_agg(ReceiptLine.lot.distinct(), ", ").label("lots"))
        .join(ReceiptLine.receipt)
        .join(RecallPart, RecallPart.lot == ReceiptLine.lot)
        .join(PurchaseOrderLine, PurchaseOrderLine.id == ReceiptLine.order_line_id)
        .where(
            RecallPart.recall_id == bindparam("recall_id"),
            RecallPart.item_id == PurchaseOrderLine.item_id,
            ReceiptLine.lot != "",
            Receipt.id == ReceiptLine.receipt_id,
        )
        .group_by(ReceiptLine.order_line_id)
        .subquery()
    )
    items = select(RecallPart.item_id).where(RecallPart.recall_id == bindparam("recall_id"))
    return (
        select(
            PurchaseOrder.id, PurchaseOrder.number, PurchaseOrder.ordered_at, Account.name, Location.name,
            Supplier.name, Item.name, PurchaseOrderLine.quantity, PurchaseOrderLine.uom,
            func.coalesce(of_lot.c.lots, ""),
        )
        .join(PurchaseOrderLine.order)
        .join(PurchaseOrder.buyer)
        .join(PurchaseOrder.location)
        .join(PurchaseOrder.supplier)
        .join(PurchaseOrderLine.item)
        .outerjoin(of_lot, of_lot.c.order_line_id == PurchaseOrderLine.id)
        .where(PurchaseOrderLine.item_id.in_(items))
        .order_by(of_lot.c.lots.is_(None), PurchaseOrder.ordered_at.desc(), PurchaseOrderLine.id)
        .limit(MOST_SHOWN)
    )  # fmt: skip


def uses_of(parts: Sequence[RecallPart]) -> list[Usage]:
    """The uses that count of what the parts name, with case, item and place, the newest first."""
    named = [condition for part in parts if (condition := _used(part)) is not None]
    if not named:
        return []
    statement = (
        select(Usage)
        .where(or_(*named), Usage.state == UsageState.APPLIED, Usage.outcome.in_(CONSUMED))
        .options(joinedload(Usage.case), joinedload(Usage.item), joinedload(Usage.location))
        .order_by(Usage.occurred_at.desc(), Usage.id.desc())
        .limit(MOST_SHOWN)
    )
    return list(db.session.scalars(statement))


def _used(part: RecallPart) -> ColumnElement[bool] | None:
    what = Usage.item_id == part.item_id if part.item_id is not None else Usage.di == part.di
    if part.serial:
        return and_(what, Usage.serial_found_by == part.serial)
    return and_(what, Usage.lot == part.lot) if part.lot else what


@dataclass(frozen=True)
class Affected:
    """A patient in whose care something recalled was used."""

    patient_id: int
    name: str
    numbers: tuple[str, ...]


def patients_of(uses: Sequence[Usage]) -> dict[int, Affected]:
    """The patients of uses, by id, with name and numbers; whoever reads them records it."""
    ids = {use.patient_id for use in uses if use.patient_id is not None}
    patients = db.session.scalars(
        select(Patient)
        .where(Patient.id.in_(ids))
        .options(
            undefer(Patient.name),
            selectinload(Patient.identifiers).options(undefer(PatientIdentifier.value)),
        )
    )
    return {
        one.id: Affected(one.id, one.name, tuple(number.value for number in one.identifiers))
        for one in patients
    }


def case_count(uses: Sequence[Usage]) -> int:
    """How many cases the uses are of."""
    return len({use.case_id for use in uses if use.case_id is not None})
