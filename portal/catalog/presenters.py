"""The order guide, search results and an item's offers as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from integrations.canonical import Lifecycle
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
    par: str
    in_cart: str
    suggested: Decimal
    tone: str


def offer_row(priced: PricedOffer, shelf: Shelf) -> OfferRow:
    """The offer as a row of the guide, the search or the item's page."""
    offer, line = priced.offer, priced.contract_line
    item = offer.item
    refusal = refusal_of(priced)
    return OfferRow(
        id=offer.id,
        item_id=item.id,
        name=item.name,
        code=item.code,
        manufacturer=" ".join(filter(None, (item.manufacturer, item.manufacturer_part))),
        supplier=offer.supplier.name,
        supplier_part=offer.supplier_part,
        uom=offer.uom,
        pack=pack(offer.uom, offer.factor, item.base_uom),
        price=priced.unit_price,
        each_price=_to_four_decimals(priced.each_price) if offer.factor != 1 else None,
        base_uom=item.base_uom,
        price_status=ON_CONTRACT if line else LIST_PRICE,
        contract=f"{line.contract.number} until {in_words(_end(line))}" if line else "No contract today",
        status=STATUS_OF_ITEM.get(item.lifecycle),
        refusal=refusal,
        on_hand=shelf.on_hand,
        on_order=shelf.on_order,
        par=par_in_words(shelf),
        in_cart=_in_cart(shelf, priced),
        suggested=Decimal() if refusal else suggested_packs(shelf, offer.factor),
        tone="warning" if shelf.is_low and not refusal else "",
    )


def refusal_of(priced: PricedOffer) -> str:
    """Why the offer cannot be requested; empty when it can."""
    offer = priced.offer
    if offer.item.lifecycle is not Lifecycle.ACTIVE:
        return f"{offer.item.lifecycle.value.capitalize()}: choose a substitute."
    if not offer.active:
        return "No longer offered."
    if offer.supplier.blocked:
        return f"{offer.supplier.name} is blocked for new orders."
    return ""


def par_of(shelf: Shelf) -> str:
    """12 to 24; empty when no par is set."""
    if shelf.minimum is None or shelf.maximum is None:
        return ""
    return f"{plain(shelf.minimum)} to {plain(shelf.maximum)}"


def par_in_words(shelf: Shelf) -> str:
    """par 12 to 24, or below par 12 to 24; empty when no par is set."""
    par = par_of(shelf)
    return f"{'below par' if shelf.is_low else 'par'} {par}" if par else ""


def _in_cart(shelf: Shelf, priced: PricedOffer) -> str:
    packs = shelf.in_cart.get(priced.offer.id)
    return f"{plain(packs)} {priced.offer.uom}" if packs else ""


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
    """The contract prices of an item, those that hold today first, then what is agreed for later."""
    return [
        ContractPrice(
            contract=line.contract.number,
            supplier=line.contract.supplier.name,
            uom=line.uom,
            from_quantity=max(line.minimum_quantity, Decimal(1)),
            price=line.unit_price,
            valid_from=_start(line),
            valid_to=_end(line),
            status=FUTURE if _start(line) > today else CURRENT,
            tone="neutral" if _start(line) > today else "",
        )
        for line in sorted(lines, key=lambda line: _start(line) > today)
    ]


def substitutes(
    found: Sequence[tuple[Item, str]], offers: Sequence[PricedOffer], shelves: Mapping[int, Shelf]
) -> list[dict[str, Any]]:
    """Items that may stand in, with the best price of one base unit and what is on hand."""
    cheapest: dict[int, Decimal] = {}
    for one in offers:
        if not refusal_of(one):
            known = cheapest.get(one.offer.item_id, one.each_price)
            cheapest[one.offer.item_id] = min(known, one.each_price)
    return [
        {
            "id": item.id,
            "name": item.name,
            "code": item.code,
            "note": note,
            "each_price": _to_four_decimals(cheapest[item.id]) if item.id in cheapest else None,
            "base_uom": item.base_uom,
            "on_hand": shelves[item.id].on_hand,
        }
        for item, note in found
    ]


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
