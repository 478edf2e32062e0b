"""What the cart's page shows: its lines, the money and the checks, and the other carts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from portal.budgets.presenters import LABELS as TERMS
from portal.budgets.presenters import TONES
from portal.budgets.rules import Term
from portal.catalog import queries as catalog
from portal.catalog.rules import pack
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import found
from portal.foundation.errors import Conflict
from portal.foundation.quantity import plain
from portal.masterdata.models import Location
from portal.requisitions import (
    cart_lines,
    carts,
    charging,
    checks,
    editing,
    queries,
    said,
    services,
    shipping,
)
from portal.requisitions.cart_forms import (
    BackForm,
    CartForm,
    HandOverForm,
    NameForm,
    PasteForm,
    QuickForm,
    RenameForm,
    cart_form,
    names_of_boxes,
)
from portal.requisitions.checks import BudgetFacts
from portal.requisitions.edits import Edited
from portal.requisitions.forms import name_errors, row_id
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import CheckOutcome


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


def removed(actor: Actor, arguments: Mapping[str, str]) -> dict[str, Any] | None:
    """What was just taken out or deleted, if the address says so."""
    if "deleted" in arguments:
        cart = queries.own(actor, row_id(arguments["deleted"], "cart"))
        return {"cart_id": cart.id, "name": cart.name or carts.UNNAMED} if cart.removed_at else None
    if not {"removed", "quantity"} <= set(arguments):
        return None
    shown = offer(row_id(arguments["removed"], "item"))
    return {**shown, "quantity": arguments["quantity"]}


def offer(offer_id: int) -> dict[str, Any]:
    """An offer in a few words; raises NotFound."""
    shown = found(next(iter(catalog.find_offers([offer_id])), None), "item")
    words = pack(shown.uom, shown.factor, shown.item.base_uom)
    return {"id": shown.id, "name": shown.item.name, "uom": shown.uom, "pack": words}


@dataclass(frozen=True)
class Pressed:
    """What a button of the cart does beside keeping it.

    `fill` puts the suggestions into quantities that were left empty; `swap` takes the cheaper offer for the
    line with this id.
    """

    removal: Removal | None = None
    fill: bool = False
    swap: str = ""


NOTHING = Pressed()


def saved(actor: Actor, cart: Requisition, pressed: Pressed = NOTHING) -> tuple[CartForm, int]:
    """The form as sent, after keeping it; and the status to answer with when it was refused."""
    lines = list(cart.lines)
    form = cart_form([line.id for line in lines], _shared(lines))
    if not form.validate():
        return form, 422
    edited = _edited(actor, cart, form, pressed)
    try:
        with form.accepting():
            editing.save(actor, cart.id, edited, seen_version=form.seen_version())
            carts.choose(actor, cart.id)
    except Conflict as error:
        form.form_errors.append(str(error))
        return form, 409
    return form, 422


def _edited(actor: Actor, cart: Requisition, form: CartForm, pressed: Pressed) -> Edited:
    lines = list(cart.lines)
    if pressed.removal is not None:
        edited = form.edited(lines)
        line_id = pressed.removal.line_id
        edited.lines[line_id] = replace(edited.lines[line_id], quantity=Decimal())
        return edited
    if not pressed.fill and not pressed.swap:
        return form.edited(lines)
    known = cart_lines.beside(actor, cart, services.today_at(cart.location))
    edited = form.edited(lines, {line.id: known.suggested(line) for line in lines} if pressed.fill else None)
    for line in lines:
        if str(line.id) == pressed.swap:
            edited.lines[line.id] = cart_lines.swapped(line, edited.lines[line.id], known.cheaper(line))
    return edited


def context(
    actor: Actor, location: Location, form: CartForm | None = None, cart: Requisition | None = None
) -> dict[str, Any]:
    """The values of the template; `form` is the one of `cart` that was refused, with what was typed."""
    # What a refusal undid is read again.
    cart = queries.cart_of(actor, location.id) if cart is None else queries.own(actor, cart.id)
    shown = {"place": location, "cart": cart, **_around(actor, location, cart)}
    if cart is None or not cart.lines:
        return {**shown, "lines": []}
    return {**shown, **consequences(actor, cart, form)}


def kept(actor: Actor, cart_id: int) -> dict[str, Any]:
    """What follows from the cart as it was just kept."""
    cart = queries.own(actor, cart_id)
    return {"place": cart.location, "saved_at": clock.now(), **consequences(actor, cart)}


def problems(actor: Actor, cart_id: int, form: CartForm) -> list[str]:
    """What keeps the cart from being kept, with the item's name where it is about a line."""
    cart = queries.own(actor, cart_id)
    name_errors(form, names_of_boxes({line.id: line.item.name for line in cart.lines}))
    return [str(error) for errors in form.errors.values() for error in errors]


def _around(actor: Actor, location: Location, cart: Requisition | None) -> dict[str, Any]:
    """The other carts, whoever has them, and the small forms beside the cart."""
    mine = carts.mine(actor)
    present = next((one for one in mine if cart is not None and one.id == cart.id), None)
    hand_over = HandOverForm(formdata=None)
    hand_over.offer_people({one.id: one.name for one in carts.colleagues(actor, location)})
    return {
        "present": present,
        "here": [one for one in mine if one.location.id == location.id and one is not present],
        "elsewhere": [one for one in mine if one.location.id != location.id and one.lines],
        "lent": carts.lent(actor),
        "quick": QuickForm(formdata=None, data={"location": location.id}),
        "paste": PasteForm(formdata=None, data={"location": location.id}),
        "name_form": NameForm(formdata=None),
        "rename_form": RenameForm(formdata=None, data={"name": cart.name if cart else ""}),
        "hand_over": hand_over,
        "back_form": BackForm(formdata=None),
        "refused": (),
    }


def consequences(actor: Actor, cart: Requisition, form: CartForm | None = None) -> dict[str, Any]:
    """The lines with what they mean, the money and the checks."""
    facts = services.facts_of(actor, cart)
    results = checks.check(facts)
    form = form or _form_of(cart)
    form.version.data, form.total.data = str(cart.version), str(facts.total)
    lines = cart_lines.lines(cart, facts, results, form, cart_lines.beside(actor, cart, facts.today))
    name_errors(form, names_of_boxes({line.id: line.name for line in lines}))
    return {
        "cart": cart,
        "form": form,
        "today": facts.today,
        "lines": lines,
        **_dimensions(actor, cart, facts.today),
        "total": facts.total,
        "budgets": [_budget(budget) for budget in facts.budgets if budget.balance is not None],
        "checks": said.grouped(said.now(results, facts)),
        "is_kept": False,
        "is_over_budget": any(budget.is_exceeded for budget in facts.budgets),
        "is_blocked": checks.worst(results) is CheckOutcome.BLOCK,
        "deciders": queries.expected_approvals(cart),
    }


def _dimensions(actor: Actor, cart: Requisition, today: date) -> dict[str, list[str]]:
    """What the boxes of cost center, GL account and place offer."""
    centers = charging.cost_centers(actor, cart, today)
    accounts = charging.gl_accounts()
    return {
        "centers": [charging.in_words(one) for one in centers],
        "accounts": [charging.in_words(one) for one in accounts],
        "places": [shipping.in_words(one, cart) for one in shipping.places_for(actor, cart)],
    }


def _form_of(cart: Requisition) -> CartForm:
    line_ids, shared = [line.id for line in cart.lines], _shared(cart.lines)
    names = ("need_by", "note", "is_rush", "rush_reason", "override_reason")
    kept = {name: getattr(cart, name) for name in names}
    return cart_form(line_ids, shared, formdata=None, data=kept)


def _shared(lines: Sequence[RequisitionLine]) -> set[int]:
    """The lines (by id) that several pay for; the boxes of others are not there yet."""
    return {line.id for line in lines if line.split_by is not None}


def _budget(facts: BudgetFacts) -> dict[str, Any]:
    assert facts.balance is not None, "only cost centers with a budget have a bar"
    parts = [
        {"label": TERMS[term], "value": facts.balance.held(term), "tone": TONES[term]}
        for term in (Term.INVOICED, Term.ORDERED, Term.REQUESTED)
    ]
    return {
        "id": facts.budget_id,
        "label": facts.payer,
        "amount": facts.balance.budget,
        "parts": [*parts, {"label": "This cart", "value": facts.asked, "tone": "accent"}],
        "left": facts.left,
        "currency": facts.currency,
    }
