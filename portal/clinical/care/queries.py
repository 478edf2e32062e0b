"""Reading for the point-of-care page: favorites, preference cards, what was recorded, cases of the day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.orm import joinedload, selectinload, undefer

from integrations.canonical import Lifecycle
from portal.catalog.queries import guide_of
from portal.clinical.care.context import Care
from portal.clinical.care.rules import OnShelf
from portal.clinical.models import (
    CareRequest,
    Case,
    Favorite,
    PreferenceCard,
    PreferenceLine,
    Usage,
)
from portal.clinical.rules import CaseState, UsageState
from portal.clinical.usage.rules import Held
from portal.foundation.db import db, found
from portal.inventory.models import Stock
from portal.inventory.queries import Near, lots_at, near, stock_near
from portal.inventory.queries import on_hand as on_hand_of
from portal.inventory.rules import Condition, Owner
from portal.masterdata.models import Item, ItemPackaging, Location
from portal.requisitions.models import Requisition, RequisitionLine

GONE = (UsageState.REVERSED, UsageState.DISCARDED)
MOST_FAVORITES = 12
MOST_FOUND = 8
MOST_SHOWN = 60


def favorites(location_id: int, procedure_code: str) -> list[Item]:
    """What this place uses in this procedure, then in all; without any, its order guide."""
    statement = (
        select(Favorite)
        .where(Favorite.location_id == location_id, Favorite.procedure_code.in_({"", procedure_code}))
        .options(joinedload(Favorite.item))
        .order_by(Favorite.procedure_code == "", Favorite.position, Favorite.id)
    )
    chosen = [one.item for one in db.session.scalars(statement)]
    items = chosen or [line.item for line in guide_of(location_id)]
    active = (item for item in items if item.lifecycle is Lifecycle.ACTIVE)
    return list({item.id: item for item in active}.values())[:MOST_FAVORITES]


def on_hand(location_id: int, item_ids: Collection[int]) -> dict[int, Decimal]:
    """What may be used here, in base units by item."""
    return on_hand_of(location_id, item_ids)


def card_of(case: Case | None, location_id: int) -> PreferenceCard | None:
    """The preference card that fits best: of the practitioner before everybody's, of the place before all."""
    if case is None or not case.procedure_code:
        return None
    statement = (
        select(PreferenceCard)
        .where(
            PreferenceCard.procedure_code == case.procedure_code,
            PreferenceCard.practitioner.in_({"", case.practitioner}),
            or_(PreferenceCard.location_id == location_id, PreferenceCard.location_id.is_(None)),
        )
        .options(selectinload(PreferenceCard.lines).joinedload(PreferenceLine.item))
        .order_by(PreferenceCard.practitioner == "", PreferenceCard.location_id.nulls_last())
        .limit(1)
    )
    return db.session.scalar(statement)


def shelves(location_id: int, item_ids: Collection[int]) -> dict[int, list[OnShelf]]:
    """What lies here of each item, lot by lot, the first to expire first."""
    shelf: dict[int, list[OnShelf]] = {item_id: [] for item_id in item_ids}
    for row in lots_at(location_id, item_ids):
        if row.on_hand > 0:
            shelf[row.item_id].append(_on_shelf(row))
    return shelf


def _on_shelf(row: Stock) -> OnShelf:
    return OnShelf(
        id=row.id,
        lot=row.lot,
        serial=row.serial,
        expires_on=row.expires_on,
        on_hand=row.on_hand,
        is_consignment=row.owner is Owner.CONSIGNMENT,
        is_quarantined=row.condition is not Condition.AVAILABLE,
    )


@dataclass(frozen=True)
class Stocked:
    """An item in a facility: what lies here lot by lot, every row of here, and what may be used where."""

    shelf: list[OnShelf]
    held: list[Held]
    near: list[Near]


def stocked(item_id: int, place: Location) -> Stocked:
    """The stock of an item around a place, by one query."""
    rows = stock_near(item_id, place)
    here = [row for row, place_id, _ in rows if place_id == place.id]
    return Stocked(
        shelf=[_on_shelf(row) for row in here if row.on_hand > 0],
        held=[
            Held(one.lot, one.serial, one.expires_on, one.owner, one.condition, one.on_hand) for one in here
        ],
        near=near(rows, place),
    )


def item(item_id: int) -> Item:
    """The item; raises NotFound."""
    return found(db.session.get(Item, item_id), "item")


def base_gtin(item: Item) -> str:
    """The barcode of one piece; empty without one."""
    of_piece = select(ItemPackaging.gtin).where(
        ItemPackaging.item_id == item.id, ItemPackaging.uom == item.base_uom
    )
    return db.session.scalar(of_piece) or ""


def _of(care: Care, kind: type[Usage] | type[CareRequest]) -> list[ColumnElement[bool]]:
    """Rows of this case (before there is one, of this encounter) and of this launch; NULL is never equal."""
    mine: list[ColumnElement[bool]] = []
    if care.case is not None:
        mine.append(kind.case_id == care.case.id)
    elif care.encounter_id is not None:
        mine.append(kind.encounter_id == care.encounter_id)
    if care.launch is not None:
        mine.append(kind.launch_id == care.launch.id)
    return mine


def recorded(care: Care) -> list[Usage]:
    """What was recorded in this case (or, before there is one, this encounter), newest first."""
    statement = (
        select(Usage)
        .where(
            or_(false(), *_of(care, Usage)),
            Usage.state.not_in(GONE),
            Usage.reverses_id.is_(None),
        )
        .options(joinedload(Usage.item), undefer(Usage.serial), undefer(Usage.body_site))
        .order_by(Usage.id.desc())
        .limit(MOST_SHOWN)
    )
    return list(db.session.scalars(statement))


def requested(care: Care) -> list[CareRequest]:
    """The requisitions made from this page, newest first."""
    mine = _of(care, CareRequest)
    lines = joinedload(CareRequest.requisition).selectinload(Requisition.lines)
    statement = (
        select(CareRequest)
        .where(or_(false(), *mine))
        .options(lines.joinedload(RequisitionLine.item))
        .order_by(CareRequest.id.desc())
        .limit(MOST_SHOWN)
    )
    return list(db.session.scalars(statement))


@dataclass(frozen=True)
class CaseRow:
    """A case of the day; whose it is the page says only once it is opened, and writes that down."""

    number: str
    procedure: str
    practitioner: str
    scheduled_at: datetime | None
    state: CaseState
    recorded: int


def cases_on(location: Location, day: date) -> list[CaseRow]:
    """Cases of a place on a day, and those still open from before, in the order of the day."""
    zone = ZoneInfo(location.facility.time_zone)
    start = datetime.combine(day, time(), zone)
    of_day = (Case.scheduled_at >= start) & (Case.scheduled_at < start + timedelta(days=1))
    count = (
        select(func.count(Usage.id))
        .where(Usage.case_id == Case.id, Usage.state == UsageState.APPLIED, Usage.reverses_id.is_(None))
        .correlate(Case)
        .scalar_subquery()
    )
    statement = (
        select(Case, count)
        .where(Case.location_id == location.id, Case.state != CaseState.CANCELLED)
        .where(or_(of_day, Case.state == CaseState.OPEN))
        .order_by(Case.scheduled_at.nulls_last(), Case.id)
        .limit(MOST_SHOWN)
    )
    return [
        CaseRow(
            number=case.number,
            procedure=case.procedure_name,
            practitioner=case.practitioner,
            scheduled_at=case.scheduled_at,
            state=case.state,
            recorded=uses,
        )
        for case, uses in db.session.execute(statement)
    ]
