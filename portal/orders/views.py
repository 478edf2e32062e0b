"""The buyer's workbench, the list of orders and the order page."""

import io

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.orders import cancelling, export, presenters, queries, searching, services
from portal.orders import page as order_page
from portal.orders.forms import CancelForm, OfferForm, OrderFilter, PlaceForm
from portal.orders.workbench import deciding, joining
from portal.orders.workbench import presenters as bench
from portal.orders.workbench import services as sourcing
from portal.orders.workbench.jobs import resting
from portal.requisitions import queries as requisitions

blueprint = Blueprint("orders", __name__)
MOST_PAGES = 1_000_000


@blueprint.get("/workbench")
@requires(Permission.BUY)
def workbench() -> ResponseReturnValue:
    """Approved lines waiting to be ordered."""
    return _workbench(PlaceForm())


@blueprint.post("/workbench")
@requires(Permission.BUY)
def place() -> ResponseReturnValue:
    """Places the chosen lines."""
    form = PlaceForm()
    if form.validate():
        with form.accepting():
            placed = services.place(actor(), form.chosen())
    if form.is_refused:
        return _workbench(form), form.refusal
    numbers = ", ".join(order.number for order in placed)
    flash(f"Placed {numbers}. The ERP and the supplier get it within seconds.", "success")
    if len(placed) == 1:
        return redirect(url_for("orders.show", order_id=placed[0].id), 303)
    return redirect(url_for("orders.listing"), 303)


def _workbench(form: PlaceForm) -> str:
    chosen = form.chosen() if form.is_submitted() else None
    groups, going = bench.bench(deciding.groups(queries.workbench(actor())), clock.today(), chosen)
    lines = [("lines", line.id) for group in [*groups, *going] for line in group.lines]
    return render_template(
        "orders/workbench.html", groups=groups, going=going, form=form, all_lines=lines, rest=resting()
    )


@blueprint.get("/workbench/lines/<int:line_id>")
@requires(Permission.BUY)
def offers(line_id: int) -> ResponseReturnValue:
    """The offers for an approved line, side by side."""
    groups = deciding.groups(queries.workbench(actor()))
    one = found(joining.line_in(groups, line_id), "line")
    return render_template(
        "orders/workbench/offers.html", one=one, offers=bench.offers(one, groups), asked=bench.asked(one)
    )


@blueprint.post("/workbench/lines/<int:line_id>/offers/<int:offer_id>")
@requires(Permission.BUY)
def choose_offer(line_id: int, offer_id: int) -> ResponseReturnValue:
    """Orders the line from another offer."""
    form = OfferForm()
    if form.validate():
        with form.accepting():
            asked = sourcing.choose(actor(), line_id, offer_id, form.reason.data or "")
    if form.is_refused:
        flash(" ".join([*form.form_errors, *form.reason.errors]), "danger")
        return redirect(url_for("orders.offers", line_id=line_id), 303)
    chosen = "The line is ordered from there. It waits with that supplier's lines."
    flash(asked or chosen, "info" if asked else "success")
    return redirect(url_for("orders.workbench"), 303)


@blueprint.get("/orders")
@requires(Permission.VIEW_ORDERS)
def listing() -> ResponseReturnValue:
    """Purchase orders with their four counters."""
    form = OrderFilter(request.args)
    form.offer(searching.supplier_choices(), searching.location_choices(actor()))
    page = paginate(searching.listing(actor(), form.search()), page_number())
    decisions = searching.count_open_items([order.id for order in page.rows])
    rows = presenters.rows(page.rows, decisions)
    export_url = f"{url_for('orders.export_listing')}?{request.query_string.decode()}"
    return render_template(
        "orders/listing.html", page=page, rows=rows, form=form, sort=form.sort.data, export_url=export_url
    )


def page_number() -> int:
    """The page asked for, within what a database can count."""
    return min(request.args.get("page", 1, type=int), MOST_PAGES)


@blueprint.get("/orders.csv")
@requires(Permission.VIEW_ORDERS)
def export_listing() -> ResponseReturnValue:
    """The same list, all pages, as a file."""
    search = OrderFilter(request.args).search()
    content = export.orders(searching.every(searching.listing(actor(), search)))
    return csv_file("orders", content)


def csv_file(name: str, content: bytes) -> ResponseReturnValue:
    """A CSV file to keep, named after the list and the day."""
    download = f"{name}-{clock.today().isoformat()}.csv"
    return send_file(io.BytesIO(content), mimetype="text/csv", as_attachment=True, download_name=download)


@blueprint.get("/orders/<int:order_id>")
@requires(Permission.VIEW_ORDERS)
def show(order_id: int) -> ResponseReturnValue:
    """One order with everything known of it."""
    shown = order_page.context(actor(), order_id)
    talk = order_page.conversation(actor(), shown["order"], shown["comments"])
    return render_template("orders/show.html", **shown, **talk)


@blueprint.get("/orders/<int:order_id>/live")
@requires(Permission.VIEW_ORDERS)
def live(order_id: int) -> ResponseReturnValue:
    """The changing part of the order page; nothing when it is still as seen."""
    if request.args.get("seen") == queries.seen(order_id):
        return "", 204
    return render_template("orders/live.html", **order_page.context(actor(), order_id))


@blueprint.get("/orders/<int:order_id>/print")
@requires(Permission.VIEW_ORDERS)
def print_order(order_id: int) -> ResponseReturnValue:
    """The order on paper."""
    order = found(queries.for_person(actor(), order_id), "order")
    return render_template("orders/print.html", order=order, lines=presenters.paper_lines(order))


@blueprint.get("/orders/<int:order_id>/cancel")
@requires(Permission.BUY)
def cancel_all(order_id: int) -> ResponseReturnValue:
    """Asks why all that is not on its way is cancelled."""
    return _cancel_order_page(CancelForm(), order_id)


@blueprint.post("/orders/<int:order_id>/cancel")
@requires(Permission.BUY)
def cancel_all_submit(order_id: int) -> ResponseReturnValue:
    """Cancels all that is not on its way."""
    form = CancelForm()
    if form.validate():
        with form.accepting():
            order = cancelling.cancel_order(actor(), order_id, form.reason.data, seen=form.quantity_seen())
    if form.is_refused:
        return _cancel_order_page(form, order_id), form.refusal
    flash(f"Cancelled; the budget is given back. {presenters.to_tell(order)}".strip(), "success")
    return redirect(url_for("orders.show", order_id=order_id), 303)


def _cancel_order_page(form: CancelForm, order_id: int) -> str:
    order = found(queries.for_person(actor(), order_id), "order")
    form.seen.data = presenters.seen_of(order)
    return render_template(
        "orders/cancel_order.html",
        form=form, order=order, lines=presenters.open_lines(order), tell=presenters.to_tell(order),
    )  # fmt: skip


@blueprint.get("/orders/<int:order_id>/lines/<int:line_id>/cancel")
@requires(Permission.BUY)
def cancel(order_id: int, line_id: int) -> ResponseReturnValue:
    """Asks why the rest of a line is cancelled."""
    return _cancel_page(CancelForm(), order_id, line_id)


@blueprint.post("/orders/<int:order_id>/lines/<int:line_id>/cancel")
@requires(Permission.BUY)
def cancel_submit(order_id: int, line_id: int) -> ResponseReturnValue:
    """Cancels what is open of a line."""
    form = CancelForm()
    if form.validate():
        with form.accepting():
            reason, seen = form.reason.data, form.quantity_seen()
            order = cancelling.cancel_rest(actor(), order_id, line_id, reason, seen=seen)
    if form.is_refused:
        return _cancel_page(form, order_id, line_id), form.refusal
    flash(f"The rest is cancelled and its budget given back. {presenters.to_tell(order)}".strip(), "success")
    return redirect(url_for("orders.show", order_id=order_id), 303)


def _cancel_page(form: CancelForm, order_id: int, line_id: int) -> str:
    order = found(queries.for_person(actor(), order_id), "order")
    line = found(presenters.closing_line(order, line_id), "line")
    form.seen.data = line.seen
    return render_template(
        "orders/cancel.html", form=form, order=order, line=line, tell=presenters.to_tell(order)
    )


@blueprint.get("/requisitions/<int:requisition_id>/orders")
@requires(Permission.VIEW_ORDERS)
def of_requisition(requisition_id: int) -> ResponseReturnValue:
    """The orders that serve a requisition: a page, and the part of it that other pages embed."""
    requisition = requisitions.for_person(actor(), requisition_id)
    orders = queries.orders_of(requisition.id)
    return render_template(
        "orders/of_requisition.html",
        requisition=requisition,
        rows=presenters.rows(orders, searching.count_open_items([order.id for order in orders])),
    )
