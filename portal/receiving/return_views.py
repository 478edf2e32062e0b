"""Goods that go back to the supplier: what of a receipt, and what became of it."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.web import actor
from portal.receiving import presenters, queries, returns
from portal.receiving.blueprint import blueprint
from portal.receiving.forms import ReturnForm


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


@blueprint.get("/returns/<int:return_id>")
@requires(Permission.RECEIVE)
def show_return(return_id: int) -> ResponseReturnValue:
    """A return, what it holds and what the ERP calls it."""
    sent_back = found(queries.return_for_person(actor(), return_id), "return")
    return render_template("receiving/show_return.html", sent_back=sent_back)
