"""Reading the work items a person may see."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select

from portal.exchange.models import WorkItem
from portal.exchange.rules import WorkItemKind
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.identity.models import Account
from portal.invoices.models import Invoice
from portal.masterdata.models import Location
from portal.operations.rules import visible_kinds
from portal.orders.models import PurchaseOrder
from portal.receiving.models import Receipt


@dataclass(frozen=True)
class ItemFilter:
    """Which work items a list shows: open, mine or resolved; an empty kind means any."""

    which: str = "open"
    kind: str = ""


AT_STAKE: ColumnElement[Any] = func.coalesce(WorkItem.at_stake, PurchaseOrder.total)
ITEM_ORDERS: dict[str, ColumnElement[Any]] = {
    "age": WorkItem.opened_at.desc(),
    "-age": WorkItem.opened_at.asc(),
    "cover": WorkItem.cover_days.asc().nulls_last(),
    "-cover": WorkItem.cover_days.desc().nulls_last(),
    "stake": AT_STAKE.asc().nulls_first(),
    "-stake": AT_STAKE.desc().nulls_last(),
}


def listing(actor: Actor, wanted: ItemFilter, sort: str = "") -> Select[Any]:
    """Rows of (work item, money at stake, owner's name), what stops care first, then the oldest first."""
    statement = (
        select(WorkItem, AT_STAKE.label("at_stake"), Account.name.label("owner"))
        .outerjoin(Account, Account.id == WorkItem.owner_id)
        .outerjoin(
            PurchaseOrder,
            and_(WorkItem.subject_type == "purchase_order", PurchaseOrder.id == WorkItem.subject_id),
        )
        .where(*_visible(actor), WorkItem.resolved_at.is_not(None) == (wanted.which == "resolved"))
        .order_by(*([ITEM_ORDERS[sort]] if sort in ITEM_ORDERS else _default_order(wanted)), WorkItem.id)
    )
    if wanted.which == "mine":
        statement = statement.where(WorkItem.owner_id == actor.account_id)
    return statement.where(WorkItem.kind == wanted.kind) if wanted.kind else statement


def _default_order(wanted: ItemFilter) -> list[ColumnElement[Any]]:
    if wanted.which == "resolved":
        return [WorkItem.resolved_at.desc()]
    return [WorkItem.cover_days.asc().nulls_last(), WorkItem.opened_at.asc()]


def one(actor: Actor, item_id: int, *, lock: bool = False) -> WorkItem:
    """One work item this person may see; raises NotFound."""
    statement = select(WorkItem).where(WorkItem.id == item_id, *_visible(actor))
    return found(db.session.scalar(statement.with_for_update() if lock else statement), "work item")


def facts(item_id: int) -> Any:
    """Money at stake, owner's and resolver's name of one work item."""
    resolver = Account.__table__.alias("resolver")
    return db.session.execute(
        select(AT_STAKE.label("at_stake"), Account.name.label("owner"), resolver.c.name.label("resolver"))
        .select_from(WorkItem)
        .outerjoin(Account, Account.id == WorkItem.owner_id)
        .outerjoin(resolver, resolver.c.id == WorkItem.resolved_by_id)
        .outerjoin(
            PurchaseOrder,
            and_(WorkItem.subject_type == "purchase_order", PurchaseOrder.id == WorkItem.subject_id),
        )
        .where(WorkItem.id == item_id)
    ).one()


def open_count(actor: Actor) -> Select[int]:
    """Selects how many work items wait for somebody like this person (for the navigation)."""
    return select(func.count(WorkItem.id)).where(*_visible(actor), WorkItem.resolved_at.is_(None))


def _visible(actor: Actor) -> list[ColumnElement[bool]]:
    kinds = visible_kinds(actor)
    if not kinds:
        return [false()]
    facilities = actor.facility_ids(Permission.RESOLVE_WORK_ITEMS)
    conditions: list[ColumnElement[bool]] = []
    if kinds != frozenset(WorkItemKind):
        conditions.append(WorkItem.kind.in_(kinds))
    if facilities is not None:
        conditions.append(_of_facilities(facilities))
    return conditions


def _of_facilities(facilities: frozenset[int]) -> ColumnElement[bool]:
    orders = (
        select(PurchaseOrder.id)
        .join(Location, Location.id == PurchaseOrder.location_id)
        .where(Location.facility_id.in_(facilities))
    )
    return or_(
        WorkItem.subject_type.not_in(("purchase_order", "receipt", "invoice", "location")),
        and_(
            WorkItem.subject_type == "location",
            WorkItem.subject_id.in_(select(Location.id).where(Location.facility_id.in_(facilities))),
        ),
        and_(WorkItem.subject_type == "purchase_order", WorkItem.subject_id.in_(orders)),
        and_(
            WorkItem.subject_type == "receipt",
            WorkItem.subject_id.in_(select(Receipt.id).where(Receipt.order_id.in_(orders))),
        ),
        and_(
            WorkItem.subject_type == "invoice",
            WorkItem.subject_id.in_(select(Invoice.id).where(Invoice.order_id.in_(orders))),
        ),
    )
