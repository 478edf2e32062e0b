"""Preference cards and favorites: written, copied and changed, one locked step at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import delete

from portal.clinical.cards import queries as card_queries
from portal.clinical.cards.queries import Line, Listing
from portal.clinical.cards.rules import STEPS, Edit, shift
from portal.clinical.care.lookup import look_up
from portal.clinical.models import PreferenceCard, PreferenceLine
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid, NotAllowed, NotFound
from portal.masterdata.models import Item, Location

MOST_ITEMS = 200
EVERYWHERE = "This card is for all places. Make a copy for your place, then change the copy."


@dataclass(frozen=True)
class NewCard:
    """What a card is for; `practitioner` is "" for everybody."""

    procedure_code: str
    procedure_name: str = ""
    practitioner: str = ""


@dataclass(frozen=True)
class Kept:
    """What is written of an item, in base units."""

    to_open: Decimal = Decimal(1)
    to_hold: Decimal = Decimal(0)


@dataclass(frozen=True)
class Said:
    """What a form said: the button, the scan, the quantities by row; `kept` and `at` restore a row."""

    do: str
    scan: str = ""
    quantities: Mapping[int, Kept] = field(default_factory=dict)
    kept: Kept = Kept()
    at: int | None = None


@dataclass(frozen=True)
class Removed:
    """A row that was taken out, with all that is needed to put it back."""

    item_id: int
    name: str
    kept: Kept
    at: int


@dataclass(frozen=True)
class Done:
    """What to say; `found` are items to choose from."""

    message: str = ""
    tone: str = "success"
    found: Sequence[Item] = ()
    removed: Removed | None = None


def may_change(actor: Actor, place: Location | None) -> bool:
    """Whether a list of a place (None: of all places) is theirs to change."""
    if place is None:
        return actor.facility_ids(Permission.RECORD_USAGE) is None
    return actor.can(Permission.RECORD_USAGE, facility_id=place.facility_id)


def require_view(actor: Actor, place: Location | None) -> None:
    """Raises NotAllowed for a list of a place elsewhere."""
    if place is not None:
        actor.require(Permission.RECORD_USAGE, facility_id=place.facility_id)


def _require(actor: Actor, place: Location | None) -> None:
    if not may_change(actor, place):
        raise NotAllowed(EVERYWHERE if place is None else "This list belongs to a place that is not yours.")


def add_card(actor: Actor, place: Location, new: NewCard) -> PreferenceCard:
    """An empty card of a place; raises Invalid when it has one for this already."""
    _require(actor, place)
    if card_queries.card_for(new.procedure_code, new.practitioner, place.id) is not None:
        raise Invalid(
            f"{place.name} has a card for this already. Open it in the list.", field="procedure_code"
        )
    names = card_queries.procedures_of(place.id)
    card = PreferenceCard(
        procedure_code=new.procedure_code,
        procedure_name=new.procedure_name or names.get(new.procedure_code) or new.procedure_code,
        practitioner=new.practitioner,
        location_id=place.id,
    )
    db.session.add(card)
    db.session.flush()
    audit.record(actor, "preference_card.added", card, after={"procedure": card.procedure_code})
    return card


def copy_card(actor: Actor, card_id: int, place: Location) -> PreferenceCard:
    """A card of all places for one place, to be changed there; the one it has already, if it has one."""
    source = card_queries.card(card_id)
    original = source.subject
    if not isinstance(original, PreferenceCard) or source.place is not None:
        raise NotFound("Only a card of all places can be copied.")
    known = card_queries.card_for(original.procedure_code, original.practitioner, place.id)
    if known is not None:
        return known
    new = NewCard(original.procedure_code, original.procedure_name, original.practitioner)
    card = add_card(actor, place, new)
    for position, row in enumerate(source.rows):
        assert isinstance(row, PreferenceLine), "a card has lines"
        line = PreferenceLine(
            card_id=card.id, item_id=row.item_id, position=position, to_open=row.to_open, to_hold=row.to_hold
        )
        db.session.add(line)
    db.session.flush()
    return card


def delete_card(actor: Actor, card_id: int) -> str:
    """Removes a card with its items; returns the name of its procedure."""
    listing = card_queries.card(card_id, lock=True)
    _require(actor, listing.place)
    card = listing.subject
    assert isinstance(card, PreferenceCard), "a card was asked for"
    audit.record(actor, "preference_card.removed", card, before=listing.summary)
    name = card.procedure_name
    db.session.execute(delete(PreferenceLine).where(PreferenceLine.card_id == card_id))
    db.session.execute(delete(PreferenceCard).where(PreferenceCard.id == card_id))
    return name


def act(actor: Actor, listing: Listing, said: Said) -> Done:
    """Keeps the quantities that were typed, then does what was asked; raises Invalid with nothing done."""
    _require(actor, listing.place)
    before = listing.summary
    _keep_quantities(listing, said.quantities)
    verb, _, number = said.do.partition(":")
    done = _DO.get(verb, _save)(listing, said, int(number) if _is_number(number) else 0)
    for position, row in enumerate(listing.rows):
        row.position = position
    db.session.flush()
    after = listing.summary
    if after != before:
        audit.record(actor, f"{listing.kind}.changed", listing.subject, before=before, after=after)
    return done


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _keep_quantities(listing: Listing, quantities: Mapping[int, Kept]) -> None:
    for row in listing.rows:
        kept = quantities.get(row.id)
        if kept is None or not isinstance(row, PreferenceLine):
            continue
        if not kept.to_open + kept.to_hold:
            raise Invalid(f"{row.item.name}: say how many to open or to hold, or remove it.")
        row.to_open, row.to_hold = kept.to_open, kept.to_hold


def _save(listing: Listing, said: Said, number: int) -> Done:
    return Done("Saved.")


def _add(listing: Listing, said: Said, number: int) -> Done:
    """Adds what was scanned or typed; several hits are shown to choose from."""
    if not said.scan.strip():
        return _save(listing, said, number)
    hit = look_up(said.scan, listing.today)
    if hit.entry is not None:
        return _pick(listing, said, hit.entry.item_id)
    if hit.items:
        return Done(found=hit.items)
    raise Invalid(hit.reason, field="scan")


def _pick(listing: Listing, said: Said, item_id: int) -> Done:
    """One more of an item that is on a card already is one more to open."""
    known = next((row for row in listing.rows if row.item_id == item_id), None)
    if isinstance(known, PreferenceLine):
        known.to_open += 1
        return Done(f"{known.item.name}: one more to open.")
    if known is not None:
        return Done(f"{known.item.name} is in the list already.", "info")
    item = _insert(listing, item_id, len(listing.rows), Kept())
    return Done(f"{item.name} is added.")


def _insert(listing: Listing, item_id: int, at: int, kept: Kept) -> Item:
    item = found(db.session.get(Item, item_id), "item")
    if len(listing.rows) >= MOST_ITEMS:
        raise Invalid(f"A list holds at most {MOST_ITEMS} items. Remove one first.", field="scan")
    row: Line = listing.make(item_id)
    row.item = item
    if isinstance(row, PreferenceLine):
        row.to_open, row.to_hold = kept.to_open, kept.to_hold
    db.session.add(row)
    listing.rows.insert(at, row)
    return item


def _move(listing: Listing, said: Said, row_id: int) -> Done:
    verb = Edit(said.do.partition(":")[0])
    shift(listing.rows, _row(listing, row_id), STEPS[verb])
    return Done()


def _remove(listing: Listing, said: Said, row_id: int) -> Done:
    row = _row(listing, row_id)
    at = listing.rows.index(row)
    kept = Kept(row.to_open, row.to_hold) if isinstance(row, PreferenceLine) else Kept()
    listing.rows.remove(row)
    db.session.delete(row)
    return Done(removed=Removed(row.item_id, row.item.name, kept, at))


def _restore(listing: Listing, said: Said, item_id: int) -> Done:
    """Puts a removed item back where it was; a repeat does nothing."""
    known = next((row for row in listing.rows if row.item_id == item_id), None)
    if known is not None:
        return Done(f"{known.item.name} is in the list.", "info")
    at = len(listing.rows) if said.at is None else min(said.at, len(listing.rows))
    return Done(f"{_insert(listing, item_id, at, said.kept).name} is back.")


def _row(listing: Listing, row_id: int) -> Line:
    row = next((row for row in listing.rows if row.id == row_id), None)
    if row is None:
        raise NotFound("This line is not in the list any more. Open the list anew.")
    return row


_DO: dict[str, Callable[[Listing, Said, int], Done]] = {
    Edit.SAVE: _save,
    Edit.ADD: _add,
    Edit.PICK: _pick,
    Edit.UP: _move,
    Edit.DOWN: _move,
    Edit.REMOVE: _remove,
    Edit.RESTORE: _restore,
}
