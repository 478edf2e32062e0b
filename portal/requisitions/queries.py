"""Reading carts and requisitions, and the facts the checks need."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal.budgets.queries import balances, budgets_on
from portal.budgets.rules import Control
from portal.catalog.models import Offer
from portal.catalog.rules import Shelf, pack
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.hooks import Collector
from portal.foundation.paging import ordered
from portal.identity.models import Account
from portal.masterdata.models import ContractLine, CostCenter, GlAccount, Item, Location
from portal.masterdata.queries import prices_on
from portal.requisitions.checks import BudgetFacts, CartFacts, CenterFacts, LineFacts
from portal.requisitions.models import CheckResult, Requisition, RequisitionLine
from portal.requisitions.rules import ApprovalPart, LineState, OrderPart, RequisitionSource, RequisitionState

order_parts: Collector[[Collection[int]], OrderPart] = Collector()
"""Orders say what became of the lines of requisitions (by id)."""
approval_parts: Collector[[int], ApprovalPart] = Collector()
"""Approvals say who decides, or decided, a requisition."""


def _with_lines() -> tuple[ORMOption, ...]:
    lines = selectinload(Requisition.lines)
    return (
        joinedload(Requisition.requester),
        joinedload(Requisition.location).joinedload(Location.facility),
        joinedload(Requisition.location).joinedload(Location.cost_center),
        lines.joinedload(RequisitionLine.offer).joinedload(Offer.supplier),
        lines.joinedload(RequisitionLine.item),
        lines.joinedload(RequisitionLine.cost_center),
        lines.joinedload(RequisitionLine.gl_account),
        lines.joinedload(RequisitionLine.contract_line).joinedload(ContractLine.contract),
    )


def find(requisition_id: int, *, lock: bool = False) -> Requisition | None:
    """The requisition with its lines; `lock` waits for others and reads it and its lines anew."""
    statement = select(Requisition).where(Requisition.id == requisition_id).options(*_with_lines())
    if lock:
        _lock(requisition_id)
        statement = statement.execution_options(populate_existing=True)
    return db.session.scalar(statement)


def _lock(requisition_id: int) -> None:
    """The requisition, then its lines in id order, as whoever orders from them locks them too."""
    lines = select(RequisitionLine.id).where(RequisitionLine.requisition_id == requisition_id)
    db.session.execute(select(Requisition.id).where(Requisition.id == requisition_id).with_for_update())
    db.session.execute(lines.order_by(RequisitionLine.id).with_for_update())


def own(actor: Actor, requisition_id: int, *, lock: bool = False) -> Requisition:
    """The person's own cart or requisition; raises NotFound for anybody else's."""
    requisition = find(requisition_id, lock=lock)
    if requisition is not None and requisition.requester_id != actor.account_id:
        requisition = None
    return found(requisition, "cart")


def for_person(actor: Actor, requisition_id: int) -> Requisition:
    """The submitted requisition; raises NotFound when the person may not see it."""
    requisition = find(requisition_id)
    if requisition is not None and not may_see(actor, requisition):
        requisition = None
    return found(requisition, "requisition")


def may_see(actor: Actor, requisition: Requisition) -> bool:
    """The requester, and whoever approves or follows orders for its location."""
    if requisition.state is RequisitionState.DRAFT:
        return False
    location = requisition.location
    return requisition.requester_id == actor.account_id or any(
        actor.can(permission, facility_id=location.facility_id, cost_center_id=location.cost_center_id)
        for permission in (Permission.APPROVE, Permission.VIEW_ORDERS)
    )


def cart_of(actor: Actor, location_id: int) -> Requisition | None:
    """The person's cart for a location."""
    cart: Requisition | None = db.session.scalar(
        _carts(actor)
        .where(Requisition.location_id == location_id)
        .options(*_with_lines())
        .execution_options(populate_existing=True)
    )
    return cart


def carts_of(actor: Actor) -> list[tuple[Location, int]]:
    """The locations for which the person has something in a cart, with the number of lines."""
    rows = db.session.execute(
        _carts(actor)
        .join(Requisition.lines)
        .join(Requisition.location)
        .with_only_columns(Location, func.count(RequisitionLine.id))
        .group_by(Location.id)
        .order_by(Location.name, Location.id)
    )
    return [(row[0], row[1]) for row in rows]


def lines_in_carts(actor: Actor) -> int:
    """How many lines all carts of the person hold."""
    statement = _carts(actor).join(Requisition.lines).with_only_columns(func.count(RequisitionLine.id))
    return db.session.scalar(statement) or 0


def in_cart(actor: Actor, location_id: int, item_ids: Collection[int]) -> list[Shelf]:
    """What the person's cart for a location holds of items."""
    rows = db.session.execute(
        _carts(actor)
        .join(Requisition.lines)
        .join(RequisitionLine.offer)
        .where(Requisition.location_id == location_id, RequisitionLine.item_id.in_(item_ids))
        .with_only_columns(
            RequisitionLine.item_id, RequisitionLine.offer_id, RequisitionLine.quantity, Offer.factor
        )
    )
    return [
        Shelf(item_id, in_cart={offer_id: quantity}, in_cart_base=quantity * factor)
        for item_id, offer_id, quantity, factor in rows
    ]


def _carts(actor: Actor) -> Select[Any]:
    return select(Requisition).where(
        Requisition.requester_id == actor.account_id,
        Requisition.state == RequisitionState.DRAFT,
        Requisition.source == RequisitionSource.CART,
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


def cart_facts(actor: Actor, requisition: Requisition, today: date) -> CartFacts:
    """What the checks need of the cart: today's prices, the dimensions and the money as they are now."""
    keys = {
        line.id: (line.item_id, line.offer.supplier_id, line.uom, line.quantity) for line in requisition.lines
    }
    prices = prices_on(today, keys.values())
    accounts = _gl_accounts({line.item.gl_account_id for line in requisition.lines})
    lines = [
        _line_facts(
            requisition,
            line,
            price=prices.get(keys[line.id]),
            account=accounts.get(line.item.gl_account_id),
        )
        for line in requisition.lines
    ]
    location = requisition.location
    center = _center_facts(actor, location)
    total = sum((line.amount for line in lines), Decimal())
    budgets = _budget_facts(location.cost_center, total, today) if location.cost_center and lines else []
    return CartFacts(today, requisition.need_by, center, lines, budgets)


def _gl_accounts(account_ids: set[int | None]) -> dict[int | None, GlAccount]:
    rows = db.session.scalars(select(GlAccount).where(GlAccount.id.in_(account_ids), GlAccount.active))
    return {account.id: account for account in rows}


def _line_facts(
    requisition: Requisition, line: RequisitionLine, *, price: ContractLine | None, account: GlAccount | None
) -> LineFacts:
    return LineFacts(
        number=line.line_number,
        item=line.item.name,
        quantity=line.quantity,
        uom=line.uom,
        pack=pack(line.uom, line.offer.factor, line.item.base_uom),
        lifecycle=line.item.lifecycle,
        offer_active=line.offer.active,
        supplier=line.offer.supplier.name,
        supplier_blocked=line.offer.supplier.blocked,
        currency=requisition.currency,
        unit_price=price.unit_price if price else line.offer.list_price,
        price_shown=line.unit_price,
        contract_line_id=price.id if price else None,
        contract=price.contract.number if price else None,
        contract_tier=price.minimum_quantity if price else Decimal(),
        contract_ends=min(price.valid_to, price.contract.valid_to) if price else None,
        gl_account=f"{account.code} {account.name}" if account else None,
    )


def _center_facts(actor: Actor, location: Location) -> CenterFacts | None:
    center = location.cost_center
    if center is None or not center.active:
        return None
    return CenterFacts(
        name=f"{center.code} {center.name}",
        valid_from=center.valid_from,
        valid_to=center.valid_to,
        is_allowed=actor.can(Permission.REQUEST, facility_id=location.facility_id, cost_center_id=center.id),
    )


def _budget_facts(center: CostCenter, asked: Decimal, today: date) -> list[BudgetFacts]:
    """The money of the cost center, as it is now."""
    name = f"{center.code} {center.name}"
    budget = budgets_on(today, [center.id]).get(center.id)
    if budget is None:
        return [BudgetFacts(name, Control.NONE, balance=None, asked=asked)]
    held = balances([budget])[budget.id]
    return [BudgetFacts(name, budget.control, held, asked, budget.id, budget.currency)]


def checks_of(requisition_id: int) -> list[CheckResult]:
    """What the checks said at submit."""
    return list(
        db.session.scalars(
            select(CheckResult).where(CheckResult.requisition_id == requisition_id).order_by(CheckResult.id)
        )
    )
