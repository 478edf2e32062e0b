"""One use, what is to be decided about it, and the sheet of a case."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.clinical.blueprint import blueprint
from portal.clinical.care.rules import OUTCOME_LABELS
from portal.clinical.usage import queries as usage_queries
from portal.clinical.usage import review as usage_review
from portal.clinical.usage import services as usage
from portal.clinical.usage.forms import ChooseForm, ReasonForm
from portal.foundation.access import Permission, requires
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.identity.queries import organization

MOST_PAGES = 1_000_000


@blueprint.get("/uses")
@requires(Permission.RESOLVE_WORK_ITEMS)
def uses() -> ResponseReturnValue:
    """Uses that wait for a decision."""
    page = paginate(usage_queries.waiting(), min(request.args.get("page", 1, type=int), MOST_PAGES))
    return render_template(
        "clinical/uses.html", page=page, outcomes=OUTCOME_LABELS, zone=organization().time_zone
    )


@blueprint.get("/uses/<int:usage_id>")
@requires(Permission.RESOLVE_WORK_ITEMS)
def use(usage_id: int) -> ResponseReturnValue:
    """What was reported, what followed, and what is to be decided."""
    return _page(usage_id, ChooseForm(formdata=None), ReasonForm(formdata=None))


@blueprint.post("/uses/<int:usage_id>/choose")
@requires(Permission.RESOLVE_WORK_ITEMS)
def choose_use(usage_id: int) -> ResponseReturnValue:
    """Says what an unknown use was; it then counts."""
    form = ChooseForm()
    form.offer(usage_queries.places())
    if form.validate():
        with form.accepting():
            usage_review.choose(
                actor(), usage_id, item_id=form.item_id(), location_id=form.location.data,
                quantity=form.pieces,
            )  # fmt: skip
    if form.is_refused:
        return _page(usage_id, form, ReasonForm(formdata=None)), 422
    return _done(usage_id, "The use counts now.")


@blueprint.post("/uses/<int:usage_id>/apply")
@requires(Permission.RESOLVE_WORK_ITEMS)
def apply_use(usage_id: int) -> ResponseReturnValue:
    """Lets this report count instead of the first."""
    usage_review.apply_this(actor(), usage_id)
    return _done(usage_id, "This report counts now.")


@blueprint.post("/uses/<int:usage_id>/undo")
@requires(Permission.RESOLVE_WORK_ITEMS)
def undo_use(usage_id: int) -> ResponseReturnValue:
    """Takes back a use that counts, or drops one that waits."""
    form = ReasonForm()
    if form.validate():
        with form.accepting():
            usage.undo(actor(), usage_id, form.reason.data)
    if form.is_refused:
        return _page(usage_id, ChooseForm(formdata=None), form), 422
    return _done(usage_id, "The use does not count any more.")


def _done(usage_id: int, sentence: str) -> ResponseReturnValue:
    flash(sentence, "success")
    return redirect(url_for("clinical.use", usage_id=usage_id), 303)


def _page(usage_id: int, choose: ChooseForm, reason: ReasonForm) -> str:
    shown = usage_queries.use(actor(), usage_id)
    choose.offer(usage_queries.places())
    if choose.quantity.data is None and not choose.quantity.raw_data:
        choose.quantity.data, choose.location.data = shown.row.quantity, shown.row.location_id
    return render_template(
        "clinical/use.html", use=shown, row=shown.row, choose=choose, reason=reason, outcomes=OUTCOME_LABELS,
        zone=organization().time_zone,
    )  # fmt: skip


@blueprint.get("/cases/<string:number>")
@requires(Permission.VIEW_PATIENTS)
def case_sheet(number: str) -> ResponseReturnValue:
    """The supplies, the cost and the patient of a case; the view is recorded."""
    sheet = usage_queries.case_sheet(actor(), number)
    return render_template(
        "clinical/case.html", sheet=sheet, case=sheet.case, outcomes=OUTCOME_LABELS,
        currency=organization().currency, zone=organization().time_zone,
    )  # fmt: skip
