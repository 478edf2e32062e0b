"""Recalls: the list, entering one, and all that is known and to be done about one."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.clinical.blueprint import blueprint
from portal.clinical.recalls import queries as recall_queries
from portal.clinical.recalls import services as recalls
from portal.clinical.recalls.forms import RecallForm
from portal.foundation.access import Permission, requires
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.identity.queries import organization

MOST_PAGES = 1_000_000


@blueprint.get("/recalls")
@requires(Permission.MANAGE_RECALLS)
def recall_list() -> ResponseReturnValue:
    """Every recall, open ones first."""
    number = min(request.args.get("page", 1, type=int), MOST_PAGES)
    page = paginate(recall_queries.listing(), number)
    return render_template("clinical/recalls.html", page=page, zone=organization().time_zone)


@blueprint.get("/recalls/new")
@requires(Permission.MANAGE_RECALLS)
def new_recall() -> ResponseReturnValue:
    """The form of a notice."""
    return render_template("clinical/recall_new.html", form=RecallForm())


@blueprint.post("/recalls/new")
@requires(Permission.MANAGE_RECALLS)
def enter_recall() -> ResponseReturnValue:
    """Keeps a notice and sets aside what lies on the shelves."""
    form = RecallForm()
    if form.validate():
        with form.accepting():
            recall = recalls.enter(actor(), form.recall())
    if form.is_refused:
        return render_template("clinical/recall_new.html", form=form), 422
    flash(f"Recall {recall.number} is in force. What lies on the shelves is set aside.", "success")
    return redirect(url_for("clinical.recall", recall_id=recall.id), 303)


@blueprint.get("/recalls/<int:recall_id>")
@requires(Permission.MANAGE_RECALLS)
def recall(recall_id: int) -> ResponseReturnValue:
    """Where the recalled things are, who ordered them, how many cases used them, what is to be done."""
    found = recall_queries.find(recall_id)
    uses = recall_queries.uses_of(found.parts)
    return render_template(
        "clinical/recall.html", recall=found, moved=recall_queries.moved_of(found), uses=uses,
        orders=recall_queries.orders_of(recall_id), cases=recall_queries.case_count(uses),
        outcomes=recalls.OUTCOMES, offered=recalls.OUTCOMES_OF,
        may_view_patients=actor().can(Permission.VIEW_PATIENTS),
        may_view_orders=actor().can(Permission.VIEW_ORDERS), zone=organization().time_zone,
    )  # fmt: skip


@blueprint.get("/recalls/<int:recall_id>/patients")
@requires(Permission.VIEW_PATIENTS)
def recall_patients(recall_id: int) -> ResponseReturnValue:
    """The patients in whose care something recalled was used; every one shown is recorded."""
    uses, patients = recalls.affected(actor(), recall_id)
    return render_template(
        "clinical/recall_patients.html", recall=recall_queries.find(recall_id), uses=uses, patients=patients,
        may_manage=actor().can(Permission.MANAGE_RECALLS), zone=organization().time_zone,
    )  # fmt: skip


@blueprint.post("/recalls/<int:recall_id>/set-aside")
@requires(Permission.MANAGE_RECALLS)
def set_recall_aside(recall_id: int) -> ResponseReturnValue:
    """Looks again for what came in since."""
    count = recalls.set_aside(actor(), recall_id)
    flash(f"{count} more places are set aside." if count else "Nothing more lies on the shelves.", "success")
    return redirect(url_for("clinical.recall", recall_id=recall_id), 303)


@blueprint.post("/recalls/tasks/<int:task_id>")
@requires(Permission.MANAGE_RECALLS)
def finish_recall_task(task_id: int) -> ResponseReturnValue:
    """Says what became of what was set aside."""
    task = recalls.finish_task(actor(), task_id, request.form.get("outcome", ""))
    flash("The task is done.", "success")
    return redirect(url_for("clinical.recall", recall_id=task.recall_id), 303)


@blueprint.post("/recalls/<int:recall_id>/close")
@requires(Permission.MANAGE_RECALLS)
def close_recall(recall_id: int) -> ResponseReturnValue:
    """Ends a recall."""
    recalls.close(actor(), recall_id)
    flash("The recall is closed; it stops nobody any more.", "success")
    return redirect(url_for("clinical.recall", recall_id=recall_id), 303)
