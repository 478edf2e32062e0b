"""The guided form of what is not in the catalog, the buyers' list of them and their answers."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place
from portal.foundation.access import Permission, requires, signed_in
from portal.foundation.errors import NotAllowed
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.masterdata import listings
from portal.requisitions import cart_lines
from portal.requisitions.blueprint import blueprint
from portal.requisitions.forms import row_id
from portal.requisitions.wishes import presenters, queries, services
from portal.requisitions.wishes.forms import AgainForm, AnswerForm, ItemForm, RefusalForm, WishForm


@blueprint.get("/wishes")
@signed_in
def wishes() -> ResponseReturnValue:
    """The person's own, and for buyers those to answer."""
    person = actor()
    may_ask = person.can(Permission.REQUEST)
    if not may_ask and not person.can(Permission.BUY):
        raise NotAllowed("Your role does not show these requests. Ask your administrator for access.")
    found = paginate(queries.listing(person), request.args.get("page", 1, type=int))
    rows = [presenters.row(one) for one in found.rows]
    return render_template("requisitions/wishes.html", page=found, rows=rows, may_ask=may_ask)


@blueprint.get("/wishes/new")
@requires(Permission.REQUEST)
def ask_wish() -> ResponseReturnValue:
    """Asks what is needed; the address may carry what was searched for."""
    chosen = place(Permission.REQUEST)
    form = WishForm(
        formdata=None, data={"location": chosen.location.id, "what": request.args.get("what", "")}
    )
    return render_template("requisitions/wish_form.html", form=form, place=chosen.location)


@blueprint.post("/wishes/new")
@requires(Permission.REQUEST)
def ask_wish_submit() -> ResponseReturnValue:
    """Puts it on the buyers' list."""
    form = WishForm()
    chosen = place(Permission.REQUEST, row_id(form.location.data, "location"))
    if form.validate():
        with form.accepting():
            wish = services.ask(actor(), chosen.location.id, form.wanted())
    if form.is_refused:
        return render_template("requisitions/wish_form.html", form=form, place=chosen.location), 422
    flash("A buyer looks for it. You see the answer here.", "success")
    return redirect(url_for("requisitions.wish", wish_id=wish.id), 303)


@blueprint.get("/wishes/<int:wish_id>")
@signed_in
def wish(wish_id: int) -> ResponseReturnValue:
    """One of them, with what can be done now."""
    return _page(wish_id)


def _page(wish_id: int, **forms: Any) -> str:
    shown = presenters.page(actor(), queries.wish(actor(), wish_id))
    empty = {
        "answer": AnswerForm(formdata=None),
        "refusal": RefusalForm(formdata=None),
        "again": AgainForm(formdata=None),
    }
    return render_template("requisitions/wish.html", **{**shown, **empty, **forms})


def _to_page(wish_id: int, sentence: str) -> ResponseReturnValue:
    flash(sentence, "success")
    return redirect(url_for("requisitions.wish", wish_id=wish_id), 303)


@blueprint.post("/wishes/<int:wish_id>/answer")
@requires(Permission.BUY)
def answer_wish(wish_id: int) -> ResponseReturnValue:
    """The buyer found it, or proposes another item."""
    form = AnswerForm()
    if form.validate():
        with form.accepting():
            words, is_alternative = form.words.data or "", form.is_alternative.data
            services.answer(actor(), wish_id, form.code.data, words, is_alternative=is_alternative)
    if form.is_refused:
        return _page(wish_id, answer=form), 422
    return _to_page(wish_id, "The requester sees your answer.")


@blueprint.get("/wishes/<int:wish_id>/item")
@requires(Permission.BUY)
def item_of_wish(wish_id: int) -> ResponseReturnValue:
    """Asks what is needed to make it an item."""
    return _item_page(wish_id)


@blueprint.post("/wishes/<int:wish_id>/item")
@requires(Permission.BUY)
def item_of_wish_submit(wish_id: int) -> ResponseReturnValue:
    """Makes it an item and answers with it."""
    form = ItemForm()
    if form.validate():
        with form.accepting():
            services.set_up(actor(), wish_id, form.new_item(), form.words.data or "")
    if form.is_refused:
        return _item_page(wish_id, form), 422
    return _to_page(wish_id, f"Item {form.code.data} is in the catalog. The requester sees your answer.")


def _item_page(wish_id: int, form: ItemForm | None = None) -> str:
    shown = queries.wish(actor(), wish_id)
    form = form or ItemForm(formdata=None, data=presenters.item_of(shown))
    form.offer(listings.categories(), queries.suppliers(), queries.accounts())
    return render_template("requisitions/wish_item.html", form=form, wish=shown)


@blueprint.post("/wishes/<int:wish_id>/refuse")
@requires(Permission.BUY)
def refuse_wish(wish_id: int) -> ResponseReturnValue:
    """The buyer says why not, and what to do instead."""
    form = RefusalForm()
    if form.validate():
        with form.accepting():
            services.refuse(actor(), wish_id, form.sentence())
    if form.is_refused:
        return _page(wish_id, refusal=form), 422
    return _to_page(wish_id, "The requester sees your answer.")


@blueprint.post("/wishes/<int:wish_id>/again")
@requires(Permission.REQUEST)
def ask_wish_again(wish_id: int) -> ResponseReturnValue:
    """The answer does not help."""
    form = AgainForm()
    if form.validate():
        with form.accepting():
            services.ask_again(actor(), wish_id, form.again.data)
    if form.is_refused:
        return _page(wish_id, again=form), 422
    return _to_page(wish_id, "A buyer looks at it again.")


@blueprint.post("/wishes/<int:wish_id>/take")
@requires(Permission.REQUEST)
def take_wish(wish_id: int) -> ResponseReturnValue:
    """What was found goes into the cart."""
    line = services.take(actor(), wish_id)
    flash(f"In the cart: {cart_lines.in_cart(line)}.", "success")
    return redirect(url_for("requisitions.cart", location=line.requisition.location_id), 303)


@blueprint.post("/wishes/<int:wish_id>/withdraw")
@requires(Permission.REQUEST)
def withdraw_wish(wish_id: int) -> ResponseReturnValue:
    """It is not needed any more."""
    services.withdraw(actor(), wish_id)
    return _to_page(wish_id, "It is withdrawn.")
