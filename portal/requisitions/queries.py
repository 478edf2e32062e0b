"""Reading carts and requisitions, and the facts the checks need."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal.budgets.queries import balances, budgets_on
from portal.budgets.rules import Control
from portal.catalog.models import Offer
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.identity.models import Account
from portal.masterdata.models import ContractLine, Location
from portal.masterdata.queries import prices_on
from portal.requisitions.models import CheckResult, Requisition, RequisitionLine
from portal.requisitions.rules import BudgetFacts, LineFacts, RequisitionState


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
    """The requisition with its lines; `lock` waits for others and reads it anew."""
    statement = select(Requisition).where(Requisition.id == requisition_id).options(*_with_lines())
    if lock:
        statement = statement.with_for_update(of=Requisition).execution_options(populate_existing=True)
    return db.session.scalar(statement)


def may_see(actor: Actor, requisition: Requisition) -> bool:
    """The requester, and whoever may request, approve or follow orders for its facility."""
    facility_id = requisition.location.facility_id
    if requisition.requester_id == actor.account_id:
        return True
    return requisition.state is not RequisitionState.DRAFT and any(
        actor.can(permission, facility_id=facility_id)
        for permission in (Permission.APPROVE, Permission.VIEW_ORDERS)
    )


def cart_of(actor: Actor, location_id: int) -> Requisition | None:
    """The person's cart for a location."""
    return db.session.scalar(
        select(Requisition)
        .where(
            Requisition.requester_id == actor.account_id,
            Requisition.location_id == location_id,
            Requisition.state == RequisitionState.DRAFT,
        )
        .options(*_with_lines())
        .execution_options(populate_existing=True)
    )


def listing(actor: Actor, *, state: str = "", words: str = "", mine: bool = False) -> Select[Any]:
    """Requisitions the person may see, newest first."""
    statement = (
        select(Requisition)
        .join(Requisition.location)
        .where(Requisition.state != RequisitionState.DRAFT)
        .options(
            joinedload(Requisition.requester),
            joinedload(Requisition.location),
            selectinload(Requisition.lines),
        )
        .order_by(Requisition.submitted_at.desc(), Requisition.id.desc())
    )
    facilities = actor.facility_ids(Permission.VIEW_ORDERS)
    if mine or not actor.can(Permission.VIEW_ORDERS):
        statement = statement.where(Requisition.requester_id == actor.account_id)
    elif facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    if state:
        statement = statement.where(Requisition.state == state)
    if words:
        statement = statement.where(Requisition.number == words.strip().upper())
    return statement


def line_facts(actor: Actor, requisition: Requisition, today: date) -> list[LineFacts]:
    """What the rules need of every line, with today's price; one query for all prices."""
    keys = {
        line.id: (line.item_id, line.offer.supplier_id, line.uom, line.quantity) for line in requisition.lines
    }
    prices = prices_on(today, keys.values())
    return [_facts(actor, requisition, line, prices.get(keys[line.id]), today) for line in requisition.lines]


def _facts(
    actor: Actor,
    requisition: Requisition,
    line: RequisitionLine,
    price: ContractLine | None,
    today: date,
) -> LineFacts:
    center, account = line.cost_center, line.gl_account
    return LineFacts(
        today=today,
        number=line.line_number,
        item=line.item.name,
        quantity=line.quantity,
        uom=line.uom,
        need_by=requisition.need_by,
        lifecycle=line.item.lifecycle,
        offer_active=line.offer.active,
        supplier=line.offer.supplier.name,
        supplier_blocked=line.offer.supplier.blocked,
        unit_price=price.unit_price if price else line.offer.list_price,
        price_shown=line.unit_price,
        contract=price.contract.number if price else None,
        contract_ends=min(price.valid_to, price.contract.valid_to) if price else None,
        cost_center=f"{center.code} {center.name}" if center and center.active else None,
        cost_center_valid=(center.valid_from, center.valid_to) if center else None,
        cost_center_allowed=actor.can(Permission.REQUEST, cost_center_id=line.cost_center_id),
        gl_account=f"{account.code} {account.name}" if account and account.active else None,
    )


def budget_facts(lines: Iterable[RequisitionLine], today: date) -> list[BudgetFacts]:
    """The money of each cost center of the lines, as it is now."""
    asked: dict[int, Decimal] = defaultdict(Decimal)
    names: dict[int, str] = {}
    for line in lines:
        if line.cost_center is not None:
            asked[line.cost_center.id] += line.amount
            names[line.cost_center.id] = f"{line.cost_center.code} {line.cost_center.name}"
    budgets = budgets_on(today, asked)
    held = balances(budgets.values())
    return [
        BudgetFacts(
            cost_center=names[center_id],
            control=budgets[center_id].control,
            balance=held[budgets[center_id].id],
            asked=amount,
        )
        if center_id in budgets
        else BudgetFacts(names[center_id], control=Control.NONE, balance=None, asked=amount)
        for center_id, amount in sorted(asked.items())
    ]


def checks_of(requisition_id: int) -> list[CheckResult]:
    """What the checks said at submit."""
    return list(
        db.session.scalars(
            select(CheckResult).where(CheckResult.requisition_id == requisition_id).order_by(CheckResult.id)
        )
    )


def home_location(actor: Actor) -> int | None:
    """The location a person works at."""
    return db.session.scalar(select(Account.home_location_id).where(Account.id == actor.account_id))
