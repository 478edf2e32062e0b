"""The page of the cart: kept while typing, filled by codes and by pasting, submitted."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place, switch_of
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.requisitions import cart_lines, cart_page, queries, quick, submitting
from portal.requisitions.blueprint import blueprint
from portal.requisitions.cart_forms import CartForm, PasteForm, QuickForm
from portal.requisitions.cart_page import Pressed
from portal.requisitions.forms import row_id
from portal.requisitions.models import Requisition
from portal.requisitions.quick import Pasted
from portal.requisitions.rules import RequisitionState


@blueprint.get("/cart")
@requires(Permission.REQUEST)
def cart() -> ResponseReturnValue:
    """The cart a person fills for a location, with what submitting it would mean."""
    return _page(removed=cart_page.removed(actor(), request.args), is_filling="fill" in request.args)


@blueprint.post("/cart/<int:requisition_id>/save")
@requires(Permission.REQUEST)
def save(requisition_id: int) -> ResponseReturnValue:
    """Keeps what was changed in the cart; buttons also take a line out, or fill what was left empty."""
    requisition = queries.own(actor(), requisition_id)
    if requisition.state is not RequisitionState.DRAFT:
        return _to_submitted(requisition)
    removal = cart_page.removal(requisition, request.form.get("remove"))
    pressed = Pressed(removal, fill="fill" in request.form, swap=request.form.get("swap", ""))
    before = cart_lines.packed(requisition)
    form, status = cart_page.saved(actor(), requisition, pressed)
    if form.is_refused:
        return _refused(requisition, form, status)
    for sentence in cart_lines.repacked(requisition, before):
        flash(sentence, "warning")
    if removal is None:
        flash("The cart is updated.", "success")
    undo: dict[str, Any] = {**removal.arguments} if removal else {}
    return redirect(url_for("requisitions.cart", location=requisition.location_id, **undo), 303)


@blueprint.post("/cart/<int:requisition_id>/keep")
@requires(Permission.REQUEST)
def keep(requisition_id: int) -> ResponseReturnValue:
    """Keeps the cart while somebody types; answers with what follows from it, the boxes left alone."""
    requisition = queries.own(actor(), requisition_id)
    form, _ = cart_page.saved(actor(), requisition)
    if form.is_refused:
        problems = cart_page.problems(actor(), requisition_id, form)
        return render_template("requisitions/cart_not_kept.html", problems=problems)
    return render_template("requisitions/cart_kept.html", **cart_page.kept(actor(), requisition_id))


@blueprint.post("/cart/<int:requisition_id>/submit")
@requires(Permission.REQUEST)
def submit(requisition_id: int) -> ResponseReturnValue:
    """Keeps what was changed, then submits; a repeat leads to the same requisition."""
    requisition = queries.own(actor(), requisition_id)
    if requisition.state is not RequisitionState.DRAFT:
        return _to_submitted(requisition)
    form, status = cart_page.saved(actor(), requisition)
    if not form.is_refused:
        # The version is that after saving: nobody else can have changed it in between.
        version = requisition.version
        with form.accepting():
            submitting.submit(actor(), requisition.id, seen_version=version, seen_total=form.seen_total())
    if form.is_refused:
        return _refused(requisition, form, status)
    flash(f"{requisition.number} is submitted. You can follow it here.", "success")
    return _to_requisition(requisition.id)


@blueprint.post("/cart/code")
@requires(Permission.REQUEST)
def add_code() -> ResponseReturnValue:
    """Puts what a typed or scanned code means into the cart, then waits for the next one."""
    form = QuickForm()
    location_id = row_id(form.location.data, "location")
    if form.validate():
        with form.accepting():
            line = quick.add_code(actor(), location_id, form.code.data, form.packs())
    if form.is_refused:
        return _page(location_id, quick=form, is_filling=True), 422
    flash(f"In the cart: {cart_lines.in_cart(line)}.", "success")
    return redirect(url_for("requisitions.cart", location=location_id, fill=1), 303)


@blueprint.get("/cart/suggest")
@requires(Permission.REQUEST)
def suggest() -> ResponseReturnValue:
    """Items that match what is being typed into the box for codes, each once.

    It leaves the session alone: it runs beside the request that adds the line and keeps what it says there.
    """
    location_id = row_id(request.args.get("location"), "location")
    rows = quick.suggested(actor(), location_id, request.args.get("code", ""))
    return render_template("requisitions/cart_suggestions.html", rows=rows)


@blueprint.post("/cart/paste")
@requires(Permission.REQUEST)
def paste() -> ResponseReturnValue:
    """Puts pasted rows into the cart; those that cannot be read stay in the box, each with its reason."""
    form = PasteForm()
    location_id = row_id(form.location.data, "location")
    pasted = Pasted(0, ())
    if form.validate():
        with form.accepting():
            pasted = quick.paste(actor(), location_id, form.rows.data)
    if pasted.added:
        flash(f"{pasted.added} row{'s' if pasted.added != 1 else ''} added to the cart.", "success")
        form.keep(pasted.refused)
    for sentence in pasted.said:
        flash(sentence, "warning")
    if form.is_refused or pasted.refused:
        return _page(location_id, paste=form, refused=pasted.refused), 422
    return redirect(url_for("requisitions.cart", location=location_id), 303)


def _page(
    location_id: int | None = None,
    form: CartForm | None = None,
    cart: Requisition | None = None,
    **values: Any,
) -> str:
    chosen = place(Permission.REQUEST, location_id)
    shown = cart_page.context(actor(), chosen.location, form, cart)
    given = {"removed": None, "is_filling": False, **shown, **values}
    return render_template("requisitions/cart.html", switch=switch_of(chosen), **given)


def _refused(requisition: Requisition, form: CartForm, status: int) -> ResponseReturnValue:
    """The page with what is wrong; after a double click the first one has submitted the cart meanwhile."""
    if requisition.state is not RequisitionState.DRAFT:
        return _to_submitted(requisition)
    return _page(requisition.location_id, form, requisition), status


def _to_submitted(requisition: Requisition) -> ResponseReturnValue:
    done = "withdrawn" if requisition.state is RequisitionState.CANCELLED else "submitted already"
    flash(f"{requisition.number} was {done}. Nothing is requested twice.", "info")
    return _to_requisition(requisition.id)


def _to_requisition(requisition_id: int) -> ResponseReturnValue:
    return redirect(url_for("requisitions.show", requisition_id=requisition_id), 303)
