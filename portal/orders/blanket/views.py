"""Blanket orders: the list, a new one, what was called off, closing."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.orders import presenters as order_presenters
from portal.orders.blanket import presenters, queries, services
from portal.orders.blanket.forms import BlanketForm
from portal.orders.searching import count_open_items
from portal.orders.views import page_number

blueprint = Blueprint("blanket", __name__, url_prefix="/blanket-orders")


@blueprint.get("")
@requires(Permission.BUY)
def listing() -> ResponseReturnValue:
    """Every blanket order with what is left."""
    page = paginate(queries.listing(), page_number())
    rows = presenters.rows(page.rows, services.left_of(page.rows), clock.today())
    return render_template("orders/blanket/listing.html", page=page, rows=rows)


@blueprint.get("/new")
@requires(Permission.BUY)
def create() -> ResponseReturnValue:
    """Asks what was agreed."""
    return _page(BlanketForm())


@blueprint.post("/new")
@requires(Permission.BUY)
def create_submit() -> ResponseReturnValue:
    """Keeps what was agreed."""
    form = BlanketForm()
    form.offer(queries.supplier_choices())
    if form.validate():
        with form.accepting():
            blanket = services.create(actor(), form.terms())
    if form.is_refused:
        return _page(form), 422
    flash(f"{blanket.number} is kept. Orders for {blanket.supplier.name} call off it.", "success")
    return redirect(url_for("blanket.show", blanket_id=blanket.id), 303)


def _page(form: BlanketForm) -> str:
    form.offer(queries.supplier_choices())
    return render_template("orders/blanket/new.html", form=form)


@blueprint.get("/<int:blanket_id>")
@requires(Permission.BUY)
def show(blanket_id: int) -> ResponseReturnValue:
    """What is left, and the orders that called off it."""
    blanket = found(queries.find(blanket_id), "blanket order")
    row = presenters.row(blanket, services.left_of([blanket])[blanket.id], clock.today())
    orders = queries.orders_of(blanket_id, actor().facility_ids(Permission.VIEW_ORDERS))
    decisions = count_open_items([order.id for order in orders])
    shown = order_presenters.rows(orders, decisions)
    return render_template("orders/blanket/show.html", blanket=row, orders=shown)


@blueprint.post("/<int:blanket_id>/close")
@requires(Permission.BUY)
def close(blanket_id: int) -> ResponseReturnValue:
    """Nothing calls off it any more."""
    blanket = services.close(actor(), blanket_id)
    flash(f"{blanket.number} is closed; its orders stay as they are.", "success")
    return redirect(url_for("blanket.show", blanket_id=blanket_id), 303)
