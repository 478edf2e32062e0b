"""The list of returns: what each waits for, filtered, sorted, within the facilities a person may see."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload

from portal.exchange.models import Message, Partner
from portal.exchange.rules import Direction, MessageState
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.paging import ordered
from portal.masterdata.models import Location, Supplier
from portal.orders.models import PurchaseOrder, PurchaseOrderSource
from portal.orders.searching import EXPORT_BATCH
from portal.receiving.models import SupplierReturn
from portal.receiving.rules import CREDIT_WITHIN, ReturnState


@dataclass(frozen=True)
class ReturnSearch:
    """What the list of returns shows; `state` is a ReturnState or nothing."""

    words: str = ""
    state: str = ""
    supplier_id: int | None = None
    sort: str = ""


def _posting(subject_type: str, subject_id: Any) -> Select[Any]:
    """The messages that tell an ERP of an order or a return."""
    return (
        select(Message.id)
        .join(Partner, Partner.id == Message.partner_id)
        .where(
            Partner.kind == "erp",
            Message.direction == Direction.OUTBOUND,
            Message.subject_type == subject_type,
            Message.subject_id == subject_id,
        )
    )


def _state() -> ColumnElement[str]:
    """An order that goes to an ERP has its returns told there as well."""
    goes_to_erp = _posting(PurchaseOrder.__tablename__, SupplierReturn.order_id).exists()
    return case(
        (SupplierReturn.credited_at.is_not(None), ReturnState.CREDITED.value),
        (and_(SupplierReturn.erp_number == "", goes_to_erp), ReturnState.OPEN.value),
        (SupplierReturn.credit_expected == 0, ReturnState.WITHOUT_CREDIT.value),
        (SupplierReturn.returned_at < clock.now() - CREDIT_WITHIN, ReturnState.LATE.value),
        else_=ReturnState.SENT.value,
    )


def listing(actor: Actor, search: ReturnSearch) -> Select[Any]:
    """Returns the person may see, with state and whether the ERP refused them; what waits longest first."""
    state = _state()
    refused = _posting(SupplierReturn.__tablename__, SupplierReturn.id)
    refused = refused.where(Message.state == MessageState.NEEDS_ATTENTION)
    columns: Sequence[Any] = (SupplierReturn, state.label("state"), refused.exists().label("is_refused"))
    statement: Select[Any] = (
        select(*columns)
        .join(SupplierReturn.order)
        .join(PurchaseOrder.supplier)
        .join(PurchaseOrder.location)
        .options(
            joinedload(SupplierReturn.returned_by),
            contains_eager(SupplierReturn.order).contains_eager(PurchaseOrder.supplier),
            contains_eager(SupplierReturn.order)
            .contains_eager(PurchaseOrder.location)
            .joinedload(Location.facility),
        )
        .where(*_conditions(actor, search, state))
    )
    is_done = or_(SupplierReturn.credited_at.is_not(None), SupplierReturn.credit_expected == 0)
    longest = (is_done, SupplierReturn.returned_at, SupplierReturn.id)
    return ordered(statement, search.sort, _sorts(), longest)


def _conditions(
    actor: Actor, search: ReturnSearch, state: ColumnElement[str]
) -> Iterator[ColumnElement[bool]]:
    facilities = actor.facility_ids(Permission.VIEW_ORDERS)
    if facilities is not None:
        yield Location.facility_id.in_(facilities)
    if search.state in set(ReturnState):
        yield state == search.state
    if search.supplier_id is not None:
        yield PurchaseOrder.supplier_id == search.supplier_id
    if words := search.words.strip():
        numbers = (
            SupplierReturn.number, SupplierReturn.authorization, SupplierReturn.erp_number,
            SupplierReturn.credit_number, PurchaseOrder.number, PurchaseOrder.erp_number,
        )  # fmt: skip
        yield or_(*(number.icontains(words, autoescape=True) for number in numbers))


def _sorts() -> dict[str, Any]:
    return {
        "number": SupplierReturn.number,
        "supplier": Supplier.name,
        "sent": SupplierReturn.returned_at,
        "credit": SupplierReturn.credit_expected,
    }


def every(actor: Actor, search: ReturnSearch) -> Iterator[Row[Any]]:
    """All of them, read in batches."""
    batch = listing(actor, search).execution_options(yield_per=EXPORT_BATCH)
    yield from db.session.execute(batch)


def state_of(actor: Actor, return_id: int) -> Row[Any] | None:
    """One of them as the list has it, if the person may see it."""
    statement = listing(actor, ReturnSearch()).where(SupplierReturn.id == return_id)
    return db.session.execute(statement).one_or_none()


def uncredited(order_id: int) -> list[int]:
    """The returns of an order that wait for a credit, oldest first."""
    statement = select(SupplierReturn.id).where(
        SupplierReturn.order_id == order_id,
        SupplierReturn.credited_at.is_(None),
        SupplierReturn.credit_expected > 0,
    )
    return list(db.session.scalars(statement.order_by(SupplierReturn.id)))


def credited_as(supplier_id: int, number: str) -> int | None:
    """The return that a credit note of a supplier was noted for."""
    statement = select(SupplierReturn.id).join(SupplierReturn.order)
    return db.session.scalar(
        statement.where(SupplierReturn.credit_number == number, PurchaseOrder.supplier_id == supplier_id)
    )


def requested_by(order_line_ids: Collection[int]) -> dict[int, list[int]]:
    """The requisition lines that order lines serve, by order line."""
    source = PurchaseOrderSource
    rows = db.session.execute(
        select(source.line_id, source.requisition_line_id)
        .where(source.line_id.in_(order_line_ids))
        .order_by(source.id)
    )
    found: dict[int, list[int]] = {line_id: [] for line_id in order_line_ids}
    for line_id, requisition_line_id in rows:
        found[line_id].append(requisition_line_id)
    return found


def late_count(actor: Actor) -> Select[int]:
    """How many returns wait too long for their credit; a statement."""
    conditions = _conditions(actor, ReturnSearch(state=ReturnState.LATE), _state())
    return (
        select(func.count())
        .select_from(SupplierReturn)
        .join(SupplierReturn.order)
        .join(PurchaseOrder.location)
        .where(*conditions)
    )
