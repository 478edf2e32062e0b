"""Contract prices, and the locations and items a person may use."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    column,
    func,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.together import Columns, Read
from portal.masterdata.models import Contract, ContractLine, Facility, Item, Location

Wanted = tuple[int, int, str, Decimal]
"""Item id, supplier id, unit and the quantity of that unit to be bought."""


def price_on(day: date, item_id: int, supplier_id: int, uom: str, quantity: Decimal) -> ContractLine | None:
    """The contract line that prices a purchase on a day (with its contract); None without a contract."""
    wanted = (item_id, supplier_id, uom, quantity)
    return prices_on(day, [wanted]).get(wanted)


def prices_on(day: date, wanted: Iterable[Wanted]) -> dict[Wanted, ContractLine]:
    """The pricing line of each wanted purchase that has one, in one query.

    Both the line and its contract are valid on the day. The highest tier the quantity reaches wins;
    on a tie the lowest price, then the oldest line.
    """
    asked = list(dict.fromkeys(wanted))
    if not asked:
        return {}
    rows = db.session.execute(_price_rows(), _asked(day, asked))
    return {asked[position - 1]: line for position, line in rows}


@dataclass(frozen=True)
class Price:
    """What a contract line says of a purchase: the price of its unit, until when, from which tier on."""

    contract_line_id: int
    unit_price: Decimal
    tier: Decimal
    contract: str
    ends: date


def pricing(day: date, wanted: Iterable[Wanted]) -> Read[dict[Wanted, Price]]:
    """As prices_on, without the rows themselves."""
    asked = list(dict.fromkeys(wanted))
    return Read(
        _price_columns(),
        _asked(day, asked),
        lambda rows: {asked[position - 1]: Price(*price) for position, *price in rows},
    )


@cache
def _price_columns() -> Columns:
    ends = func.least(ContractLine.valid_to, Contract.valid_to, type_=Date)
    line = (ContractLine.id, ContractLine.unit_price, ContractLine.minimum_quantity)
    return _pricing(*line, Contract.number, ends)


@cache
def _price_rows() -> Columns:
    return _pricing(ContractLine).options(contains_eager(ContractLine.contract))


def _asked(day: date, wanted: Sequence[Wanted]) -> dict[str, Any]:
    item_ids, supplier_ids, uoms, quantities = zip(*wanted, strict=True) if wanted else ((), (), (), ())
    return {
        "priced_on": day,
        "priced_items": list(item_ids),
        "priced_suppliers": list(supplier_ids),
        "priced_uoms": list(uoms),
        "priced_quantities": list(quantities),
    }


def _pricing(*found: Any) -> Columns:
    """The columns for each that is asked; callers keep it, as building it takes longer than running it."""
    ask = func.unnest(
        bindparam("priced_items", type_=ARRAY(BigInteger)),
        bindparam("priced_suppliers", type_=ARRAY(BigInteger)),
        bindparam("priced_uoms", type_=ARRAY(Text)),
        bindparam("priced_quantities", type_=ARRAY(Numeric)),
    ).table_valued(
        column("item_id", BigInteger), column("supplier_id", BigInteger), column("uom", Text),
        column("quantity", Numeric), with_ordinality="position", name="ask",
    ).render_derived()  # fmt: skip
    return (
        select(type_coerce(ask.c.position, BigInteger), *found)
        .ext(distinct_on(ask.c.position))
        .join(ContractLine, and_(ContractLine.item_id == ask.c.item_id, ContractLine.uom == ask.c.uom))
        .join(ContractLine.contract)
        .where(
            Contract.supplier_id == ask.c.supplier_id,
            ContractLine.minimum_quantity <= ask.c.quantity,
            effective_on(bindparam("priced_on", type_=Date)),
        )
        .order_by(
            ask.c.position, ContractLine.minimum_quantity.desc(), ContractLine.unit_price, ContractLine.id
        )
    )


def effective_on(day: date | ColumnElement[date]) -> ColumnElement[bool]:
    """Whether a contract line, joined with its contract, is valid on a day."""
    return and_(
        Contract.valid_from <= day,
        Contract.valid_to >= day,
        ContractLine.valid_from <= day,
        ContractLine.valid_to >= day,
    )


def locations_for(actor: Actor, permission: Permission) -> list[Location]:
    """The active locations (with facility and cost center) where the person holds the permission."""
    return list(db.session.scalars(_locations_for(actor, permission)))


@lru_cache(maxsize=1024)
def _locations_for(actor: Actor, permission: Permission) -> Select[Location]:
    # Kept, as building it takes longer than running it, and many pages ask.
    return (
        select(Location)
        .join(Location.facility)
        .where(Location.active, Facility.active, _granted(actor, permission))
        .order_by(Facility.name, Location.name)
        .options(contains_eager(Location.facility), joinedload(Location.cost_center))
    )


def _granted(actor: Actor, permission: Permission) -> ColumnElement[bool]:
    """As Actor.can, for each location; a grant of one cost center does not cover a location without one."""
    if actor.system_reason:
        return true()
    return or_(
        *(
            and_(
                true() if grant.facility_id is None else Location.facility_id == grant.facility_id,
                true() if grant.cost_center_id is None else Location.cost_center_id == grant.cost_center_id,
            )
            for grant in actor.grants
            if permission in grant.permissions
        ),
        Location.id.is_(None),
    )


def get_location(location_id: int) -> Location:
    """The location with its facility and cost center; raises NotFound."""
    statement = (
        select(Location)
        .where(Location.id == location_id)
        .options(joinedload(Location.facility), joinedload(Location.cost_center))
    )
    return found(db.session.scalar(statement), "location")


def get_item(actor: Actor, item_id: int) -> Item:
    """The item with its packaging; raises NotFound."""
    statement = (
        select(Item)
        .where(Item.id == item_id, Item.organization_id == actor.organization_id)
        .options(selectinload(Item.packaging))
    )
    return found(db.session.scalar(statement), "item")
