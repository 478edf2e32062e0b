"""Deciding about differences: one by one, many at once, by the approver, by the requester."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.orders.differences import choosing, grouping, presenters, queries, services
from portal.orders.differences.forms import ChooseForm, DecideForm, GroupForm, in_rows
from portal.orders.differences.rules import Act, Choice
from portal.orders.forms import row_number
from portal.requisitions import queries as requisitions

blueprint = Blueprint("differences", __name__)


@blueprint.get("/orders/differences/<int:item_id>")
@requires(Permission.BUY)
def show(item_id: int) -> ResponseReturnValue:
    """One difference and what can be done about it."""
    return _page(item_id, DecideForm(formdata=None))


@blueprint.post("/orders/differences/<int:item_id>")
@requires(Permission.BUY)
def decide(item_id: int) -> ResponseReturnValue:
    """Does what was chosen."""
    form = DecideForm()
    case = queries.case_for(actor(), item_id)
    form.suggest(presenters.panel_of(case))
    told = ""
    if form.validate():
        with form.accepting():
            told = services.decide(
                actor(), item_id, Act(form.act.data),
                words=form.words.data or "", offer_id=form.offer_id(), pack=form.pack(),
            )  # fmt: skip
    if form.is_refused:
        return _page(item_id, form), form.refusal
    flash(told, "success")
    return redirect(url_for("orders.show", order_id=case.order.id), 303)


def _page(item_id: int, form: DecideForm) -> str:
    case = queries.case_for(actor(), item_id)
    panel = presenters.panel_of(case)
    form.suggest(panel)
    return render_template("orders/differences/show.html", case=case, panel=panel, form=form)


@blueprint.get("/orders/backorders")
@requires(Permission.BUY)
def backorders() -> ResponseReturnValue:
    """What does not come as ordered, what stops care first on top."""
    rows = presenters.short_rows(queries.open_shortages(actor()))
    return render_template("orders/differences/backorders.html", rows=rows)


@blueprint.get("/orders/price-differences")
@requires(Permission.BUY)
def prices() -> ResponseReturnValue:
    """The same price difference of many lines as one decision."""
    return _prices()


@blueprint.post("/orders/price-differences/accept")
@requires(Permission.BUY)
def accept_prices() -> ResponseReturnValue:
    """Accepts the price of a group, with the contract if a day is named."""
    form = GroupForm()
    told: list[str] = []
    if form.validate():
        with form.accepting():
            told = grouping.accept_group(actor(), form.key.data, contract_from=form.contract_from.data)
    return _told(form, told)


@blueprint.post("/orders/price-differences/dispute")
@requires(Permission.BUY)
def dispute_prices() -> ResponseReturnValue:
    """Disputes the price of a group."""
    form = GroupForm()
    told: list[str] = []
    if form.validate():
        with form.accepting():
            told = grouping.dispute_group(actor(), form.key.data, form.words.data or "")
    return _told(form, told)


def _told(form: GroupForm, told: list[str]) -> ResponseReturnValue:
    if form.is_refused:
        return _prices(form), form.refusal
    for sentence in dict.fromkeys(told):
        flash(sentence, "success")
    return redirect(url_for("differences.prices"), 303)


def _prices(refused: GroupForm | None = None) -> str:
    rows = presenters.group_rows(grouping.price_groups(actor()))
    keys = [row["key"] for row in rows]
    forms = in_rows(GroupForm, refused, refused.key.data if refused else None, keys)
    for form, key in zip(forms, keys, strict=True):
        form.key.data = key
    is_gone = refused is not None and refused not in forms
    return render_template(
        "orders/differences/prices.html",
        rows=list(zip(rows, forms, strict=True)), refused=refused if is_gone else None,
    )  # fmt: skip


@blueprint.get("/requisitions/<int:requisition_id>/shortages")
@requires(Permission.REQUEST)
def shortages(requisition_id: int) -> ResponseReturnValue:
    """What does not come of a requisition, with what its requester may choose."""
    return _shortages(requisition_id, ChooseForm(formdata=None))


@blueprint.post("/requisitions/<int:requisition_id>/shortages")
@requires(Permission.REQUEST)
def choose(requisition_id: int) -> ResponseReturnValue:
    """Keeps what the requester wants."""
    form = ChooseForm()
    if form.validate():
        with form.accepting():
            lines = row_number(form.requested.data) or 0, row_number(form.line.data) or 0
            choosing.choose(actor(), requisition_id, *lines, Choice(form.choice.data))
    if form.is_refused:
        return _shortages(requisition_id, form), form.refusal
    flash("The buyer sees what you want and acts on it.", "success")
    return redirect(url_for("differences.shortages", requisition_id=requisition_id), 303)


def _shortages(requisition_id: int, form: ChooseForm) -> str:
    requisition = requisitions.for_person(actor(), requisition_id)
    rows = presenters.shortage_rows(choosing.shortages(requisition.id))
    return render_template(
        "orders/differences/shortages.html",
        requisition=requisition, rows=rows, form=form,
        may_choose=requisition.requester_id == actor().account_id,
    )  # fmt: skip
