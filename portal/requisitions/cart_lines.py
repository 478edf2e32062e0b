"""The lines of the cart as its page shows them, each beside its shelf, contract, packs and suggestion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from portal.budgets.models import CostShare
from portal.catalog import queries as catalog
from portal.catalog.presenters import par_in_words, refusal_of
from portal.catalog.queries import PricedOffer
from portal.catalog.rules import Shelf, pack
from portal.foundation.access import Actor
from portal.foundation.filters import day, money, unit_price
from portal.foundation.money import extended
from portal.foundation.quantity import plain, whole_packs
from portal.requisitions import around, charging, checks, shipping, suggesting
from portal.requisitions.cart_forms import MOST_PAYERS, PAYING, CartForm, in_box
from portal.requisitions.checks import CartFacts, Check, LineFacts
from portal.requisitions.edits import LineEdit
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import CheckOutcome, SplitBy

TONES = {CheckOutcome.BLOCK: "danger", CheckOutcome.WARN: "warning"}


@dataclass(frozen=True)
class Cheaper:
    """A pack or supplier of the same item that costs less per base unit.

    `label` is of the button that takes it; none where as many packs as are needed would cost more.
    """

    words: str
    label: str


@dataclass(frozen=True)
class CartLine:
    """A line of the cart with what it means; `errors` and the boxes' names go by kind of box."""

    id: int
    item_id: int
    name: str
    code: str
    supplier: str
    pack: str
    uom: str
    typed: str
    need_by: str
    center: str
    usual_center: str
    account: str
    usual_account: str
    reason: str
    price: Decimal
    amount: Decimal
    contract: str
    contract_ends: str
    on_hand: str
    par: str
    cover: str
    on_order: str
    cheaper: Cheaper | None
    tone: str
    suggested: Decimal
    asks_reason: bool
    offers: dict[str, str] = field(default_factory=dict)
    chosen_offer: str = ""
    place: str = ""
    split: str = ""
    payers: Sequence["PayerRow"] = ()
    is_unfinished: bool = False
    blocks: Sequence[str] = ()
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def charged(self) -> str:
        """What differs from the usual, in a few words."""
        words = (
            f"deliver to {self.place}" if self.place else "",
            ", ".join(one.words for one in self.payers if one.words) if self.split else self.center,
            "" if self.split else self.account,
            f"need by {self.need_by}" if self.need_by else "",
        )
        return " · ".join(filter(None, words))


@dataclass(frozen=True)
class PayerRow:
    """The boxes of one cost center that shares a line; `words` say what it pays, once that is known."""

    center: str
    account: str
    part: str
    words: str
    errors: dict[str, str]


@dataclass(frozen=True)
class Beside:
    """What the lines of a cart are compared with, read at once for all of them."""

    shelves: Mapping[int, Shelf]
    offers: Sequence[PricedOffer]

    def suggested(self, line: RequisitionLine) -> Decimal:
        """Packs that par or usage asks for."""
        return suggesting.suggested(self.shelves[line.id], line.offer.factor)

    def asks_why(self, line: RequisitionLine) -> bool:
        """Whether the quantity differs a lot from that."""
        return suggesting.asks_why(line.quantity, self.shelves[line.id], line.offer.factor)

    def of(self, line: RequisitionLine) -> list[PricedOffer]:
        """The packs and suppliers of the line's item that can be requested, and its own."""
        return [
            one
            for one in self.offers
            if one.offer.item_id == line.item_id and (not refusal_of(one) or one.offer.id == line.offer_id)
        ]

    def cheaper(self, line: RequisitionLine) -> PricedOffer | None:
        """The offer of the same item on contract with the lowest price of a base unit, if it is lower."""
        present = line.unit_price / line.offer.factor
        rivals = (one for one in self.of(line) if one.contract_line is not None and not refusal_of(one))
        best = min(rivals, key=lambda one: (one.each_price, one.offer.id), default=None)
        return best if best is not None and best.each_price < present else None


def beside(actor: Actor, cart: Requisition, today: date) -> Beside:
    """Reads what the lines are compared with."""
    item_ids = {line.item_id for line in cart.lines}
    return Beside(
        shelves=around.shelves_of(actor, cart.lines, usage=True),
        offers=catalog.priced(catalog.offers_of(item_ids), today),
    )


def lines(
    cart: Requisition, facts: CartFacts, results: Sequence[Check], form: CartForm, known: Beside
) -> list[CartLine]:
    """The lines, as typed where the form was refused."""
    return [
        _line(line, fact, [one for one in results if one.line == line.line_number], form, known)
        for line, fact in zip(cart.lines, facts.lines, strict=True)
    ]


def _line(
    line: RequisitionLine, fact: LineFacts, results: Sequence[Check], form: CartForm, known: Beside
) -> CartLine:
    base = line.item.base_uom
    shelf = known.shelves[line.id]
    offers = {str(one.offer.id): _offer_in_words(one, fact.currency) for one in known.of(line)}
    suggested = known.suggested(line)
    return CartLine(
        id=line.id,
        item_id=line.item_id,
        name=line.item.name,
        code=line.item.code,
        supplier=line.offer.supplier.name,
        pack=fact.pack,
        uom=line.uom,
        typed=form.typed("line", line.id, plain(line.quantity)),
        need_by=form.typed("need", line.id, in_box(line.need_by)),
        center=form.typed("center", line.id, charging.in_words(line.cost_center)),
        usual_center=charging.in_words(charging.usual_center(line.requisition, line)),
        account=form.typed("account", line.id, charging.in_words(line.gl_account)),
        usual_account=fact.gl_account or "",
        reason=form.typed("reason", line.id, line.quantity_reason),
        price=fact.unit_price,
        amount=fact.amount,
        contract=fact.contract_in_words,
        contract_ends=f"until {day(fact.contract_ends)}" if fact.contract_ends else "",
        on_hand=f"{plain(shelf.on_hand)} {base}",
        par=par_in_words(shelf),
        cover=suggesting.cover(shelf),
        on_order=_on_order(shelf, base),
        cheaper=_cheaper(line, known.cheaper(line), fact.currency),
        tone=TONES.get(checks.worst(results), ""),
        suggested=suggested,
        asks_reason=known.asks_why(line),
        offers=offers if len(offers) > 1 else {},
        chosen_offer=form.typed("offer", line.id, str(line.offer_id)),
        place=form.typed("place", line.id, shipping.in_words(line.location, line.requisition)),
        split=form.typed("split", line.id, line.split_by or ""),
        payers=_payers(line, fact, form, is_unfinished=_is_unfinished(results)),
        is_unfinished=_is_unfinished(results),
        blocks=[one.sentence for one in results if one.outcome is CheckOutcome.BLOCK],
        errors=form.errors_of(line.id),
    )


def _is_unfinished(results: Sequence[Check]) -> bool:
    """Whether the parts of those who share the line do not make the whole."""
    return any(one.rule == "split" and one.outcome is CheckOutcome.BLOCK for one in results)


def _payers(line: RequisitionLine, fact: LineFacts, form: CartForm, *, is_unfinished: bool) -> list[PayerRow]:
    """A row for each cost center that shares the line, and one more; two at least."""
    if line.split_by is None:
        return []
    usual = "" if line.payers else charging.in_words(charging.usual_center(line.requisition, line))
    kept = [
        _payer(line, row, share, "" if is_unfinished else money(one.amount, fact.currency), form)
        for row, (share, one) in enumerate(zip(line.payers, fact.shares, strict=True))
    ]
    rows = range(len(kept), min(max(len(kept) + 1, 2), MOST_PAYERS))
    return [*kept, *(_payer(line, row, None, "", form, "" if row else usual) for row in rows)]


def _payer(
    line: RequisitionLine, row: int, share: CostShare | None, pays: str, form: CartForm, usual: str = ""
) -> PayerRow:
    center = charging.in_words(share.cost_center) if share else usual
    return PayerRow(
        center=form.typed("payer", line.id, center, row),
        account=form.typed("pays-from", line.id, charging.in_words(share.gl_account) if share else "", row),
        part=form.typed("part", line.id, plain(share.weight) if share and share.weight else "", row),
        words=f"{center}: {pays or _typed_part(line, share)}" if share and share.weight else "",
        errors={kind: form.error_of(kind, line.id, row) for kind in PAYING},
    )


def _typed_part(line: RequisitionLine, share: CostShare) -> str:
    """What was typed, while the parts do not make the whole."""
    if line.split_by is SplitBy.PERCENT:
        return f"{plain(share.weight)} %"
    return money(share.weight, line.requisition.currency)


def _offer_in_words(priced: PricedOffer, currency: str) -> str:
    offer = priced.offer
    words = pack(offer.uom, offer.factor, offer.item.base_uom)
    return f"{words}, {unit_price(priced.unit_price, currency)}, {offer.supplier.name}"


def _on_order(shelf: Shelf, base_uom: str) -> str:
    if not shelf.on_order:
        return "nothing"
    expected = f", expected {day(shelf.expected_on)}" if shelf.expected_on else ""
    return f"{plain(shelf.on_order)} {base_uom}{expected}"


def _cheaper(line: RequisitionLine, best: PricedOffer | None, currency: str) -> Cheaper | None:
    if best is None:
        return None
    offer, base_uom = best.offer, line.item.base_uom
    each = unit_price(best.each_price.quantize(Decimal("0.0001")), currency)
    packs = whole_packs(line.quantity * line.offer.factor, offer.factor)
    cost = extended(packs, best.unit_price)
    label = f"Take {plain(packs)} {offer.uom} for {money(cost, currency)} instead"
    return Cheaper(
        f"{pack(offer.uom, offer.factor, base_uom)} from {offer.supplier.name}, {each} per {base_uom}",
        label if cost <= line.amount else "",
    )


def swapped(line: RequisitionLine, edit: LineEdit, best: PricedOffer | None) -> LineEdit:
    """The line in as many packs of a cheaper offer as hold what was asked for."""
    if best is None:
        return edit
    packs = whole_packs(edit.quantity * line.offer.factor, best.offer.factor)
    return replace(edit, offer_id=best.offer.id, quantity=packs)


def packed(cart: Requisition) -> dict[int, tuple[Decimal, Decimal]]:
    """How many base units one pack of each line (by id) holds, and all of them."""
    return {line.id: (line.offer.factor, line.quantity * line.offer.factor) for line in cart.lines}


def repacked(cart: Requisition, before: Mapping[int, tuple[Decimal, Decimal]]) -> list[str]:
    """Urinary catheter: 1 BX is 10 EA; before it was 9 EA. For each line that has another pack now."""
    return [
        f"{line.item.name}: {plain(line.quantity)} {line.uom} is {plain(line.quantity * line.offer.factor)} "
        f"{line.item.base_uom}; before it was {plain(before[line.id][1])} {line.item.base_uom}."
        for line in cart.lines
        if line.id in before and line.offer.factor != before[line.id][0]
    ]


def in_cart(line: RequisitionLine) -> str:
    """3 BX of gloves in all"""
    return f"{plain(line.quantity)} {line.uom} of {line.item.name}"


def added(count: int) -> str:
    """What was put into the cart."""
    return f"{count} item{'s' if count != 1 else ''} added to the cart."
