"""Reading stock: on hand by item, lots at a location, par."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Select, func, or_, select, tuple_
from sqlalchemy.orm import contains_eager, joinedload

from portal.catalog.queries import SHELF_ITEMS, SHELF_PLACE, shelf_values
from portal.catalog.rules import Shelf
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid
from portal.foundation.paging import ordered
from portal.foundation.together import Columns, Read
from portal.identity.models import Account
from portal.inventory.models import ParLevel, Stock, StockMovement
from portal.inventory.rules import Condition
from portal.masterdata.models import Item, Location
from portal.masterdata.scanning import resolve


@dataclass(frozen=True)
class StockRow:
    """An item at a location with its par level, in base units."""

    item_id: int
    code: str
    name: str
    uom: str
    on_hand: Decimal
    minimum: Decimal | None
    maximum: Decimal | None

    @property
    def is_low(self) -> bool:
        """Below par."""
        return self.minimum is not None and self.on_hand < self.minimum


@dataclass(frozen=True)
class Wanted:
    """Which items are looked for; `expiring_by` keeps those with a lot that expires by the day.

    `sort` is name, on_hand or par, or one of them after a minus.
    """

    words: str = ""
    low_only: bool = False
    expiring_by: date | None = None
    sort: str = ""


AVAILABLE = Stock.condition == Condition.AVAILABLE
LOT_BY_LOT = (Stock.condition, Stock.expires_on.nulls_last(), Stock.lot, Stock.serial, Stock.owner)
"""The first to expire first, what may be used before what is set aside."""


def on_hand(location_id: int, item_ids: Iterable[int]) -> dict[int, Decimal]:
    """What may be used, in base units by item, whoever owns it; items without stock are absent."""
    rows = db.session.execute(
        select(Stock.item_id, func.sum(Stock.on_hand))
        .where(Stock.location_id == location_id, Stock.item_id.in_(set(item_ids)), AVAILABLE)
        .group_by(Stock.item_id)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class Near:
    """What may be used of an item at a location, in base units."""

    location_id: int
    location: str
    on_hand: Decimal
    is_here: bool


def stock_near(item_id: int, location: Location) -> list[tuple[Stock, int, str]]:
    """Every stock row of an item in the facility of a place, empty ones only of the place itself.

    With each the id and name of where it is; lot by lot as `lots_at` gives them.
    """
    rows = db.session.execute(
        select(Stock, Location.id, Location.name)
        .join(Stock.location)
        .where(
            Stock.item_id == item_id,
            Location.facility_id == location.facility_id,
            (Location.id == location.id) | (Location.active & (Stock.on_hand != 0)),
        )
        .order_by(*LOT_BY_LOT)
        .execution_options(populate_existing=True)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def near(rows: Iterable[tuple[Stock, int, str]], here: Location) -> list[Near]:
    """What may be used, by place: here first (also when there is nothing), then where the most is."""
    held: dict[tuple[int, str], Decimal] = {(here.id, here.name): Decimal()}
    for row, place_id, name in rows:
        if row.condition is Condition.AVAILABLE:
            held[place_id, name] = held.get((place_id, name), Decimal()) + row.on_hand
    known = [Near(*place, on_hand, is_here=place[0] == here.id) for place, on_hand in held.items()]
    return sorted(
        (one for one in known if one.is_here or one.on_hand > 0),
        key=lambda one: (not one.is_here, -one.on_hand, one.location),
    )


def shelf(actor: Actor, location_id: int, item_ids: Collection[int]) -> Sequence[Read[list[Shelf]]]:
    """On hand and par of items at a location, for the pages of the catalog."""
    values = shelf_values(location_id, item_ids)
    return [
        Read(_held(), values, lambda rows: [Shelf(item_id, on_hand=held) for item_id, held in rows]),
        Read(
            _pars(), values, lambda rows: [Shelf(one, minimum=low, maximum=high) for one, low, high in rows]
        ),
    ]


@cache
def _held() -> Columns:
    return (
        select(Stock.item_id, func.sum(Stock.on_hand))
        .where(Stock.location_id == SHELF_PLACE, Stock.item_id == SHELF_ITEMS, AVAILABLE)
        .group_by(Stock.item_id)
    )


@cache
def _pars() -> Columns:
    return select(ParLevel.item_id, ParLevel.minimum, ParLevel.maximum).where(
        ParLevel.location_id == SHELF_PLACE, ParLevel.item_id == SHELF_ITEMS
    )


def stock_at(location_id: int, wanted: Wanted) -> Select[Any]:
    """Items with stock or par at a location, in StockRow's order of columns."""
    held = (
        select(Stock.item_id, func.sum(Stock.on_hand).label("on_hand"))
        .where(Stock.location_id == location_id, AVAILABLE)
        .group_by(Stock.item_id)
        .subquery()
    )
    quantity = func.coalesce(held.c.on_hand, 0)
    statement: Any = (
        select(Item.id, Item.code, Item.name, Item.base_uom, quantity, ParLevel.minimum, ParLevel.maximum)
        .outerjoin(held, held.c.item_id == Item.id)
        .outerjoin(ParLevel, (ParLevel.item_id == Item.id) & (ParLevel.location_id == location_id))
        .where(or_(held.c.item_id.is_not(None), ParLevel.id.is_not(None)))
    )
    words = wanted.words.replace("\0", "").strip()
    if words:
        named = Item.name.icontains(words, autoescape=True)
        statement = statement.where(named | (func.upper(Item.code) == _code_of(words)))
    if wanted.low_only:
        statement = statement.where(quantity < ParLevel.minimum)
    if wanted.expiring_by is not None:
        expiring = select(Stock.item_id).where(
            Stock.location_id == location_id, Stock.on_hand > 0, Stock.expires_on <= wanted.expiring_by
        )
        statement = statement.where(Item.id.in_(expiring))
    sorts = {"name": Item.name, "on_hand": quantity, "par": ParLevel.minimum}
    return ordered(statement, wanted.sort, sorts, [Item.name, Item.id])


def _code_of(words: str) -> str:
    """The item number that a scan means, else the words as a number."""
    try:
        scanned = resolve(words)
    except Invalid:
        return words.upper()
    return (scanned.pack.item.code if scanned.pack else words).upper()


def rows_at(statement: Select[Any]) -> list[StockRow]:
    """All rows of a statement made by `stock_at`."""
    return [StockRow(*columns) for columns in db.session.execute(statement)]


def lots_at(location_id: int, item_ids: Iterable[int]) -> list[Stock]:
    """What there is lot by lot, also quarantined and below zero, the first to expire first."""
    return list(
        db.session.scalars(
            select(Stock)
            .where(Stock.location_id == location_id, Stock.item_id.in_(set(item_ids)), Stock.on_hand != 0)
            .order_by(Stock.item_id, *LOT_BY_LOT)
            .execution_options(populate_existing=True)
        )
    )


def shelved_serials(wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """Where serial numbers, each after its item's id, are on hand; those that are nowhere are absent."""
    if not wanted:
        return {}
    rows = db.session.execute(
        select(Stock.item_id, Stock.serial, Location.name)
        .join(Stock.location)
        .where(tuple_(Stock.item_id, Stock.serial).in_(wanted), Stock.on_hand > 0)
    )
    return {(item_id, serial): place for item_id, serial, place in rows}


def movements_named(keys: Collection[str]) -> list[StockMovement]:
    """The movements with these keys, in the order in which they were written."""
    statement = select(StockMovement).where(StockMovement.key.in_(keys)).order_by(StockMovement.id)
    return list(db.session.scalars(statement))


def below_zero(places: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (location id, item id) have a lot below zero."""
    statement = select(Stock.location_id, Stock.item_id).where(
        tuple_(Stock.location_id, Stock.item_id).in_(places), Stock.on_hand < 0
    )
    return {(row[0], row[1]) for row in db.session.execute(statement)}


@dataclass(frozen=True)
class Names:
    """What people call locations and items, by id."""

    locations: dict[int, str]
    items: dict[int, str]


def names_of(location_ids: Collection[int], item_ids: Collection[int]) -> Names:
    """The names, for sentences."""
    locations = db.session.execute(select(Location.id, Location.name).where(Location.id.in_(location_ids)))
    items = db.session.execute(select(Item.id, Item.name).where(Item.id.in_(item_ids)))
    return Names({row[0]: row[1] for row in locations}, {row[0]: row[1] for row in items})


def stock(stock_id: int, *, lock: bool = False) -> Stock:
    """A stock row with item and place, as it is now; raises NotFound."""
    statement = (
        select(Stock)
        .where(Stock.id == stock_id)
        .options(joinedload(Stock.item), joinedload(Stock.location).joinedload(Location.facility))
        .execution_options(populate_existing=True)
    )
    return found(db.session.scalar(statement.with_for_update(of=Stock) if lock else statement), "lot")


def active_location(location_id: int) -> Location:
    """A location in use; raises NotFound."""
    statement = select(Location).where(Location.id == location_id, Location.active)
    return found(db.session.scalar(statement), "location")


def movements_of(row: Stock) -> list[tuple[StockMovement, str]]:
    """The last movements of a stock row with who made them, the newest first."""
    found_rows = db.session.execute(
        select(StockMovement, func.coalesce(Account.name, "Portal"))
        .outerjoin(Account, Account.id == StockMovement.account_id)
        .where(
            StockMovement.location_id == row.location_id, StockMovement.item_id == row.item_id,
            StockMovement.lot == row.lot, StockMovement.serial == row.serial,
            StockMovement.owner == row.owner, StockMovement.condition == row.condition,
        )
        .order_by(StockMovement.at.desc(), StockMovement.id.desc())
        .limit(50)
    )  # fmt: skip
    return [(one[0], one[1]) for one in found_rows]


def expiring(actor: Actor, by: date, *, location_id: int | None = None) -> Select[Stock]:
    """Lots on hand that expire by a day where the person sees stock, the first to expire first."""
    statement = (
        select(Stock)
        .join(Stock.location)
        .where(Stock.on_hand > 0, Stock.expires_on <= by)
        .options(joinedload(Stock.item), contains_eager(Stock.location).joinedload(Location.facility))
        .order_by(Stock.expires_on, Location.name, Stock.id)
    )
    facilities = actor.facility_ids(Permission.VIEW_STOCK)
    if facilities is not None:
        statement = statement.where(Location.facility_id.in_(facilities))
    return statement if location_id is None else statement.where(Stock.location_id == location_id)


def every(statement: Select[Stock]) -> list[Stock]:
    """All rows of a list."""
    return list(db.session.scalars(statement))
