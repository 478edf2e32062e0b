"""The buyer's workbench, the list of orders and the order page."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.orders import cancelling, presenters, queries, services
from portal.orders import page as order_page
from portal.orders.forms import OrderFilter, PlaceForm, ReasonForm

blueprint = Blueprint("orders", __name__)


@blueprint.get("/workbench")
@requires(Permission.BUY)
def workbench() -> ResponseReturnValue:
    """Approved lines waiting to be ordered."""
    return _workbench(PlaceForm(), 200)


@blueprint.post("/workbench")
@requires(Permission.BUY)
def place() -> ResponseReturnValue:
    """Places the chosen lines."""
    form = PlaceForm()
    if not form.validate():
        return _workbench(form, 422)
    with form.accepting():
        placed = services.place(actor(), form.lines.data or [])
    if form.is_refused:
        return _workbench(form, 422)
    numbers = ", ".join(order.number for order in placed)
    flash(f"Placed {numbers}. The ERP and the supplier get it within seconds.", "success")
    if len(placed) == 1:
        return redirect(url_for("orders.show", order_id=placed[0].id), 303)
    return redirect(url_for("orders.listing"), 303)


def _workbench(form: PlaceForm, status: int) -> ResponseReturnValue:
    groups = presenters.bench(queries.workbench(actor()))
    return render_template("orders/workbench.html", groups=groups, form=form), status


@blueprint.get("/orders")
@requires(Permission.VIEW_ORDERS)
def listing() -> ResponseReturnValue:
    """Purchase orders with their four counters."""
    form = OrderFilter(request.args)
    form.supplier.choices = {"": "Any supplier"} | queries.supplier_choices()
    supplier = form.supplier.data or ""
    statement = queries.listing(
        actor(),
        status=form.status.data or "",
        supplier_id=int(supplier) if supplier.isdigit() else None,
        words=form.q.data or "",
    )
    page = paginate(statement, request.args.get("page", 1, type=int))
    rows = [presenters.row(order) for order in page.rows]
    return render_template("orders/listing.html", page=page, rows=rows, form=form)


@blueprint.get("/orders/<int:order_id>")
@requires(Permission.VIEW_ORDERS)
def show(order_id: int) -> ResponseReturnValue:
    """One order with everything known of it."""
    order = found(queries.for_person(actor(), order_id), "order")
    return render_template("orders/show.html", form=ReasonForm(), **order_page.context(actor(), order))


@blueprint.get("/orders/<int:order_id>/live")
@requires(Permission.VIEW_ORDERS)
def live(order_id: int) -> ResponseReturnValue:
    """The changing part of the order page; nothing when it is still as seen."""
    order = found(queries.for_person(actor(), order_id), "order")
    shown = order_page.context(actor(), order)
    if request.args.get("seen") == shown["seen"]:
        return "", 204
    return render_template("orders/live.html", form=ReasonForm(), **shown)


@blueprint.get("/orders/<int:order_id>/print")
@requires(Permission.VIEW_ORDERS)
def print_order(order_id: int) -> ResponseReturnValue:
    """The order on paper."""
    order = found(queries.for_person(actor(), order_id), "order")
    return render_template("orders/print.html", order=order)


@blueprint.post("/orders/<int:order_id>/lines/<int:line_id>/cancel")
@requires(Permission.BUY)
def cancel_rest(order_id: int, line_id: int) -> ResponseReturnValue:
    """Cancels what is open of a line."""
    order = found(queries.for_person(actor(), order_id), "order")
    form = ReasonForm()
    if form.validate():
        with form.accepting():
            cancelling.cancel_rest(actor(), order_id, line_id, form.reason.data)
    if form.is_refused:
        return render_template("orders/show.html", form=form, **order_page.context(actor(), order)), 422
    flash("The rest of the line is cancelled and its budget given back.", "success")
    return redirect(url_for("orders.show", order_id=order_id), 303)
