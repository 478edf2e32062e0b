"""Reading carts and requisitions."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, func, or_, select, true
from sqlalchemy.orm import contains_eager, joinedload, lazyload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from portal.budgets.models import CostShare
from portal.catalog.models import Offer
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.hooks import Collector
from portal.foundation.paging import ordered
from portal.foundation.together import PLAN_ONCE
from portal.identity.models import Account
from portal.masterdata.models import ContractLine, CostCenter, Item, Location, Supplier
from portal.requisitions.models import IN_DRAFT, CheckRecord, Requisition, RequisitionLine
from portal.requisitions.rules import (
    ApprovalPart,
    Kept,
    LineState,
    OrderPart,
    RequisitionSource,
    RequisitionState,
    kept,
)

order_parts: Collector[[Collection[int]], OrderPart] = Collector()
"""Orders say what became of the lines of requisitions (by id)."""
approval_parts: Collector[[int], ApprovalPart] = Collector()
"""Approvals say who decides, or decided, a requisition."""
expected_approvals: Collector[[Requisition], dict[str, Any]] = Collector()
"""Approvals draw who will decide a cart."""


# Kept, as building it takes longer than running it.
_OF_LINES = (
    joinedload(RequisitionLine.offer).joinedload(Offer.supplier),
    joinedload(RequisitionLine.item),
    joinedload(RequisitionLine.cost_center),
    joinedload(RequisitionLine.gl_account),
    joinedload(RequisitionLine.contract_line).joinedload(ContractLine.contract),
)
_SUBMITTED = (
    joinedload(Requisition.location).joinedload(Location.facility),
    joinedload(Requisition.location).joinedload(Location.cost_center),
    lazyload(Requisition.lines).options(*_OF_LINES),  # only where what `_whole` read was undone
)
_WITH_LINES = (
    *_SUBMITTED,
    joinedload(Requisition.requester),
)
_REQUISITION_ID = bindparam("requisition_id", type_=BigInteger)
_FIND = select(Requisition).where(Requisition.id == _REQUISITION_ID).options(*_WITH_LINES)
_FIND_LOCKED = _FIND.execution_options(populate_existing=True).with_for_update(of=Requisition)
_LINES = (
    select(RequisitionLine)
    .where(RequisitionLine.requisition_id == _REQUISITION_ID)
    .order_by(RequisitionLine.id)
    .options(*_OF_LINES)
)
_LINES_ANEW = _LINES.execution_options(populate_existing=True)
_LINES_LOCKED = _LINES_ANEW.with_for_update(of=RequisitionLine)
# A submission looks at little of what is around its lines, and reads that anew with other things.
_SUBMIT = (
    select(Requisition, RequisitionLine, PLAN_ONCE)
    .join(RequisitionLine, RequisitionLine.requisition_id == Requisition.id)
    .where(Requisition.id == _REQUISITION_ID)
    .order_by(RequisitionLine.id)
    .options(
        *_SUBMITTED,
        joinedload(RequisitionLine.offer).load_only(
            Offer.supplier_id, Offer.item_id, Offer.uom, Offer.factor, Offer.list_price, Offer.active
        ),
        joinedload(RequisitionLine.offer)
        .joinedload(Offer.supplier)
        .load_only(Supplier.name, Supplier.blocked, Supplier.minimum_order),
        joinedload(RequisitionLine.item).load_only(
            Item.name, Item.category, Item.base_uom, Item.lifecycle, Item.gl_account_id
        ),
    )
    .execution_options(populate_existing=True)
    .with_for_update(of=[Requisition, RequisitionLine])
)


def find(requisition_id: int, *, lock: bool = False) -> Requisition | None:
    """The requisition with its lines; `lock` waits for others and reads it and its lines anew.

    The requisition is locked, then its lines in id order, as whoever orders from them locks them too.
    """
    key = {"requisition_id": requisition_id}
    requisition = db.session.scalar(_FIND_LOCKED if lock else _FIND, key)
    if requisition is None:
        return None
    return _whole(requisition, db.session.scalars(_LINES_LOCKED if lock else _LINES, key))


def _whole(requisition: Requisition, lines: Iterable[RequisitionLine]) -> Requisition:
    """The requisition with its lines complete, each knowing it."""
    found = completed(lines)
    found.sort(key=lambda line: line.line_number)
    set_committed_value(requisition, "lines", found)
    for line in found:
        set_committed_value(line, "requisition", requisition)
    return requisition


def completed(lines: Iterable[RequisitionLine]) -> list[RequisitionLine]:
    """Loads what few lines have: several payers, a ship-to of their own. Asks nothing where no line has."""
    lines = list(lines)
    split_ids = [line.id for line in lines if line.split_by is not None]
    place_ids = {line.location_id for line in lines if line.location_id is not None}
    shares: dict[int, list[CostShare]] = {line.id: [] for line in lines}
    for share in _shares(split_ids) if split_ids else ():
        shares[share.requisition_line_id].append(share)
    places = {place.id: place for place in _places(place_ids)} if place_ids else {}
    for line in lines:
        set_committed_value(line, "shares", shares[line.id])
        set_committed_value(line, "location", places.get(line.location_id or 0))
    return lines


def _shares(line_ids: Collection[int]) -> Iterable[CostShare]:
    return db.session.scalars(
        select(CostShare)
        .where(CostShare.requisition_line_id.in_(line_ids))
        .options(joinedload(CostShare.cost_center), joinedload(CostShare.gl_account))
        .order_by(CostShare.requisition_line_id, CostShare.position)
    )


def _places(location_ids: Collection[int]) -> Iterable[Location]:
    return db.session.scalars(
        select(Location)
        .where(Location.id.in_(location_ids))
        .options(joinedload(Location.facility), joinedload(Location.cost_center))
    )


def own(actor: Actor, requisition_id: int, *, lock: bool = False) -> Requisition:
    """The person's own cart or requisition; raises NotFound for anybody else's."""
    requisition = find(requisition_id, lock=lock)
    if requisition is not None and requisition.requester_id != actor.account_id:
        requisition = None
    return found(requisition, "cart")


def to_submit(actor: Actor, requisition_id: int) -> Requisition:
    """As own, locked, with what a submission looks at."""
    rows = db.session.execute(_SUBMIT, {"requisition_id": requisition_id}).all()
    if not rows or rows[0][0].requester_id != actor.account_id:
        return own(actor, requisition_id, lock=True)
    lines = [line for _, line, _ in rows]
    chosen = {line.cost_center_id for line in lines if line.cost_center_id is not None}
    centers = {one.id: one for one in _centers(chosen)} if chosen else {}
    for line in lines:
        set_committed_value(line, "cost_center", centers.get(line.cost_center_id or 0))
    return _whole(rows[0][0], lines)


def _centers(center_ids: Collection[int]) -> Iterable[CostCenter]:
    return db.session.scalars(select(CostCenter).where(CostCenter.id.in_(center_ids)))


def for_person(actor: Actor, requisition_id: int) -> Requisition:
    """The submitted requisition; raises NotFound when the person may not see it."""
    requisition = find(requisition_id)
    if requisition is not None and not may_see(actor, requisition):
        requisition = None
    return found(requisition, "requisition")


def may_see(actor: Actor, requisition: Requisition) -> bool:
    """The requester, and whoever approves or follows orders for its location, or that of one of its lines."""
    if requisition.state is RequisitionState.DRAFT:
        return False
    return requisition.requester_id == actor.account_id or any(
        actor.can(permission, facility_id=place.facility_id, cost_center_id=place.cost_center_id)
        for permission in (Permission.APPROVE, Permission.VIEW_ORDERS)
        for place in (requisition.location, *(line.ship_to for line in requisition.lines))
    )


def cart_of(actor: Actor, location_id: int) -> Requisition | None:
    """The cart a person fills for a location: of several the one last chosen."""
    cart: Requisition | None = db.session.scalar(
        _carts(actor)
        .where(Requisition.location_id == location_id)
        .order_by(Requisition.used_at.desc(), Requisition.id.desc())
        .limit(1)
        .options(*_WITH_LINES)
        .execution_options(populate_existing=True)
    )
    if cart is None:
        return None
    return _whole(cart, db.session.scalars(_LINES_ANEW, {"requisition_id": cart.id}))


def lines_in_carts(actor: Actor) -> Select[int]:
    """Selects how many lines all carts of the person hold."""
    return _carts(actor).join(Requisition.lines).with_only_columns(func.count(RequisitionLine.id))


def _carts(actor: Actor) -> Select[Any]:
    return select(Requisition).where(
        Requisition.requester_id == actor.account_id,
        Requisition.state == IN_DRAFT,
        Requisition.source == RequisitionSource.CART,
        Requisition.removed_at.is_(None),
    )


@dataclass(frozen=True)
class Wanted:
    """Which requisitions are looked for; `sort` is number, submitted, need_by or amount, or -number …"""

    state: str = ""
    words: str = ""
    mine: bool = False
    sort: str = ""


def listing(actor: Actor, wanted: Wanted) -> Select[Any]:
    """Requisitions the person may see, newest first if not sorted, with lines and items."""
    statement = (
        select(Requisition)
        .join(Requisition.location)
        .where(Requisition.state != RequisitionState.DRAFT)
        .options(
            joinedload(Requisition.requester),
            contains_eager(Requisition.location),
            selectinload(Requisition.lines).joinedload(RequisitionLine.item),
        )
    )
    own = Requisition.requester_id == actor.account_id
    statement = statement.where(own if wanted.mine else or_(own, _within(actor, Permission.VIEW_ORDERS)))
    if wanted.state in _IN_STATE:
        statement = statement.where(_IN_STATE[wanted.state])
    words = wanted.words.replace("\0", "").strip()
    if words:
        statement = statement.where(_mentions(words))
    return ordered(statement, wanted.sort, _SORTS, [Requisition.submitted_at.desc(), Requisition.id.desc()])


_SORTS = {
    "number": Requisition.number,
    "submitted": Requisition.submitted_at,
    "need_by": Requisition.need_by,
    "amount": Requisition.total,
}


_open_line = Requisition.lines.any(
    and_(
        RequisitionLine.state == LineState.APPROVED,
        RequisitionLine.ordered_quantity + RequisitionLine.closed_quantity < RequisitionLine.quantity,
    )
)
_IN_STATE: dict[str, ColumnElement[bool]] = {
    "waiting": Requisition.state == RequisitionState.SUBMITTED,
    "to_order": and_(Requisition.state == RequisitionState.DECIDED, _open_line),
    "ordered": Requisition.lines.any(RequisitionLine.ordered_quantity > 0),
    "rejected": Requisition.lines.any(RequisitionLine.state == LineState.REJECTED),
    "withdrawn": Requisition.state == RequisitionState.CANCELLED,
}


def _mentions(words: str) -> ColumnElement[bool]:
    return or_(
        Requisition.number.icontains(words, autoescape=True),
        Location.name.icontains(words, autoescape=True),
        Requisition.lines.any(
            RequisitionLine.item.has(
                or_(Item.name.icontains(words, autoescape=True), Item.code == words.upper())
            )
        ),
        Requisition.requester.has(Account.name.icontains(words, autoescape=True)),
    )


def _within(actor: Actor, permission: Permission) -> ColumnElement[bool]:
    """As Actor.can, for each requisition's location."""
    return or_(
        Location.id.is_(None),
        *(
            and_(
                true() if grant.facility_id is None else Location.facility_id == grant.facility_id,
                true() if grant.cost_center_id is None else Location.cost_center_id == grant.cost_center_id,
            )
            for grant in actor.grants
            if permission in grant.permissions
        ),
    )


def checks_of(requisition_id: int) -> list[Kept]:
    """What the checks said at submit; of a line that asked for more later, what they said then."""
    statement = (
        select(CheckRecord.results)
        .where(CheckRecord.requisition_id == requisition_id)
        .order_by(CheckRecord.id)
    )
    said: dict[int | None, list[Kept]] = {}
    for results in db.session.scalars(statement):
        now: dict[int | None, list[Kept]] = defaultdict(list)
        for one in map(kept, results):
            now[one.line_id].append(one)
        said |= now
    return [one for many in said.values() for one in many]
