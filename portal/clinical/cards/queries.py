"""Reading preference cards and favorites: the list of one, and what a place has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import joinedload

from portal.clinical.models import Case, Favorite, PreferenceCard, PreferenceLine
from portal.foundation import clock
from portal.foundation.db import db, found
from portal.masterdata.models import Location
from portal.masterdata.queries import get_location

MOST_LISTED = 200
LATELY = timedelta(days=90)
Line = PreferenceLine | Favorite


@dataclass(frozen=True)
class Listing:
    """Items in the order of use: those of a card, or the favorites of a place in a procedure ("": in all)."""

    kind: str  # as the audit trail names it
    subject: PreferenceCard | Location
    place: Location | None  # None: all places
    make: Callable[[int], Line]
    procedure_code: str = ""
    rows: list[Line] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The day it is at the place."""
        return clock.today(self.place.facility.time_zone) if self.place else clock.today()

    @property
    def summary(self) -> dict[str, Any]:
        """The items with what is kept of each, for the audit trail."""
        items = [[row.item_id, *_quantities(row)] for row in self.rows]
        return {"procedure": self.procedure_code, "items": items}


def _quantities(row: Line) -> list[str]:
    return [f"{row.to_open:f}", f"{row.to_hold:f}"] if isinstance(row, PreferenceLine) else []


def card(card_id: int, *, lock: bool = False) -> Listing:
    """A preference card with its items; raises NotFound."""
    one = select(PreferenceCard).where(PreferenceCard.id == card_id)
    known = found(db.session.scalar(_locked(one, lock=lock)), "preference card")
    rows = (
        select(PreferenceLine)
        .where(PreferenceLine.card_id == card_id)
        .options(joinedload(PreferenceLine.item))
        .order_by(PreferenceLine.position, PreferenceLine.id)
    )
    return Listing(
        "preference_card",
        known,
        get_location(known.location_id) if known.location_id else None,
        lambda item_id: PreferenceLine(card_id=card_id, item_id=item_id),
        known.procedure_code,
        list(db.session.scalars(rows)),
    )


def favorites(place: Location, procedure_code: str, *, lock: bool = False) -> Listing:
    """The favorites of a place in one procedure, or in all of them ("")."""
    if lock:
        db.session.scalar(_locked(select(Location.id).where(Location.id == place.id), lock=True))
    rows = (
        select(Favorite)
        .where(Favorite.location_id == place.id, Favorite.procedure_code == procedure_code)
        .options(joinedload(Favorite.item))
        .order_by(Favorite.position, Favorite.id)
    )
    return Listing(
        "favorites",
        place,
        place,
        lambda item_id: Favorite(location_id=place.id, procedure_code=procedure_code, item_id=item_id),
        procedure_code,
        list(db.session.scalars(rows)),
    )


def _locked(statement: Select[Any], *, lock: bool) -> Select[Any]:
    """Two who change one list wait for each other; rows that only refer to its owner do not."""
    return statement.with_for_update(key_share=True) if lock else statement


def card_for(procedure_code: str, practitioner: str, location_id: int | None) -> PreferenceCard | None:
    """The card of exactly these."""
    statement = select(PreferenceCard).where(
        PreferenceCard.procedure_code == procedure_code,
        PreferenceCard.practitioner == practitioner,
        PreferenceCard.location_id.is_not_distinct_from(location_id),
    )
    return db.session.scalar(statement)


@dataclass(frozen=True)
class CardRow:
    """A card and how many items it lists."""

    card: PreferenceCard
    items: int


def cards_at(location_id: int) -> list[CardRow]:
    """The cards of a place, and those of all places."""
    count = (
        select(func.count(PreferenceLine.id))
        .where(PreferenceLine.card_id == PreferenceCard.id)
        .correlate(PreferenceCard)
        .scalar_subquery()
    )
    statement = (
        select(PreferenceCard, count)
        .where(or_(PreferenceCard.location_id == location_id, PreferenceCard.location_id.is_(None)))
        .order_by(PreferenceCard.procedure_code, PreferenceCard.practitioner, PreferenceCard.id)
        .limit(MOST_LISTED)
    )
    return [CardRow(one, items) for one, items in db.session.execute(statement)]


def favorite_counts(location_id: int) -> dict[str, int]:
    """How many favorites a place has, by procedure code."""
    statement = (
        select(Favorite.procedure_code, func.count(Favorite.id))
        .where(Favorite.location_id == location_id)
        .group_by(Favorite.procedure_code)
        .limit(MOST_LISTED)
    )
    return {row[0]: row[1] for row in db.session.execute(statement)}


def procedures_of(location_id: int) -> dict[str, str]:
    """The names of the procedures that the schedule of a place knows, by code."""
    statement = (
        select(Case.procedure_code, func.max(Case.procedure_name))
        .where(
            Case.location_id == location_id,
            Case.scheduled_at > clock.now() - LATELY,
            Case.procedure_code != "",
        )
        .group_by(Case.procedure_code)
        .order_by(Case.procedure_code)
        .limit(MOST_LISTED)
    )
    return {row[0]: row[1] for row in db.session.execute(statement)}
