"""The batch screen: works as a plain form, totals follow while typing where there is JavaScript."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.approvals import batch
from portal.approvals.blueprint import blueprint, decider
from portal.foundation.access import signed_in
from portal.foundation.web import actor


@blueprint.get("/approvals/batch")
@signed_in
def show_batch() -> ResponseReturnValue:
    """The oldest approvals beside each other."""
    chosen = batch.columns(decider(actor()), request.args.getlist("step", type=int))
    form = batch.batch_form(chosen, formdata=None)
    return render_template("approvals/batch.html", **batch.shown(chosen, form))


@blueprint.post("/approvals/batch")
@signed_in
def decide_batch() -> ResponseReturnValue:
    """Adds up what was typed, or decides it."""
    person = decider(actor())
    named = batch.named(request.form.get("steps", ""))
    chosen = batch.columns(person, named)
    form = batch.batch_form(chosen)
    if len(chosen) < len(named):
        flash("Somebody else decided some of these meanwhile; they are left out.", "info")
    if not form.validate():
        return render_template("approvals/batch.html", **batch.shown(chosen, form)), 422
    if request.form.get("act") != "send":
        return render_template("approvals/batch.html", **batch.shown(chosen, form))
    done, refused = batch.decide(person, chosen, form)
    if done:
        flash(f"Decided: {', '.join(done)}.", "success")
    if refused:
        left = [column for column in chosen if column.step.id in refused]
        return render_template("approvals/batch.html", **batch.shown(left, form, refused)), 422
    return redirect(url_for("approvals.inbox"), 303)
