"""Goods that go back to the supplier: what of a receipt, and what became of it."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.spreadsheets import as_csv
from portal.foundation.web import actor
from portal.orders.searching import supplier_choices
from portal.orders.views import csv_file, page_number
from portal.receiving import presenters, queries, return_presenters, return_queries, returns
from portal.receiving.blueprint import blueprint
from portal.receiving.forms import CreditForm, ReturnFilter, ReturnForm


@blueprint.get("/receipts/<int:receipt_id>/return")
@requires(Permission.RECEIVE)
def send_back(receipt_id: int) -> ResponseReturnValue:
    """Asks what of a receipt goes back, and why."""
    receipt = found(queries.for_person(actor(), receipt_id), "receipt")
    rows = presenters.returnable(receipt, queries.returned([line.id for line in receipt.lines]))
    lines = [{"line_id": str(row["id"])} for row in rows]
    return _page(receipt_id, ReturnForm(formdata=None, lines=lines))


@blueprint.post("/receipts/<int:receipt_id>/return")
@requires(Permission.RECEIVE)
def send_back_submit(receipt_id: int) -> ResponseReturnValue:
    """Takes it from the shelf and tells the ERP."""
    form = ReturnForm()
    if form.validate():
        with form.accepting():
            sent_back = returns.send_back(actor(), receipt_id, form.asked())
    if form.is_refused:
        return _page(receipt_id, form), form.refusal
    flash(f"{sent_back.number} is on its way back. The stock is counted down and the ERP is told.", "success")
    return redirect(url_for("receiving.show_return", return_id=sent_back.id), 303)


def _page(receipt_id: int, form: ReturnForm) -> str:
    receipt = found(queries.for_person(actor(), receipt_id), "receipt")
    rows = presenters.returnable(receipt, queries.returned([line.id for line in receipt.lines]))
    return render_template("receiving/return.html", receipt=receipt, form=form, rows=rows)


@blueprint.get("/returns")
@requires(Permission.VIEW_ORDERS)
def listing_returns() -> ResponseReturnValue:
    """Returns, what each waits for, what waits longest first."""
    form = ReturnFilter(request.args)
    search = form.search(supplier_choices())
    page = paginate(return_queries.listing(actor(), search), page_number())
    return render_template(
        "receiving/returns.html",
        form=form,
        page=page,
        sort=search.sort,
        rows=[return_presenters.row(found_) for found_ in page.rows],
        export_url=f"{url_for('receiving.export_returns')}?{request.query_string.decode()}",
    )


@blueprint.get("/returns.csv")
@requires(Permission.VIEW_ORDERS)
def export_returns() -> ResponseReturnValue:
    """The same list, all pages, as a file."""
    rows = return_queries.every(actor(), ReturnFilter(request.args).search({}))
    return csv_file("returns", as_csv(return_presenters.HEADER, map(return_presenters.cells, rows)))


@blueprint.get("/returns/<int:return_id>")
@requires(Permission.VIEW_ORDERS)
def show_return(return_id: int) -> ResponseReturnValue:
    """A return, what it holds, what it waits for and what the ERP calls it."""
    return _return_page(return_id, CreditForm(formdata=None))


@blueprint.post("/returns/<int:return_id>/credit")
@requires(Permission.MATCH_INVOICES)
def credit(return_id: int) -> ResponseReturnValue:
    """Notes the supplier's credit."""
    form = CreditForm()
    if form.validate():
        with form.accepting():
            sent_back = returns.credit(actor(), return_id, form.number.data, form.amount.data)
    if form.is_refused:
        return _return_page(return_id, form), form.refusal
    flash(f"The credit for {sent_back.number} is noted.", "success")
    return redirect(url_for("receiving.show_return", return_id=return_id), 303)


def _return_page(return_id: int, form: CreditForm) -> str:
    sent_back = found(queries.return_for_person(actor(), return_id), "return")
    row = return_presenters.row(found(return_queries.state_of(actor(), return_id), "return"))
    facility_id = sent_back.order.location.facility_id
    is_due = row["credited"] is None and row["credit_expected"] > 0
    may_credit = is_due and actor().can(Permission.MATCH_INVOICES, facility_id=facility_id)
    return render_template(
        "receiving/show_return.html", sent_back=sent_back, row=row, form=form, may_credit=may_credit
    )
