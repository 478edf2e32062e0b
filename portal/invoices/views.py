"""Invoices: what waits for one, entering one, and its match."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.invoices import presenters, queries, services
from portal.invoices.forms import InvoiceFilter, InvoiceForm
from portal.orders import queries as orders
from portal.orders.presenters import row as order_row

blueprint = Blueprint("invoices", __name__, url_prefix="/invoices")


@blueprint.get("")
@requires(Permission.MATCH_INVOICES)
def listing() -> ResponseReturnValue:
    """Orders that wait for their invoice, or invoices."""
    form = InvoiceFilter(request.args)
    words, number = form.q.data or "", request.args.get("page", 1, type=int)
    if form.show.data in ("differs", "all"):
        matched = False if form.show.data == "differs" else None
        page = paginate(queries.listing(actor(), matched=matched, words=words), number)
        rows = [presenters.row(invoice) for invoice in page.rows]
        return render_template("invoices/invoices.html", form=form, page=page, rows=rows)
    page = paginate(queries.to_invoice(actor(), words=words), number)
    waiting = [order_row(order) for order in page.rows]
    return render_template("invoices/waiting.html", form=form, page=page, rows=waiting)


@blueprint.get("/new/<int:order_id>")
@requires(Permission.MATCH_INVOICES)
def enter(order_id: int) -> ResponseReturnValue:
    """An empty invoice for an order, filled with what was received."""
    form = InvoiceForm()
    form.lay_out(found(orders.for_person(actor(), order_id), "order"))
    return _entry_page(form, order_id)


@blueprint.post("/new/<int:order_id>")
@requires(Permission.MATCH_INVOICES)
def save(order_id: int) -> ResponseReturnValue:
    """Records the invoice and says where it differs."""
    found(orders.for_person(actor(), order_id), "order")
    form = InvoiceForm()
    if not form.validate():
        return _entry_page(form, order_id), 422
    with form.accepting():
        invoice = services.record(
            actor(),
            order_id,
            number=form.number.data,
            invoiced_on=form.invoiced_on.data,
            charged=form.lines(),
        )
    if form.is_refused:
        return _entry_page(form, order_id), 422
    flash("The invoice matches." if invoice.matched else "The invoice differs; see what to do.", "info")
    return redirect(url_for("invoices.show", invoice_id=invoice.id), 303)


def _entry_page(form: InvoiceForm, order_id: int) -> str:
    order = found(orders.for_person(actor(), order_id), "order")
    return render_template("invoices/enter.html", form=form, order=order, lines=presenters.lines_by_id(order))


@blueprint.get("/<int:invoice_id>")
@requires(Permission.MATCH_INVOICES)
def show(invoice_id: int) -> ResponseReturnValue:
    """The three-way match of one invoice."""
    invoice = found(queries.for_person(actor(), invoice_id), "invoice")
    return render_template(
        "invoices/show.html",
        invoice=invoice,
        status=presenters.status_of(invoice),
        rows=presenters.match_rows(invoice),
        items=queries.open_items(invoice),
    )
