"""The inbox of an approver, the page of one approval, questions, and the decisions as a file."""

import io

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.approvals import (
    asking,
    batch_views,
    delegation_views,
    facility_hours_views,
    mail_views,
    page,
    policy_views,
    presenters,
    queries,
    told,
)
from portal.approvals.blueprint import blueprint, decider
from portal.approvals.forms import HandOverForm, InboxFilter, QuestionForm
from portal.approvals.rules import EXPORTED, EXPORTED_SINCE
from portal.foundation import clock
from portal.foundation.access import Permission, signed_in
from portal.foundation.errors import Conflict
from portal.foundation.paging import paginate
from portal.foundation.web import actor

__all__ = ["blueprint"]
MORE_VIEWS = (batch_views, delegation_views, facility_hours_views, mail_views, policy_views)
"""Imported so that their pages exist."""


@blueprint.get("/approvals")
@signed_in
def inbox() -> ResponseReturnValue:
    """What waits for the person, oldest first; or what they decided."""
    person = decider(actor())
    form = InboxFilter(request.args)
    is_past = form.show.data == "decided"
    steps = queries.decided if is_past else queries.inbox
    statement = steps(person, form.q.data or "", form.sort.data or "")
    found = paginate(statement, request.args.get("page", 1, type=int))
    left = queries.balances_of(found.rows)
    stocked, patience = queries.stocked(found.rows), queries.patience()
    rows = [presenters.row(one, left.get(one.id), stocked, patience) for one in found.rows]
    return render_template("approvals/inbox.html", form=form, page=found, rows=rows, is_past=is_past)


@blueprint.get("/approvals/<int:step_id>")
@signed_in
def show(step_id: int) -> ResponseReturnValue:
    """One approval with what it costs and what it means."""
    step, requisition = page.look(actor(), step_id)
    return render_template("approvals/show.html", conflict="", **page.context(actor(), step, requisition))


@blueprint.post("/approvals/<int:step_id>")
@signed_in
def decide(step_id: int) -> ResponseReturnValue:
    """Takes the decision over every line, then goes on to the next approval."""
    step, requisition = page.look(actor(), step_id)
    form = page.form_of(step, requisition)
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


@blueprint.post("/approvals/<int:step_id>/ask")
@signed_in
def ask(step_id: int) -> ResponseReturnValue:
    """Asks the requester without deciding."""
    step, requisition = page.look(actor(), step_id)
    form = QuestionForm()
    if form.validate():
        with form.accepting():
            asking.ask(actor(), step_id, form.words())
    if form.is_refused:
        shown = page.context(actor(), step, requisition, ask=form)
        return render_template("approvals/show.html", conflict="", **shown), 422
    flash(f"{requisition.requester.name} is asked. The approval stays in your inbox.", "success")
    return redirect(url_for("approvals.show", step_id=step_id), 303)


@blueprint.post("/approvals/<int:step_id>/hand-over")
@signed_in
def hand_over(step_id: int) -> ResponseReturnValue:
    """Somebody else decides instead, decides as well, or watches."""
    step, requisition = page.look(actor(), step_id)
    form = HandOverForm()
    words = page.handed_over(actor(), step, requisition, form)
    if not words:
        shown = page.context(actor(), step, requisition, hand_over=form)
        return render_template("approvals/show.html", conflict="", **shown), 422
    flash(words, "success")
    return redirect(url_for("approvals.inbox"), 303)


@blueprint.get("/approvals/questions/<int:question_id>")
@signed_in
def question(question_id: int) -> ResponseReturnValue:
    """A question to whoever asked for the goods."""
    found, requisition = asking.look_at(actor(), question_id)
    form = QuestionForm(formdata=None)
    return render_template("approvals/question.html", question=found, requisition=requisition, form=form)


@blueprint.post("/approvals/questions/<int:question_id>")
@signed_in
def answer(question_id: int) -> ResponseReturnValue:
    """Takes the answer."""
    found, requisition = asking.look_at(actor(), question_id)
    form = QuestionForm()
    if form.validate():
        with form.accepting():
            asking.answer(actor(), question_id, form.words())
    if form.is_refused:
        shown = {"question": found, "requisition": requisition, "form": form}
        return render_template("approvals/question.html", **shown), 422
    flash(f"{found.asked_by.name} has your answer.", "success")
    return redirect(url_for("requisitions.show", requisition_id=requisition.id), 303)


@blueprint.get("/approvals/decisions.csv")
@signed_in
def export() -> ResponseReturnValue:
    """The decisions of a year with their evidence: an auditor's are everybody's, an approver's their own."""
    everything = actor().can(Permission.AUDIT)
    person = actor() if everything else decider(actor())
    since = clock.now() - EXPORTED_SINCE
    found = queries.decisions(person, everything=everything, since=since, most=EXPORTED)
    name = f"decisions-{clock.today(current_user.time_zone).isoformat()}.csv"
    content = io.BytesIO(told.decisions_file(found))
    return send_file(content, mimetype="text/csv", as_attachment=True, download_name=name)
