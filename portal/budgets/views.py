"""Budgets: the list, and one budget explained by its documents."""

import io
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.budgets import presenters, queries, setting
from portal.budgets.forms import BudgetFilter, ChangeForm, SetForm
from portal.budgets.rules import Term
from portal.foundation import clock
from portal.foundation.access import Permission, requires, signed_in
from portal.foundation.audit import history_of
from portal.foundation.errors import Conflict, NotAllowed
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.masterdata.listings import categories

MOST_EXPORTED = 100_000
blueprint = Blueprint("budgets", __name__)


@blueprint.get("/budgets")
@signed_in
def listing() -> ResponseReturnValue:
    """The budgets a person requests or approves from."""
    _require()
    form = BudgetFilter(request.args)
    page = paginate(_statement(form), request.args.get("page", 1, type=int))
    balances = queries.balances(page.rows)
    rows = [presenters.row(budget, balances[budget.id]) for budget in page.rows]
    export_url = f"{url_for('budgets.export')}?{request.query_string.decode()}"
    return render_template(
        "budgets/listing.html",
        form=form,
        page=page,
        rows=rows,
        export_url=export_url,
        may_set=actor().can(Permission.MANAGE_BUDGETS),
    )


@blueprint.get("/budgets.csv")
@signed_in
def export() -> ResponseReturnValue:
    """The same list, all pages, as a file."""
    _require()
    found = paginate(_statement(BudgetFilter(request.args)), 1, per_page=MOST_EXPORTED).rows
    content = io.BytesIO(presenters.file(found, queries.balances(found)))
    name = f"budgets-{clock.today(current_user.time_zone).isoformat()}.csv"
    return send_file(content, mimetype="text/csv", as_attachment=True, download_name=name)


@blueprint.get("/budgets/<int:budget_id>")
@signed_in
def show(budget_id: int) -> ResponseReturnValue:
    """Why so much is available: the formula, and the documents behind each term."""
    _require()
    budget = queries.find(actor(), budget_id)
    balance = queries.balances([budget])[budget.id]
    asked = request.args.get("term", "")
    term = Term(asked) if asked in list(Term) else None
    page = paginate(queries.held_documents(budget.id, term), request.args.get("page", 1, type=int))
    held = [queries.Held(*columns) for columns in page.rows]
    return render_template(
        "budgets/show.html",
        budget=presenters.row(budget, balance),
        formula=presenters.formula(balance),
        terms=[{"label": presenters.LABELS[one], "term": one.value} for one in Term],
        term=term.value if term else "",
        page=page,
        rows=presenters.document_rows(actor(), held, queries.outlooks_of(held)),
        history=presenters.history(history_of("budget", budget_id)),
        may_set=queries.may_set(actor(), budget),
    )


@blueprint.get("/budgets/new")
@requires(Permission.MANAGE_BUDGETS)
def new() -> ResponseReturnValue:
    """Asks for whom, how much, from when to when."""
    return _set_page(_set_form())


@blueprint.post("/budgets/new")
@requires(Permission.MANAGE_BUDGETS)
def add() -> ResponseReturnValue:
    """Sets a budget that was not there."""
    form = _set_form()
    if form.validate():
        with form.accepting():
            budget = setting.add(actor(), form.chosen(), form.wanted())
    if form.is_refused:
        return _set_page(form), 422
    flash("The budget counts from its first day.", "success")
    return redirect(url_for("budgets.show", budget_id=budget.id), 303)


@blueprint.get("/budgets/<int:budget_id>/change")
@requires(Permission.MANAGE_BUDGETS)
def ask_change(budget_id: int) -> ResponseReturnValue:
    """Asks what shall count instead."""
    form = ChangeForm(formdata=None)
    form.show(queries.find(actor(), budget_id))
    return _change_page(budget_id, form)


@blueprint.post("/budgets/<int:budget_id>/change")
@requires(Permission.MANAGE_BUDGETS)
def change(budget_id: int) -> ResponseReturnValue:
    """Changes it; what is held stays held."""
    form = ChangeForm()
    if form.validate():
        try:
            with form.accepting():
                setting.change(actor(), budget_id, form.wanted(), seen=form.seen.data or "")
        except Conflict as error:
            form.seen.data = str(queries.find(actor(), budget_id).amount)
            return _change_page(budget_id, form, str(error)), 409
    if form.is_refused:
        return _change_page(budget_id, form), 422
    flash("The budget is changed.", "success")
    return redirect(url_for("budgets.show", budget_id=budget_id), 303)


def _set_form() -> SetForm:
    form = SetForm()
    form.offer(queries.centers_to_set(actor()), categories())
    return form


def _set_page(form: SetForm) -> str:
    return render_template("budgets/set.html", form=form)


def _change_page(budget_id: int, form: ChangeForm, conflict: str = "") -> str:
    budget = queries.find(actor(), budget_id)
    shown = presenters.row(budget, queries.balances([budget])[budget_id])
    return render_template("budgets/change.html", form=form, budget=shown, conflict=conflict)


def _statement(form: BudgetFilter) -> Any:
    on = None if form.period.data == "all" else clock.today(current_user.time_zone)
    return queries.listing(actor(), words=form.q.data or "", on=on, sort=form.sort.data or "")


def _require() -> None:
    if not any(actor().can(permission) for permission in queries.SEES_BUDGETS):
        raise NotAllowed(
            "Budgets are open to those who request, approve or override. Ask your administrator."
        )
