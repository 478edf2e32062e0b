"""Reading routes of orders."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Select, select

from portal.exchange.models import Partner, Route
from portal.foundation.db import db
from portal.masterdata.models import Supplier
from portal.orders.outbound import KIND
from portal.orders.routing.rules import Way, stop_of, way_of


def suppliers(words: str) -> Select[Any]:
    """Suppliers by name."""
    statement = select(Supplier).order_by(Supplier.name, Supplier.id)
    if words:
        statement = statement.where(
            Supplier.name.icontains(words, autoescape=True) | Supplier.code.icontains(words, autoescape=True)
        )
    return statement


def partners() -> dict[str, Partner]:
    """The first partner of each stop."""
    found: dict[str, Partner] = {}
    for partner in db.session.scalars(select(Partner).where(Partner.kind != "ehr").order_by(Partner.id)):
        found.setdefault(stop_of(partner.kind, partner.adapter), partner)
    return found


def ways() -> dict[int | None, Way]:
    """The way of each supplier that has one of its own; None is the usual one."""
    stops: dict[int | None, list[str]] = defaultdict(list)
    rows = db.session.execute(
        select(Route.supplier_id, Partner.kind, Partner.adapter)
        .join(Partner, Partner.id == Route.partner_id)
        .where(Route.document == KIND)
        .order_by(Route.position)
    )
    for supplier_id, kind, adapter in rows:
        stops[supplier_id].append(stop_of(kind, adapter))
    return {supplier_id: way_of(tuple(places)) for supplier_id, places in stops.items()}


def supplier(supplier_id: int) -> Supplier | None:
    """One supplier."""
    return db.session.get(Supplier, supplier_id)
