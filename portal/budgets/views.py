"""Budgets: the list, and one budget explained by its documents."""

import io
from typing import Any

from flask import Blueprint, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.budgets import presenters, queries
from portal.budgets.forms import BudgetFilter
from portal.budgets.rules import Term
from portal.foundation import clock
from portal.foundation.access import signed_in
from portal.foundation.errors import NotAllowed
from portal.foundation.paging import paginate
from portal.foundation.web import actor

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
    return render_template("budgets/listing.html", form=form, page=page, rows=rows, export_url=export_url)


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
    )


def _statement(form: BudgetFilter) -> Any:
    on = None if form.period.data == "all" else clock.today(current_user.time_zone)
    return queries.listing(actor(), words=form.q.data or "", on=on, sort=form.sort.data or "")


def _require() -> None:
    if not any(actor().can(permission) for permission in queries.SEES_BUDGETS):
        raise NotAllowed(
            "Budgets are open to those who request, approve or override. Ask your administrator."
        )
