"""The page that changes a line after it was submitted."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.requisitions import changing, queries
from portal.requisitions.change_page import ChangeForm, change_form, context

blueprint = Blueprint("changes", __name__)


@blueprint.get("/requisitions/<int:requisition_id>/lines/<int:line_id>/change")
@requires(Permission.REQUEST)
def change_line(requisition_id: int, line_id: int) -> ResponseReturnValue:
    """Asks what shall change."""
    return _page(requisition_id, line_id)


@blueprint.post("/requisitions/<int:requisition_id>/lines/<int:line_id>/change")
@requires(Permission.REQUEST)
def change_line_submit(requisition_id: int, line_id: int) -> ResponseReturnValue:
    """Changes the line and asks again whom the change touches."""
    requisition = queries.own(actor(), requisition_id)
    line = changing.line_of(actor(), requisition, line_id)
    form = change_form(requisition, line, is_sent=True)
    if form.validate():
        with form.accepting():
            asked = form.asked(line)
            changing.change_line(actor(), requisition_id, line_id, asked, seen_version=form.seen_version())
    if form.is_refused:
        return _page(requisition_id, line_id, form), 422
    flash(f"{line.item.name} is changed and waits for approval again.", "success")
    return redirect(url_for("requisitions.show", requisition_id=requisition_id), 303)


def _page(requisition_id: int, line_id: int, form: ChangeForm | None = None) -> str:
    # What a refusal undid is read again.
    requisition = queries.own(actor(), requisition_id)
    line = changing.line_of(actor(), requisition, line_id)
    form = form or change_form(requisition, line, is_sent=False)
    return render_template("requisitions/change.html", **context(actor(), requisition, line, form))
