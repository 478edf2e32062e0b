"""Invoices: what waits for one, entering one, and its match."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.spreadsheets import as_csv
from portal.foundation.web import actor
from portal.invoices import presenters, queries, services
from portal.invoices.forms import InvoiceFilter, InvoiceForm
from portal.orders import queries as orders
from portal.orders.presenters import row as order_row
from portal.orders.searching import every
from portal.orders.views import csv_file, page_number

blueprint = Blueprint("invoices", __name__, url_prefix="/invoices")


@blueprint.get("")
@requires(Permission.MATCH_INVOICES)
def listing() -> ResponseReturnValue:
    """Orders that wait for their invoice, or invoices."""
    form = InvoiceFilter(request.args)
    sort = form.sort.data or ""
    shown = {"form": form, "sort": sort, "tabs": _tabs(form.shown()), "export_url": _export_url()}
    if form.shown() == "waiting":
        page = paginate(queries.to_invoice(actor(), form.q.data or ""), page_number())
        rows = [order_row(order) for order in page.rows]
        return render_template("invoices/waiting.html", page=page, rows=rows, **shown)
    page = paginate(queries.listing(actor(), form.shown(), form.q.data or "", sort), page_number())
    invoices = [presenters.row(invoice) for invoice in page.rows]
    return render_template("invoices/invoices.html", page=page, rows=invoices, **shown)


def _tabs(shown: str) -> list[dict[str, object]]:
    counts = queries.counts(actor())
    labels = {"waiting": "Orders without invoice", "differs": "Invoices that differ", "all": "All invoices"}
    return [
        {
            "label": label,
            "url": url_for("invoices.listing", show=name),
            "active": name == shown,
            "count": counts.get(name),
        }
        for name, label in labels.items()
    ]


def _export_url() -> str:
    return f"{url_for('invoices.export')}?{request.query_string.decode()}"


@blueprint.get("/invoices.csv")
@requires(Permission.MATCH_INVOICES)
def export() -> ResponseReturnValue:
    """The invoices of the list, all pages, as a file."""
    form = InvoiceFilter(request.args)
    rows = every(queries.listing(actor(), form.shown(), form.q.data or "", form.sort.data or ""))
    return csv_file("invoices", as_csv(presenters.HEADER, map(presenters.cells, rows)))


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
    form = InvoiceForm()
    if form.validate():
        with form.accepting():
            number, day, lines = form.number.data, form.invoiced_on.data, form.lines()
            invoice = services.record(actor(), order_id, number=number, invoiced_on=day, charged=lines)
    if form.is_refused:
        return _entry_page(form, order_id), form.refusal
    if invoice.matched:
        flash("The invoice matches order and receipt.", "success")
    else:
        flash("The invoice differs. Look at what is marked.", "warning")
    return redirect(url_for("invoices.show", invoice_id=invoice.id), 303)


def _entry_page(form: InvoiceForm, order_id: int) -> str:
    order = found(orders.for_person(actor(), order_id), "order")
    rows = presenters.entry_rows(order, form.line_ids(), form.charged)
    return render_template("invoices/enter.html", form=form, order=order, rows=rows)


@blueprint.get("/<int:invoice_id>")
@requires(Permission.MATCH_INVOICES)
def show(invoice_id: int) -> ResponseReturnValue:
    """The three-way match of one invoice."""
    invoice = found(queries.for_person(actor(), invoice_id), "invoice")
    return render_template(
        "invoices/show.html",
        invoice=invoice,
        status=presenters.status_of(invoice),
        rows=presenters.match_rows(invoice, queries.match_of(invoice)),
        items=queries.open_items(invoice),
    )
