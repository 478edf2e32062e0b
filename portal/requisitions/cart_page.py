"""What the cart's page shows: lines with their shelf and contract, the money, and the checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from portal.budgets.presenters import LABELS as TERMS
from portal.budgets.presenters import TONES
from portal.budgets.rules import Term
from portal.catalog import queries as catalog
from portal.catalog.presenters import par_in_words, refusal_of
from portal.catalog.queries import PricedOffer
from portal.catalog.rules import Shelf, pack
from portal.foundation.access import Actor
from portal.foundation.db import found
from portal.foundation.errors import Conflict
from portal.foundation.filters import day, unit_price
from portal.foundation.quantity import plain
from portal.masterdata.models import Location
from portal.requisitions import checks, presenters, queries, services
from portal.requisitions.checks import BudgetFacts, CartFacts, Check, LineFacts
from portal.requisitions.forms import CartForm, cart_form, line_name, name_errors, row_id
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import CheckOutcome
from portal.requisitions.services import Edited


@dataclass(frozen=True)
class Removal:
    """A line that is taken out, and how it is put back."""

    line_id: int
    offer_id: int
    quantity: Decimal

    @property
    def arguments(self) -> dict[str, str]:
        """What the cart's address says of it, so that the page can offer to put it back."""
        return {"removed": str(self.offer_id), "quantity": plain(self.quantity)}


def removal(cart: Requisition, line_id: str | None) -> Removal | None:
    """The line a button takes out; None when no button did, or it is out already."""
    found = (line for line in cart.lines if str(line.id) == line_id)
    return next((Removal(line.id, line.offer_id, line.quantity) for line in found), None)


def removed(arguments: Mapping[str, str]) -> dict[str, Any] | None:
    """What was just taken out, if the address says so."""
    if not {"removed", "quantity"} <= set(arguments):
        return None
    shown = offer(row_id(arguments["removed"], "item"))
    return {**shown, "quantity": arguments["quantity"]}


def offer(offer_id: int) -> dict[str, Any]:
    """An offer in a few words; raises NotFound."""
    shown = found(next(iter(catalog.find_offers([offer_id])), None), "item")
    words = pack(shown.uom, shown.factor, shown.item.base_uom)
    return {"id": shown.id, "name": shown.item.name, "uom": shown.uom, "pack": words}


def saved(actor: Actor, cart: Requisition, taken_out: Removal | None) -> tuple[CartForm, int]:
    """The form as sent, after keeping it; and the status to answer with when it was refused."""
    form = cart_form([line.id for line in cart.lines])
    if not form.validate():
        return form, 422
    quantities = form.quantities() | ({taken_out.line_id: Decimal()} if taken_out else {})
    edited = Edited(quantities, form.need_by.data, form.note.data or "")
    try:
        with form.accepting():
            services.save(actor, cart.id, edited, seen_version=form.seen_version())
    except Conflict as error:
        form.form_errors.append(str(error))
        return form, 409
    return form, 422


def context(actor: Actor, location: Location, form: CartForm | None = None) -> dict[str, Any]:
    """The values of the template; `form` is the one that was refused, with what was typed."""
    cart = queries.cart_of(actor, location.id)
    others = [(place, count) for place, count in queries.carts_of(actor) if place.id != location.id]
    if cart is None or not cart.lines:
        return {"place": location, "cart": None, "others": others}
    facts = services.facts_of(actor, cart)
    results = checks.check(facts)
    item_ids = {line.item_id for line in cart.lines}
    shelves = catalog.shelves(actor, location.id, item_ids)
    offers = catalog.priced(catalog.offers_of(item_ids), facts.today)
    form = form or _form_of(cart)
    form.version.data, form.total.data = str(cart.version), str(facts.total)
    beside = Beside(offers, form, results)
    lines = [
        _line(line, fact, shelves[line.item_id], beside)
        for line, fact in zip(cart.lines, facts.lines, strict=True)
    ]
    name_errors(form, {line.box: line.name for line in lines})
    return {
        "place": location,
        "cart": cart,
        "others": others,
        "form": form,
        "today": facts.today,
        "lines": lines,
        "total": facts.total,
        "budgets": [_budget(budget) for budget in facts.budgets if budget.balance is not None],
        "checks": presenters.grouped(_said(results, facts)),
        "is_kept": False,
        "is_blocked": checks.worst(results) is CheckOutcome.BLOCK,
    }


def _form_of(cart: Requisition) -> CartForm:
    line_ids = [line.id for line in cart.lines]
    return cart_form(line_ids, formdata=None, data={"need_by": cart.need_by, "note": cart.note})


def _said(results: Sequence[Check], facts: CartFacts) -> list[presenters.Said]:
    items = {line.number: line.item for line in facts.lines}
    return [
        presenters.Said(one.rule, one.outcome, one.sentence, one.evidence, items.get(one.line, ""))
        for one in results
    ]


@dataclass(frozen=True)
class Beside:
    """What a line is compared with: other offers, what was typed, what the checks say."""

    offers: Sequence[PricedOffer]
    form: CartForm
    results: Sequence[Check]


@dataclass(frozen=True)
class CartLine:
    """A line of the cart with what it means."""

    id: int
    item_id: int
    name: str
    code: str
    supplier: str
    pack: str
    uom: str
    box: str
    typed: str
    error: str
    price: Decimal
    amount: Decimal
    contract: str
    contract_ends: str
    on_hand: str
    par: str
    on_order: str
    cheaper: str
    tone: str


def _line(line: RequisitionLine, fact: LineFacts, shelf: Shelf, beside: Beside) -> CartLine:
    base = line.item.base_uom
    field = beside.form.box(line.id)
    worst = checks.worst([one for one in beside.results if one.line == line.line_number])
    return CartLine(
        id=line.id,
        item_id=line.item_id,
        name=line.item.name,
        code=line.item.code,
        supplier=line.offer.supplier.name,
        pack=fact.pack,
        uom=line.uom,
        box=line_name(line.id),
        typed=field.raw_data[0] if field is not None and field.raw_data else plain(line.quantity),
        error=str(field.errors[0]) if field is not None and field.errors else "",
        price=fact.unit_price,
        amount=fact.amount,
        contract=fact.contract_in_words,
        contract_ends=f"until {day(fact.contract_ends)}" if fact.contract_ends else "",
        on_hand=f"{plain(shelf.on_hand)} {base}",
        par=par_in_words(shelf),
        on_order=_on_order(shelf, base),
        cheaper=_cheaper(line, fact, beside.offers),
        tone={CheckOutcome.BLOCK: "danger", CheckOutcome.WARN: "warning"}.get(worst, ""),
    )


def _on_order(shelf: Shelf, base_uom: str) -> str:
    if not shelf.on_order:
        return "nothing"
    expected = f", expected {day(shelf.expected_on)}" if shelf.expected_on else ""
    return f"{plain(shelf.on_order)} {base_uom}{expected}"


def _cheaper(line: RequisitionLine, fact: LineFacts, offers: Sequence[PricedOffer]) -> str:
    """The offer of the same item on contract with the lowest price of a base unit, if it is lower."""
    present = fact.unit_price / line.offer.factor
    rivals = [
        one
        for one in offers
        if one.offer.item_id == line.item_id
        and one.contract_line is not None
        and one.each_price < present
        and not refusal_of(one)
    ]
    if not rivals:
        return ""
    best = min(rivals, key=lambda one: (one.each_price, one.offer.id))
    offer = best.offer
    price = unit_price(best.each_price.quantize(Decimal("0.0001")), fact.currency)
    base_uom = line.item.base_uom
    return f"{pack(offer.uom, offer.factor, base_uom)} from {offer.supplier.name}: {price} per {base_uom}"


def _budget(facts: BudgetFacts) -> dict[str, Any]:
    assert facts.balance is not None, "only cost centers with a budget have a bar"
    parts = [
        {"label": TERMS[term], "value": facts.balance.held(term), "tone": TONES[term]}
        for term in (Term.INVOICED, Term.ORDERED, Term.REQUESTED)
    ]
    return {
        "id": facts.budget_id,
        "label": f"Cost center {facts.cost_center}",
        "amount": facts.balance.budget,
        "parts": [*parts, {"label": "This cart", "value": facts.asked, "tone": "accent"}],
        "left": facts.left,
        "currency": facts.currency,
    }
