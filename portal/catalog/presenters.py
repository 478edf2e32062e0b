"""The order guide, search results and an item's offers as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from integrations.canonical import Lifecycle
from portal.catalog.listed import Listed
from portal.catalog.models import OrderGuideLine
from portal.catalog.queries import PricedOffer
from portal.catalog.rules import Shelf, pack, suggested_packs
from portal.foundation.filters import day as in_words
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.masterdata.models import ContractLine, Item

ON_CONTRACT = Status("Contract", "success", "file-check")
LIST_PRICE = Status("List price", "neutral", "file-off")
CURRENT = Status("Valid today", "success", "file-check")
FUTURE = Status("Later", "neutral", "clock")
ENDED = Status("Ended", "neutral", "history")
STATUS_OF_ITEM = {
    Lifecycle.BLOCKED: Status("Blocked", "danger", "ban"),
    Lifecycle.DISCONTINUED: Status("Discontinued", "warning", "archive"),
}


@dataclass(frozen=True)
class OfferRow:
    """An offer with its price of the day and what stands on the shelf."""

    id: int
    item_id: int
    name: str
    code: str
    manufacturer: str
    supplier: str
    supplier_part: str
    uom: str
    pack: str
    price: Decimal
    each_price: Decimal | None
    base_uom: str
    price_status: Status
    contract: str
    status: Status | None
    refusal: str
    on_hand: Decimal
    on_order: Decimal
    expected_on: date | None
    last_asked: str
    par: str
    in_cart: str
    suggested: Decimal
    tone: str


def offer_row(priced: PricedOffer, shelf: Shelf) -> OfferRow:
    """The offer as a row of the guide or the item's page."""
    return listed_row(Listed.of(priced), shelf)


def listed_row(one: Listed, shelf: Shelf) -> OfferRow:
    """The same of an offer as the search lists it."""
    refusal = one.refusal
    return OfferRow(
        id=one.id,
        item_id=one.item_id,
        name=one.name,
        code=one.code,
        manufacturer=" ".join(filter(None, (one.manufacturer, one.manufacturer_part))),
        supplier=one.supplier,
        supplier_part=one.supplier_part,
        uom=one.uom,
        pack=pack(one.uom, one.factor, one.base_uom),
        price=one.price,
        each_price=_to_four_decimals(one.price / one.factor) if one.factor != 1 else None,
        base_uom=one.base_uom,
        price_status=ON_CONTRACT if one.contract else LIST_PRICE,
        contract=f"{one.contract} until {in_words(one.ends)}" if one.contract else "No contract today",
        status=STATUS_OF_ITEM.get(one.lifecycle),
        refusal=refusal,
        on_hand=shelf.on_hand,
        on_order=shelf.on_order,
        expected_on=shelf.expected_on,
        last_asked=last_asked(shelf),
        par=par_in_words(shelf),
        in_cart=_in_cart(shelf, one),
        suggested=Decimal() if refusal else suggested_packs(shelf, one.factor),
        tone="warning" if shelf.is_low and not refusal else "",
    )


def refusal_of(priced: PricedOffer) -> str:
    """Why the offer cannot be requested; empty when it can."""
    return Listed.of(priced).refusal


def last_asked(shelf: Shelf) -> str:
    """Last: Nov 3, 2026, by Clinic manager; empty when never."""
    if shelf.last_asked_at is None:
        return ""
    return f"Last: {in_words(shelf.last_asked_at)} by {shelf.last_asked_by}"


def par_of(shelf: Shelf) -> str:
    """12 to 24; empty when no par is set."""
    if shelf.minimum is None or shelf.maximum is None:
        return ""
    return f"{plain(shelf.minimum)} to {plain(shelf.maximum)}"


def par_in_words(shelf: Shelf) -> str:
    """par 12 to 24, or below par 12 to 24; empty when no par is set."""
    par = par_of(shelf)
    return f"{'below par' if shelf.is_low else 'par'} {par}" if par else ""


def _in_cart(shelf: Shelf, one: Listed) -> str:
    packs = shelf.in_cart.get(one.id)
    return f"{plain(packs)} {one.uom}" if packs else ""


def _start(line: ContractLine) -> date:
    return max(line.valid_from, line.contract.valid_from)


def _end(line: ContractLine) -> date:
    return min(line.valid_to, line.contract.valid_to)


def _to_four_decimals(price: Decimal) -> Decimal:
    return price.quantize(Decimal("0.0001"))


# The order guide


@dataclass(frozen=True)
class GuideRow:
    """An item of the order guide; without an offer it cannot be requested."""

    item_id: int
    name: str
    code: str
    offer: OfferRow | None
    typed: str
    error: str
    tone: str


@dataclass(frozen=True)
class Guide:
    """A named guide of the location."""

    name: str
    rows: list[GuideRow]


@dataclass(frozen=True)
class Typed:
    """What stands in the quantity boxes and what is wrong with it, by offer id."""

    quantities: Mapping[int, str]
    errors: Mapping[int, str]
    fill: bool = False

    def in_box(self, offer: OfferRow) -> str:
        """What was typed; else, when asked to fill, what is suggested."""
        filled = plain(offer.suggested) if self.fill and offer.suggested else ""
        return self.quantities.get(offer.id, filled)


def guides(
    lines: Sequence[OrderGuideLine],
    offers: Sequence[PricedOffer],
    shelves: Mapping[int, Shelf],
    typed: Typed,
) -> list[Guide]:
    """The guides of a location by name."""
    best = best_offers(offers)

    def row(line: OrderGuideLine) -> GuideRow:
        chosen = best.get((line.item_id, line.uom))
        offer = offer_row(chosen, shelves[line.item_id]) if chosen else None
        return GuideRow(
            item_id=line.item_id,
            name=line.item.name,
            code=line.item.code,
            offer=offer,
            typed=typed.in_box(offer) if offer else "",
            error=typed.errors.get(offer.id, "") if offer else "",
            tone=offer.tone if offer else "",
        )

    return [
        Guide(name, [row(line) for line in of_name])
        for name, of_name in groupby(lines, key=lambda line: line.name)
    ]


def best_offers(offers: Sequence[PricedOffer]) -> dict[tuple[int, str], PricedOffer]:
    """The offer to request by item and unit: one that can be requested, on contract, at the lowest price."""
    best: dict[tuple[int, str], PricedOffer] = {}
    for priced in sorted(offers, key=_preference):
        best.setdefault((priced.offer.item_id, priced.offer.uom), priced)
    return best


def _preference(priced: PricedOffer) -> tuple[bool, bool, Decimal, int]:
    return (bool(refusal_of(priced)), priced.contract_line is None, priced.unit_price, priced.offer.id)


# The page of an item


def offer_rows(offers: Sequence[PricedOffer], shelf: Shelf) -> list[OfferRow]:
    """The offers of an item, the one to prefer first."""
    ordered = sorted(
        offers, key=lambda priced: (bool(refusal_of(priced)), priced.each_price, priced.offer.id)
    )
    return [offer_row(priced, shelf) for priced in ordered]


@dataclass(frozen=True)
class ContractPrice:
    """A price by contract, from a quantity on."""

    contract: str
    supplier: str
    uom: str
    from_quantity: Decimal
    price: Decimal
    valid_from: date
    valid_to: date
    status: Status
    tone: str


def contract_prices(lines: Sequence[ContractLine], today: date) -> list[ContractPrice]:
    """The contract prices of an item: today's, then those agreed for later, then those that ended."""
    return [
        ContractPrice(
            contract=line.contract.number,
            supplier=line.contract.supplier.name,
            uom=line.uom,
            from_quantity=max(line.minimum_quantity, Decimal(1)),
            price=line.unit_price,
            valid_from=_start(line),
            valid_to=_end(line),
            status=_state_on(line, today),
            tone="" if _state_on(line, today) is CURRENT else "neutral",
        )
        for line in sorted(lines, key=lambda line: _turn(line, today))
    ]


def _state_on(line: ContractLine, today: date) -> Status:
    if _start(line) > today:
        return FUTURE
    return ENDED if _end(line) < today else CURRENT


def _turn(line: ContractLine, today: date) -> tuple[int, int]:
    """Ended ones come last, the latest of them first."""
    turn = (CURRENT, FUTURE, ENDED).index(_state_on(line, today))
    return turn, -_end(line).toordinal() if turn == 2 else 0


@dataclass(frozen=True)
class SubstituteRow:
    """An item that may stand in; `saving` is how much less one base unit costs on contract, None if not."""

    id: int
    name: str
    code: str
    note: str
    each_price: Decimal | None
    base_uom: str
    on_hand: Decimal
    saving: Decimal | None


def substitutes(
    item: Item,
    found: Sequence[tuple[Item, str]],
    offers: Sequence[PricedOffer],
    shelves: Mapping[int, Shelf],
) -> list[SubstituteRow]:
    """Items that may stand in, the greatest saving first, with the best price and what is on hand."""
    cheapest: dict[int, PricedOffer] = {}
    for one in sorted(offers, key=lambda one: (one.each_price, one.contract_line is None)):
        if not refusal_of(one):
            cheapest.setdefault(one.offer.item_id, one)
    own = cheapest.get(item.id)

    def row(other: Item, note: str) -> SubstituteRow:
        best = cheapest.get(other.id)
        return SubstituteRow(
            id=other.id,
            name=other.name,
            code=other.code,
            note=note,
            each_price=_to_four_decimals(best.each_price) if best else None,
            base_uom=other.base_uom,
            on_hand=shelves[other.id].on_hand,
            saving=_saving(own, best) if other.base_uom == item.base_uom else None,
        )

    rows = [row(other, note) for other, note in found]
    return sorted(rows, key=lambda one: -(one.saving or Decimal()))


def _saving(own: PricedOffer | None, other: PricedOffer | None) -> Decimal | None:
    """Only what is on contract counts as a saving."""
    if own is None or other is None or other.contract_line is None:
        return None
    less = _to_four_decimals(own.each_price - other.each_price)
    return less if less > 0 else None


@dataclass(frozen=True)
class Bar:
    """A month of the chart: place and size in its units, and what it says."""

    x: int
    y: int
    height: int
    month: str
    used: Decimal


BAR_STEP = 24
CHART_HEIGHT = 64


def usage_chart(used: Sequence[tuple[date, Decimal]], today: date) -> list[Bar]:
    """The last twelve months, the present one last; empty when nothing was used."""
    by_month = {(month.year, month.month): max(amount, Decimal()) for month, amount in used}
    most = max(by_month.values(), default=Decimal())
    if not most:
        return []
    bars = []
    for place in range(12):
        count = today.year * 12 + today.month - 1 - (11 - place)
        year, month = divmod(count, 12)
        amount = by_month.get((year, month + 1), Decimal())
        height = int(CHART_HEIGHT * amount / most)
        name = f"{date(year, month + 1, 1):%b %Y}"
        bars.append(Bar(place * BAR_STEP, CHART_HEIGHT - height, height, name, amount))
    return bars


def facts(item: Item, shelf: Shelf) -> list[dict[str, Any]]:
    """What identifies the item, and what stands on the shelf."""
    return [
        {"label": "Item number", "value": item.code},
        {"label": "Manufacturer", "value": item.manufacturer},
        {"label": "Manufacturer part", "value": item.manufacturer_part},
        {"label": "Category", "value": item.category},
        {"label": "UNSPSC", "value": item.unspsc},
        {"label": "Tracked by", "value": _tracking(item)},
        {"label": "On hand here", "value": f"{plain(shelf.on_hand)} {item.base_uom}"},
        {"label": "On order for here", "value": f"{plain(shelf.on_order)} {item.base_uom}"},
        {"label": "Par here", "value": f"{par_of(shelf)} {item.base_uom}" if par_of(shelf) else "not set"},
        {"label": "Requested here", "value": last_asked(shelf) or "never"},
    ]


def _tracking(item: Item) -> str:
    kinds = {"lot": item.lot_tracked, "serial number": item.serial_tracked, "expiry": item.expiry_tracked}
    return ", ".join(kind for kind, tracked in kinds.items() if tracked) or "quantity only"


def packaging(item: Item) -> list[dict[str, str]]:
    """The packs of an item with their barcodes, the smallest first."""
    return [
        {"label": pack(level.uom, level.factor, item.base_uom), "value": level.gtin or "no barcode"}
        for level in sorted(item.packaging, key=lambda level: level.factor)
    ]
