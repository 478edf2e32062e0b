"""Several carts: named, chosen, deleted and put back, handed over and back."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place
from portal.foundation.access import Permission, requires
from portal.foundation.forms import Form
from portal.foundation.web import actor
from portal.requisitions import carts, queries
from portal.requisitions.blueprint import blueprint
from portal.requisitions.cart_forms import BackForm, HandOverForm, NameForm, RenameForm
from portal.requisitions.forms import row_id
from portal.requisitions.models import Requisition


@blueprint.post("/carts")
@requires(Permission.REQUEST)
def begin_cart() -> ResponseReturnValue:
    """A further cart for a location."""
    form, location_id = NameForm(), row_id(request.form.get("location"), "location")
    if form.validate():
        with form.accepting():
            carts.begin(actor(), location_id, form.name.data)
    if form.is_refused:
        back = url_for("requisitions.cart", location=location_id)
        fields = {"location": location_id}
        return _ask(form, "New cart", "Make the cart", back, fields), 422
    return _to_cart(location_id)


@blueprint.post("/carts/<int:cart_id>/choose")
@requires(Permission.REQUEST)
def choose_cart(cart_id: int) -> ResponseReturnValue:
    """Fills another cart from now on."""
    return _to_cart(carts.choose(actor(), cart_id).location_id)


@blueprint.post("/carts/<int:cart_id>/rename")
@requires(Permission.REQUEST)
def rename_cart(cart_id: int) -> ResponseReturnValue:
    """Another name."""
    form, cart = RenameForm(), queries.own(actor(), cart_id)
    if form.validate():
        with form.accepting():
            carts.rename(actor(), cart_id, form.name.data)
    return _answer(form, cart, "Rename the cart")


@blueprint.post("/carts/<int:cart_id>/delete")
@requires(Permission.REQUEST)
def delete_cart(cart_id: int) -> ResponseReturnValue:
    """Deletes a cart; the next page offers to put it back."""
    cart = carts.remove(actor(), cart_id)
    return redirect(url_for("requisitions.cart", location=cart.location_id, deleted=cart.id), 303)


@blueprint.post("/carts/<int:cart_id>/put-back")
@requires(Permission.REQUEST)
def put_back_cart(cart_id: int) -> ResponseReturnValue:
    """Undoes deleting."""
    return _to_cart(carts.put_back(actor(), cart_id).location_id)


@blueprint.post("/carts/<int:cart_id>/hand-over")
@requires(Permission.REQUEST)
def hand_over_cart(cart_id: int) -> ResponseReturnValue:
    """A colleague goes on."""
    form, cart = HandOverForm(), queries.own(actor(), cart_id)
    form.offer_people({one.id: one.name for one in carts.colleagues(actor(), cart.location)})
    if form.validate():
        with form.accepting():
            cart = carts.hand_over(actor(), cart_id, form.colleague_id(), form.note.data or "")
            flash(f"{cart.requester.name} has the cart now.", "success")
    return _answer(form, cart, "Hand the cart to a colleague")


@blueprint.post("/carts/<int:cart_id>/give-back")
@requires(Permission.REQUEST)
def give_back_cart(cart_id: int) -> ResponseReturnValue:
    """Back to whom it came from."""
    form, cart = BackForm(), queries.own(actor(), cart_id)
    if form.validate():
        with form.accepting():
            cart = carts.give_back(actor(), cart_id, form.note.data or "")
            flash(f"{cart.requester.name} has the cart again.", "success")
    return _answer(form, cart, "Give the cart back")


@blueprint.post("/carts/<int:cart_id>/take-back")
@requires(Permission.REQUEST)
def take_back_cart(cart_id: int) -> ResponseReturnValue:
    """The cart returns from a colleague."""
    cart = carts.take_back(actor(), cart_id)
    flash("You have the cart again.", "success")
    return _to_cart(cart.location_id)


def _answer(form: Form, cart: Requisition, label: str) -> ResponseReturnValue:
    if form.is_refused:
        back = url_for("requisitions.cart", location=cart.location_id)
        return _ask(form, label, label, back, {}), 422
    return _to_cart(cart.location_id)


def _ask(form: Form, title: str, label: str, back: str, fields: dict[str, int]) -> str:
    return render_template(
        "requisitions/cart_ask.html", form=form, title=title, label=label, back=back, fields=fields
    )


def _to_cart(location_id: int) -> ResponseReturnValue:
    place(Permission.REQUEST, location_id)
    return redirect(url_for("requisitions.cart", location=location_id), 303)
