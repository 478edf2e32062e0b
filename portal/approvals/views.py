"""The inbox of an approver and the page of one approval."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.approvals import page, presenters, queries
from portal.approvals.forms import InboxFilter, decision_form
from portal.foundation.access import Permission, requires
from portal.foundation.errors import Conflict
from portal.foundation.paging import paginate
from portal.foundation.web import actor

blueprint = Blueprint("approvals", __name__)


@blueprint.get("/approvals")
@requires(Permission.APPROVE)
def inbox() -> ResponseReturnValue:
    """What waits for the person, oldest first; or what they decided."""
    form = InboxFilter(request.args)
    is_past = form.show.data == "decided"
    steps = queries.decided if is_past else queries.inbox
    statement = steps(actor(), form.q.data or "", form.sort.data or "")
    found = paginate(statement, request.args.get("page", 1, type=int))
    left = queries.balances_of(found.rows)
    rows = [presenters.row(step, left.get(step.cost_center_id)) for step in found.rows]
    return render_template("approvals/inbox.html", form=form, page=found, rows=rows, is_past=is_past)


@blueprint.get("/approvals/<int:step_id>")
@requires(Permission.APPROVE)
def show(step_id: int) -> ResponseReturnValue:
    """One approval with what it costs and what it means."""
    step, requisition = page.look(actor(), step_id)
    return render_template("approvals/show.html", conflict="", **page.context(actor(), step, requisition))


@blueprint.post("/approvals/<int:step_id>")
@requires(Permission.APPROVE)
def decide(step_id: int) -> ResponseReturnValue:
    """Takes the decision over every line, then goes on to the next approval."""
    step, requisition = page.look(actor(), step_id)
    form = decision_form([line.id for line in page.lines_of(step, requisition)])
    status, conflict = 422, ""
    try:
        page.decided(actor(), step, requisition, form)
    except Conflict as error:
        status, conflict = 409, str(error)
    if conflict or form.is_refused:
        step, requisition = page.look(actor(), step_id)
        shown = page.context(actor(), step, requisition, form)
        return render_template("approvals/show.html", conflict=conflict, **shown), status
    flash(presenters.answered(requisition), "success")
    following = queries.next_in_inbox(actor())
    target = url_for("approvals.show", step_id=following) if following else url_for("approvals.inbox")
    return redirect(target, 303)
