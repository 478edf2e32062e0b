"""What the catalog's pages need, gathered with a constant number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from portal.catalog import presenters, queries
from portal.catalog.asked import MOST, Search
from portal.catalog.favorites import favorites_among
from portal.catalog.forms import SearchForm, quantity_name
from portal.catalog.listed import Listed
from portal.catalog.rules import Shelf
from portal.catalog.search import find
from portal.catalog.tiers import terms
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.errors import NotAllowed, NotFound
from portal.foundation.paging import Page
from portal.foundation.together import read_together
from portal.masterdata.listings import documents_of_item
from portal.masterdata.models import Location
from portal.masterdata.queries import get_item, locations_for

PER_PAGE = 25
WHILE_TYPING = 8
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Place:
    """The location a page is about, and those a person may switch to."""

    location: Location
    choices: list[Location]


def choose_place(
    actor: Actor, permission: Permission, asked: int | None, remembered: Sequence[int | None]
) -> Place:
    """The location asked for, else the first remembered one that is still theirs, else their first.

    Raises NotFound for a location that is not theirs, NotAllowed when there is none.
    """
    choices = locations_for(actor, permission)
    if not choices:
        raise NotAllowed("Your role covers no location yet. Ask your administrator to give you one.")
    by_id = {place.id: place for place in choices}
    if asked is not None and asked not in by_id:
        raise NotFound("This location does not exist, is closed, or is not one of yours.")
    known = (by_id[one] for one in (asked, *remembered) if one is not None and one in by_id)
    return Place(next(known, choices[0]), choices)


def guide(
    actor: Actor,
    location: Location,
    typed: Mapping[int, str],
    errors: Mapping[int, str],
    *,
    fill: bool = False,
) -> dict[str, Any]:
    """The order guides of a location; `fill` puts the suggestion into every empty box."""
    lines = queries.guide_of(location.id)
    item_ids = {line.item_id for line in lines}
    day = clock.today(location.facility.time_zone)
    offers = queries.priced(queries.offers_of(item_ids), day)
    shelves = queries.shelves(actor, location.id, item_ids, usage=True)
    shown = presenters.guides(lines, offers, shelves, presenters.Typed(typed, errors, fill=fill))
    rows = [row for one in shown for row in one.rows]
    return {
        "guides": shown,
        "suggestions": sum(1 for row in rows if row.offer is not None and row.offer.suggested),
        "place": location,
    }


def boxes(guides: Sequence[presenters.Guide]) -> dict[str, str]:
    """The items of a guide by the name of their quantity box."""
    rows = [row for guide in guides for row in guide.rows if row.offer is not None]
    return {quantity_name(row.offer.id): row.name for row in rows if row.offer is not None}


@dataclass(frozen=True)
class Results(Page[Listed]):
    """A page of offers; only the first MOST can be paged through."""

    @property
    def pages(self) -> int:
        """How many pages there are to see."""
        return min(super().pages, MOST // self.per_page)


def search(actor: Actor, location: Location, form: SearchForm, number: int) -> dict[str, Any]:
    """One page of results with the filters that fit them."""
    day = clock.today(location.facility.time_zone)
    number = max(1, number)
    here = queries.here(location.id, day)
    found, offers = find(form.search(), here, number=number, per_page=PER_PAGE)
    form.offer_facets(found)
    facts = queries.shelf_facts(actor, location.id, set(found.item_ids))
    marked = favorites_among(actor, found.item_ids)
    known = read_together(marked, *facts)
    shelves = queries.shelves_of(found.item_ids, (fact for read in facts for fact in known[read]))
    return {
        "favorites": known[marked],
        "page": Results(offers, number, found.total, PER_PAGE),
        "rows": [presenters.listed_row(one, shelves[one.item_id]) for one in offers],
        "place": location,
        "found": found,
        "may_request": _may_request(actor, location),
    }


def results(location: Location, words: str) -> list[presenters.OfferRow]:
    """The best few matches, while somebody is still typing."""
    day = clock.today(location.facility.time_zone)
    _, offers = find(Search(words), queries.here(location.id, day), number=1, per_page=WHILE_TYPING)
    return [presenters.listed_row(one, Shelf(one.item_id)) for one in offers]


def item(actor: Actor, location: Location, item_id: int) -> dict[str, Any]:
    """An item with its offers side by side, contract prices, substitutes and what stands here."""
    shown = get_item(actor, item_id)
    day = clock.today(location.facility.time_zone)
    substitutes = queries.substitutes_of(item_id)
    item_ids = {item_id, *(other.id for other, _ in substitutes)}
    shelves = queries.shelves(actor, location.id, item_ids)
    offers = queries.priced(queries.offers_of(item_ids), day, Decimal(1))
    rows = presenters.offer_rows([one for one in offers if one.offer.item_id == item_id], shelves[item_id])
    prices = presenters.contract_prices(queries.contract_lines_of(item_id, day), day)
    return {
        "item": shown,
        "status": presenters.STATUS_OF_ITEM.get(shown.lifecycle),
        "offers": rows,
        "prices": prices,
        "terms": terms(rows, prices),
        "facts": presenters.facts(shown, shelves[item_id]),
        "packaging": presenters.packaging(shown),
        "substitutes": presenters.substitutes(shown, substitutes, offers, shelves),
        "documents": documents_of_item(item_id),
        "is_favorite": item_id in favorites_among(actor, [item_id]).now(),
        "chart": presenters.usage_chart(queries.used_by_month(location.id, item_id, clock.now() - YEAR), day),
        "place": location,
        "may_request": _may_request(actor, location),
    }


def _may_request(actor: Actor, location: Location) -> bool:
    return actor.can(Permission.REQUEST, facility_id=location.facility_id)
