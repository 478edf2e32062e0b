"""Budgets: the list, and one budget explained by its documents."""

from flask import Blueprint, render_template, request
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

blueprint = Blueprint("budgets", __name__)


@blueprint.get("/budgets")
@signed_in
def listing() -> ResponseReturnValue:
    """The budgets a person requests or approves from."""
    _require()
    form = BudgetFilter(request.args)
    on = None if form.period.data == "all" else clock.today(current_user.time_zone)
    statement = queries.listing(actor(), words=form.q.data or "", on=on)
    page = paginate(statement, request.args.get("page", 1, type=int))
    balances = queries.balances(page.rows)
    rows = [presenters.row(budget, balances[budget.id]) for budget in page.rows]
    return render_template("budgets/listing.html", form=form, page=page, rows=rows)


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
    return render_template(
        "budgets/show.html",
        budget=presenters.row(budget, balance),
        formula=presenters.formula(balance),
        terms=[{"label": presenters.LABELS[one], "term": one.value} for one in Term],
        term=term.value if term else "",
        page=page,
        rows=presenters.document_rows(actor(), page.rows),
    )


def _require() -> None:
    if not any(actor().can(permission) for permission in queries.SEES_BUDGETS):
        raise NotAllowed("Budgets are open to those who request or approve. Ask your administrator.")
