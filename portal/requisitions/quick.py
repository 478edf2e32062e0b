"""Filling a cart by codes: one typed or scanned, or many pasted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.catalog import queries as catalog
from portal.catalog.coding import Meaning, meanings
from portal.catalog.models import Offer
from portal.catalog.page import results
from portal.catalog.presenters import OfferRow, best_offers, refusal_of
from portal.catalog.queries import PricedOffer
from portal.foundation.access import Actor
from portal.foundation.errors import Invalid
from portal.requisitions import services
from portal.requisitions.edits import LineEdit, ShareEdit
from portal.requisitions.filling import fill
from portal.requisitions.models import RequisitionLine
from portal.requisitions.pasting import Row, rows_of
from portal.requisitions.rules import MOST_LINES, MOST_QUANTITY, TOO_MANY, SplitBy

MOST_ROWS = MOST_LINES
LONGEST_PASTE = 50_000
FEWEST_LETTERS = 2


@dataclass(frozen=True)
class Refused:
    """A pasted row that could not be added, and why."""

    number: int
    text: str
    sentence: str


@dataclass(frozen=True)
class Pasted:
    """What came of pasted rows."""

    added: int
    refused: Sequence[Refused]
    said: Sequence[str] = ()  # what is as usual, since it could not be as pasted


def add_code(actor: Actor, location_id: int, code: str, quantity: Decimal) -> RequisitionLine:
    """Puts packs of what a code means into the cart; Invalid (code) when that is nothing or several items."""
    location = services.requestable(actor, location_id)
    offer = _chosen(location_id, {code: meanings([code])[code]}, services.today_at(location))[code]
    if isinstance(offer, str):
        raise Invalid(offer, field="code")
    return services.add(actor, location_id, offer.id, quantity)


def suggested(actor: Actor, location_id: int, typed: str) -> list[OfferRow]:
    """The items that match what was typed so far, each with the offer the search puts first."""
    location = services.requestable(actor, location_id)
    if len(typed.strip()) < FEWEST_LETTERS:
        return []
    rows: dict[int, OfferRow] = {}
    for row in results(location, typed):
        rows.setdefault(row.item_id, row)
    return list(rows.values())


def paste(actor: Actor, location_id: int, text: str) -> Pasted:
    """Puts every row that can be read into the cart; says of each other row why not."""
    rows = rows_of(text[:LONGEST_PASTE])
    if len(rows) > MOST_ROWS or len(text) > LONGEST_PASTE:
        raise Invalid(f"Paste at most {MOST_ROWS} rows at once.", field="rows")
    location = services.requestable(actor, location_id)
    chosen = _chosen(location_id, meanings({row.code for row in rows}), services.today_at(location))
    wanted: dict[int, Decimal] = {}
    refused, packs = [], []
    for row in rows:
        offer = chosen[row.code]
        problem = row.problem or (offer if isinstance(offer, str) else _too_much(row, offer, wanted))
        if problem or isinstance(offer, str) or row.quantity is None:
            refused.append(Refused(row.number, row.text, problem))
        else:
            wanted[offer.id] = wanted.get(offer.id, Decimal()) + row.quantity
            packs.append(_edit(row, offer, row.quantity))
    said: Sequence[str] = ()
    if packs:
        said = fill(actor, services.locked_cart(actor, services.cart(actor, location_id).id), packs)
    return Pasted(len(packs), refused, said)


def _edit(row: Row, offer: Offer, quantity: Decimal) -> LineEdit:
    return LineEdit(
        quantity=quantity,
        offer_id=offer.id,
        ship_to=row.place,
        cost_center=row.center,
        gl_account=row.account,
        split_by=SplitBy.PERCENT if row.shares else None,
        shares=tuple(
            ShareEdit(number, center, row.account, part) for number, (center, part) in enumerate(row.shares)
        ),
    )


def _too_much(row: Row, offer: Offer, wanted: dict[int, Decimal]) -> str:
    if wanted.get(offer.id, Decimal()) + (row.quantity or Decimal()) > MOST_QUANTITY:
        return TOO_MANY
    return ""


def _chosen(location_id: int, known: dict[str, Meaning], today: date) -> dict[str, Offer | str]:
    """The offer each code means here, or why there is none."""
    guide = {(line.item_id, line.uom) for line in catalog.guide_of(location_id)}
    offers = {one.id: one for meaning in known.values() for one in meaning.offers}
    priced = {one.offer.id: one for one in catalog.priced(list(offers.values()), today)}
    return {
        code: _choice(code, meaning, [priced[one.id] for one in meaning.offers], guide)
        for code, meaning in known.items()
    }


def _choice(
    code: str, meaning: Meaning, priced: Sequence[PricedOffer], guide: set[tuple[int, str]]
) -> Offer | str:
    items = meaning.item_names
    if not items:
        return f"No item that a supplier offers has the code “{code[:60]}”. Look it up in the catalog."
    if len(items) > 1:
        return f"“{code[:60]}” means {len(items)} items: {'; '.join(items[:4])}. Use the item number."
    best = min(
        best_offers(priced).values(),
        key=lambda one: (
            bool(refusal_of(one)),
            (one.offer.item_id, one.offer.uom) not in guide,
            one.contract_line is None,
            one.each_price,
            one.offer.id,
        ),
    )
    refusal = refusal_of(best)
    return f"{best.offer.item.name} cannot be requested now. {refusal}" if refusal else best.offer
