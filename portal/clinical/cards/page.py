"""What the pages of preference cards and favorites show."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from portal.clinical.cards import queries as card_queries
from portal.clinical.cards import services as card_services
from portal.clinical.cards.forms import ListForm, cell, list_form
from portal.clinical.cards.queries import CardRow, Line, Listing
from portal.clinical.cards.rules import Edit
from portal.clinical.cards.services import Done
from portal.clinical.care import presenters as present
from portal.clinical.care import queries as care_queries
from portal.clinical.care.queries import MOST_FAVORITES
from portal.clinical.care.rules import amount, unit_word
from portal.clinical.models import PreferenceCard, PreferenceLine
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.masterdata.models import Item, Location
from portal.orders.forms import row_number

CODE = re.compile(r"[\w-]{1,80}", re.ASCII)
MANY = Decimal(2)


def case_code(text: str | None) -> str:
    """The case to go back to, "" when one did not come from one."""
    return text if text and CODE.fullmatch(text) else ""


def overview(place: Location) -> dict[str, Any]:
    """The procedures of a place, with the cards and favorites it has for each."""
    cards = card_queries.cards_at(place.id)
    counts = card_queries.favorite_counts(place.id)
    names = card_queries.procedures_of(place.id) | {
        one.card.procedure_code: one.card.procedure_name for one in cards
    }
    codes = sorted({*names, *counts} - {""}, key=lambda code: (names.get(code, code), code))
    rows = [
        {
            "code": code,
            "name": names.get(code, code),
            "cards": [_card_row(one) for one in cards if one.card.procedure_code == code],
            "favorites": _favorites(counts.get(code, 0)),
        }
        for code in codes
    ]
    return {"place": place, "rows": rows, "always": _favorites(counts.get("", 0))}


def _card_row(one: CardRow) -> dict[str, Any]:
    count = f"{one.items} {'item' if one.items == 1 else 'items'}"
    where = "" if one.card.location_id else "all places"
    return {
        "id": one.card.id,
        "label": one.card.practitioner or "For everybody",
        "note": ", ".join(filter(None, (count, where))),
    }


def _favorites(count: int) -> str:
    return f"{count} {'favorite' if count == 1 else 'favorites'}" if count else "Choose favorites"


def card(
    actor: Actor, card_id: int, form: ListForm | None, done: Done, sent: Mapping[str, str]
) -> dict[str, Any]:
    """The list of a preference card; raises NotFound, or NotAllowed for a place elsewhere."""
    listing = card_queries.card(card_id)
    card_services.require_view(actor, listing.place)
    known = listing.subject
    assert isinstance(known, PreferenceCard), "a card was asked for"
    whom = f"as {known.practitioner} likes it" if known.practitioner else "for everybody"
    where = listing.place.name if listing.place else "all places"
    return {
        "title": known.procedure_name,
        "text": f"Preference card {whom}, {known.procedure_code}, {where}.",
        "card_id": card_id,
        "is_card": True,
        **_list(actor, listing, form, done, sent),
    }


def favorites(
    actor: Actor, place: Location, code: str, form: ListForm | None, done: Done, sent: Mapping[str, str]
) -> dict[str, Any]:
    """The favorites of a place."""
    listing = card_queries.favorites(place, code)
    name = card_queries.procedures_of(place.id).get(code, code)
    return {
        "title": f"Favorites in {name}" if code else "Favorites in every procedure",
        "text": f"What {place.name} uses often. The page of a case shows the first {MOST_FAVORITES}.",
        "card_id": None,
        "is_card": False,
        **_list(actor, listing, form, done, sent),
    }


def _list(
    actor: Actor, listing: Listing, form: ListForm | None, done: Done, sent: Mapping[str, str]
) -> dict[str, Any]:
    form = form or list_form(listing.rows)
    here = listing.place.id if listing.place else 0
    on_hand = care_queries.on_hand(here, [item.id for item in done.found]) if done.found and here else {}
    return {
        "form": form,
        "may_change": card_services.may_change(actor, listing.place),
        "is_everywhere": listing.place is None,
        "rows": [_row(row, form) for row in listing.rows],
        "steps": _steps(listing.rows),
        "found": present.tiles(done.found, on_hand),
        "removed": _removed(sent),
        "back": case_code(sent.get("case")),
    }


def _steps(rows: Sequence[Line]) -> list[dict[str, Any]]:
    """The buttons of a line; at an end of the list it cannot be moved on."""
    first, last = (rows[0].id, rows[-1].id) if rows else (None, None)
    return [
        {"do": Edit.UP, "label": "Move up", "icon": "arrow-up", "ends_at": first},
        {"do": Edit.DOWN, "label": "Move down", "icon": "arrow-down", "ends_at": last},
        {"do": Edit.REMOVE, "label": "Remove", "icon": "trash", "ends_at": None},
    ]


def _row(row: Line, form: ListForm) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": row.id, "name": row.item.name, "code": row.item.code}
    if isinstance(row, PreferenceLine):
        shown |= {
            "open": cell(form, f"open-{row.id}"),
            "hold": cell(form, f"hold-{row.id}"),
            "unit": unit_word(row.item.base_uom, MANY),
            "words": {
                "open": amount(row.to_open, row.item.base_uom),
                "hold": amount(row.to_hold, row.item.base_uom),
            },
        }
    return shown


def _removed(sent: Mapping[str, str]) -> dict[str, Any] | None:
    """What the address says was taken out a moment ago, to be put back."""
    item_id = row_number(sent.get("removed"))
    item = db.session.get(Item, item_id) if item_id else None
    if item is None:
        return None
    fields = {"do": f"restore:{item.id}"} | {name: sent.get(name, "") for name in ("open", "hold", "at")}
    return {"name": item.name, "fields": fields}
