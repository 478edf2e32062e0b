"""Receiving in two steps: enter, then check."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.exchange.queries import open_items_about
from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.spreadsheets import as_csv
from portal.foundation.web import actor
from portal.orders import queries as orders
from portal.orders.forms import row_number
from portal.orders.searching import arrivals as arrivals_of
from portal.orders.searching import every
from portal.orders.views import csv_file, page_number
from portal.receiving import presenters, queries, return_views, reversing, scan_views, services
from portal.receiving.blueprint import blueprint
from portal.receiving.forms import (
    EntryForm,
    FindForm,
    ReceiptFilter,
    ReceiptForm,
    RollBackForm,
    correcting_form,
    empty_form,
)
from portal.receiving.rules import Verdict, as_sscc, is_sscc

__all__ = ["blueprint", "return_views", "scan_views"]


@blueprint.get("")
@requires(Permission.RECEIVE)
def listing() -> ResponseReturnValue:
    """What is expected; a number that finds one order opens it."""
    form = FindForm(request.args)
    words = (form.q.data or "").strip()[:100]
    page = paginate(queries.expected(actor(), words), page_number())
    if page.total and is_sscc(as_sscc(words)):
        return redirect(url_for("receiving.package", sscc=as_sscc(words)))
    if words and page.total == 1:
        return redirect(url_for("receiving.scan", order_id=page.rows[0].id))
    arrivals = arrivals_of([order.id for order in page.rows])
    rows = [presenters.expected(order, arrivals.get(order.id)) for order in page.rows]
    why = presenters.why_not(queries.named(actor(), words), words) if words and not rows else ""
    return render_template(
        "receiving/listing.html", form=form, page=page, rows=rows, why=why,
        account_id=actor().account_id, unchecked=queries.unchecked(actor()),
    )  # fmt: skip


@blueprint.get("/receipts")
@requires(Permission.RECEIVE)
def receipts() -> ResponseReturnValue:
    """Receipts, newest first."""
    form = ReceiptFilter(request.args)
    page = paginate(queries.listing(actor(), form.q.data or ""), page_number())
    rows = [presenters.row(receipt) for receipt in page.rows]
    export_url = f"{url_for('receiving.export')}?{request.query_string.decode()}"
    return render_template("receiving/receipts.html", page=page, rows=rows, form=form, export_url=export_url)


@blueprint.get("/receipts.csv")
@requires(Permission.RECEIVE)
def export() -> ResponseReturnValue:
    """The same list, all pages, as a file."""
    rows = every(queries.listing(actor(), ReceiptFilter(request.args).q.data or ""))
    return csv_file("receipts", as_csv(presenters.RECEIPT_HEADER, map(presenters.cells, rows)))


@blueprint.get("/<int:order_id>")
@requires(Permission.RECEIVE)
def enter(order_id: int) -> ResponseReturnValue:
    """Step 1: count; `receipt` names one that was entered and is corrected."""
    order = found(orders.for_person(actor(), order_id), "order")
    receipt = queries.to_correct(order_id, row_number(request.args.get("receipt")))
    if receipt is None:
        return _entry_page(empty_form(order), order_id)
    entries = [services.entry_of(line) for line in receipt.lines]
    return _entry_page(correcting_form(order, receipt.form_key, entries), order_id)


@blueprint.post("/<int:order_id>")
@requires(Permission.RECEIVE)
def save(order_id: int) -> ResponseReturnValue:
    """Keeps the count for checking, or adds a row, or fills rows from the ship notice or the row above."""
    form = EntryForm()
    if "add" in request.form:
        return _entry_page(form.with_row(row_number(request.form["add"])), order_id)
    if "trouble" in request.form:
        return _entry_page(form.with_row(row_number(request.form["trouble"]), Verdict.DAMAGED), order_id)
    if "down" in request.form:
        return _entry_page(form.filled_down(row_number(request.form["down"])), order_id)
    if "autofill" in request.form:
        return _entry_page(form.filled(queries.offered(order_id)), order_id)
    if form.validate():
        with form.accepting():
            key, counted = form.form_key.data, form.counted()
            receipt = services.enter(
                actor(), order_id, form_key=key, entries=counted, seen=form.seen.data or ""
            )
    if form.is_refused:
        return _entry_page(form, order_id), form.refusal
    return redirect(url_for("receiving.show", receipt_id=receipt.id), 303)


def _entry_page(form: EntryForm, order_id: int) -> str:
    order = found(orders.for_person(actor(), order_id), "order")
    groups = presenters.groups(order, form.line_ids(), form.entries)
    offered = bool(queries.offered(order_id))
    return render_template(
        "receiving/enter.html", form=form, order=order, groups=groups, offered=offered,
        closed=presenters.closed(order),
        unchecked=queries.unchecked(actor(), order_id, but=[form.form_key.data]),
    )  # fmt: skip


@blueprint.get("/receipts/<int:receipt_id>")
@requires(Permission.RECEIVE)
def show(receipt_id: int) -> ResponseReturnValue:
    """Step 2: check, then post; afterwards the receipt as it stands."""
    return render_template("receiving/show.html", **_shown(receipt_id, ReceiptForm()))


@blueprint.get("/receipts/<int:receipt_id>/live")
@requires(Permission.RECEIVE)
def live(receipt_id: int) -> ResponseReturnValue:
    """The part of a receipt that changes by itself; nothing when it is still as seen."""
    shown = _shown(receipt_id, ReceiptForm())
    if request.args.get("seen") == shown["seen"]:
        return "", 204
    return render_template("receiving/live.html", **shown)


def _shown(receipt_id: int, form: ReceiptForm) -> dict[str, object]:
    receipt = found(queries.for_person(actor(), receipt_id), "receipt")
    order = found(orders.find(receipt.order_id), "order")
    form.offer(presenters.staying_open(order, receipt), [services.entry_of(line) for line in receipt.lines])
    items = open_items_about("receipt", receipt.id)
    return {
        "form": form,
        "receipt": receipt,
        "zone": receipt.order.location.facility.time_zone,
        "status": presenters.STATUSES[receipt.state],
        "lines": presenters.checked_lines(receipt, queries.stocked_lots(receipt)),
        "items": items,
        "is_last": queries.is_last(receipt),
        "seen": f"{receipt.state}-{receipt.erp_number}-{receipt.erp_reversal}-{len(items)}",
    }


@blueprint.post("/receipts/<int:receipt_id>/post")
@requires(Permission.RECEIVE)
def post(receipt_id: int) -> ResponseReturnValue:
    """Posts what was checked."""
    form = ReceiptForm()
    with form.accepting():
        receipt = services.post(actor(), receipt_id, cancel=form.cancelled(), seen=form.seen.data or "")
    if form.is_refused:
        return render_template("receiving/show.html", **_shown(receipt_id, form)), form.refusal
    flash(f"{receipt.number} is posted. The stock is counted and the ERP is told.", "success")
    return redirect(url_for("receiving.show", receipt_id=receipt_id), 303)


@blueprint.post("/receipts/<int:receipt_id>/discard")
@requires(Permission.RECEIVE)
def discard(receipt_id: int) -> ResponseReturnValue:
    """Throws away what was entered."""
    form = ReceiptForm()
    with form.accepting():
        receipt = services.discard(actor(), receipt_id)
    if form.is_refused:
        return render_template("receiving/show.html", **_shown(receipt_id, form)), form.refusal
    flash(f"{receipt.number} is discarded. Nothing was counted.", "info")
    return redirect(url_for("receiving.enter", order_id=receipt.order_id), 303)


@blueprint.get("/receipts/<int:receipt_id>/roll-back")
@requires(Permission.RECEIVE)
def roll_back(receipt_id: int) -> ResponseReturnValue:
    """Asks why the last receipt of an order is taken back."""
    return _roll_back_page(receipt_id, RollBackForm())


@blueprint.post("/receipts/<int:receipt_id>/roll-back")
@requires(Permission.RECEIVE)
def roll_back_submit(receipt_id: int) -> ResponseReturnValue:
    """Takes the last receipt of an order back."""
    form = RollBackForm()
    if form.validate():
        with form.accepting():
            receipt = reversing.roll_back(actor(), receipt_id, form.reason.data)
    if form.is_refused:
        return _roll_back_page(receipt_id, form), form.refusal
    flash(*presenters.rolled_back(receipt))
    return redirect(url_for("receiving.show", receipt_id=receipt_id), 303)


def _roll_back_page(receipt_id: int, form: RollBackForm) -> str:
    receipt = found(queries.for_person(actor(), receipt_id), "receipt")
    return render_template("receiving/roll_back.html", receipt=receipt, form=form)
