"""Receiving in two steps: enter, then check."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.orders import queries as orders
from portal.receiving import presenters, queries, services
from portal.receiving.forms import EntryForm, FindForm

blueprint = Blueprint("receiving", __name__, url_prefix="/receive")


@blueprint.get("")
@requires(Permission.RECEIVE)
def listing() -> ResponseReturnValue:
    """What is expected; a number that finds one order opens it."""
    form = FindForm(request.args)
    words = (form.q.data or "").strip()
    page = paginate(queries.expected(actor(), words), request.args.get("page", 1, type=int))
    if words and page.total == 1:
        return redirect(url_for("receiving.enter", order_id=page.rows[0].id))
    rows = [presenters.expected(order) for order in page.rows]
    return render_template("receiving/listing.html", form=form, page=page, rows=rows)


@blueprint.get("/receipts")
@requires(Permission.RECEIVE)
def receipts() -> ResponseReturnValue:
    """Receipts, newest first."""
    page = paginate(queries.listing(actor()), request.args.get("page", 1, type=int))
    rows = [presenters.row(receipt) for receipt in page.rows]
    return render_template("receiving/receipts.html", page=page, rows=rows)


@blueprint.get("/<int:order_id>")
@requires(Permission.RECEIVE)
def enter(order_id: int) -> ResponseReturnValue:
    """Step 1: count."""
    form = EntryForm()
    form.lay_out(found(orders.for_person(actor(), order_id), "order"))
    return _entry_page(form, order_id)


@blueprint.post("/<int:order_id>")
@requires(Permission.RECEIVE)
def save(order_id: int) -> ResponseReturnValue:
    """Keeps the count for checking, or adds a row, or fills rows from the ship notice."""
    form = EntryForm()
    if "add" in request.form:
        form.add_lot(request.form.get("add", 0, type=int))
        return _entry_page(form, order_id)
    if "autofill" in request.form:
        form.fill_from(orders.shipped_lines(order_id))
        return _entry_page(form, order_id)
    if not form.validate():
        return _entry_page(form, order_id), 422
    with form.accepting():
        receipt = services.enter(actor(), order_id, form_key=form.form_key.data, entries=form.counted())
    if form.is_refused:
        return _entry_page(form, order_id), 422
    return redirect(url_for("receiving.show", receipt_id=receipt.id), 303)


def _entry_page(form: EntryForm, order_id: int) -> str:
    order = found(orders.for_person(actor(), order_id), "order")
    lines = presenters.lines_by_id(order)
    shipped = bool(orders.shipped_lines(order_id))
    return render_template("receiving/enter.html", form=form, order=order, lines=lines, shipped=shipped)


@blueprint.get("/receipts/<int:receipt_id>")
@requires(Permission.RECEIVE)
def show(receipt_id: int) -> ResponseReturnValue:
    """Step 2: check, then post; afterwards the receipt as it stands."""
    return render_template("receiving/show.html", **_shown(receipt_id))


@blueprint.get("/receipts/<int:receipt_id>/live")
@requires(Permission.RECEIVE)
def live(receipt_id: int) -> ResponseReturnValue:
    """The part of a receipt that changes by itself; nothing when it is still as seen."""
    shown = _shown(receipt_id)
    if request.args.get("seen") == shown["seen"]:
        return "", 204
    return render_template("receiving/live.html", **shown)


def _shown(receipt_id: int) -> dict[str, object]:
    receipt = found(queries.for_person(actor(), receipt_id), "receipt")
    return {
        "receipt": receipt,
        "status": presenters.STATUSES[receipt.state],
        "lines": presenters.checked_lines(receipt),
        "seen": f"{receipt.state}-{receipt.erp_number}",
    }


@blueprint.post("/receipts/<int:receipt_id>/post")
@requires(Permission.RECEIVE)
def post(receipt_id: int) -> ResponseReturnValue:
    """Posts what was checked."""
    receipt = services.post(actor(), receipt_id)
    flash(f"{receipt.number} is posted. The stock is counted and the ERP is told.", "success")
    return redirect(url_for("receiving.show", receipt_id=receipt_id), 303)


@blueprint.post("/receipts/<int:receipt_id>/discard")
@requires(Permission.RECEIVE)
def discard(receipt_id: int) -> ResponseReturnValue:
    """Throws away what was entered."""
    receipt = services.discard(actor(), receipt_id)
    flash(f"{receipt.number} is discarded. Nothing was counted.", "info")
    return redirect(url_for("receiving.enter", order_id=receipt.order_id), 303)
