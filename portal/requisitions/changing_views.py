"""The page that changes a line after it was submitted."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField, StringField
from wtforms.validators import Length

from portal.foundation.access import Permission, requires
from portal.foundation.errors import Invalid
from portal.foundation.forms import DayField, Form, QuantityField
from portal.foundation.web import actor
from portal.requisitions import changing, queries
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LONGEST_REASON, LineState

blueprint = Blueprint("changes", __name__)


class ChangeForm(Form):
    """Another quantity, another day, and why."""

    version = HiddenField()
    quantity = QuantityField("Quantity", whole=True)
    need_by = DayField("Needed by")
    reason = StringField(
        "Why", [Length(max=LONGEST_REASON, message=f"Write at most {LONGEST_REASON} characters.")]
    )

    def seen_version(self) -> int:
        """The version of the requisition on the page that was sent; 0 when it is not a number."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@blueprint.get("/requisitions/<int:requisition_id>/lines/<int:line_id>/change")
@requires(Permission.REQUEST)
def change_line(requisition_id: int, line_id: int) -> ResponseReturnValue:
    """Asks what shall change."""
    requisition = queries.own(actor(), requisition_id)
    line = changing.line_of(actor(), requisition, line_id)
    form = ChangeForm(formdata=None)
    form.quantity.data, form.need_by.data = line.quantity, line.need_by or requisition.need_by
    return _page(requisition, line, form)


@blueprint.post("/requisitions/<int:requisition_id>/lines/<int:line_id>/change")
@requires(Permission.REQUEST)
def change_line_submit(requisition_id: int, line_id: int) -> ResponseReturnValue:
    """Changes the line and asks again whom the change touches."""
    requisition = queries.own(actor(), requisition_id)
    line = changing.line_of(actor(), requisition, line_id)
    form = ChangeForm()
    if form.validate():
        with form.accepting():
            _change(requisition_id, line_id, form)
    if form.is_refused:
        return _page(requisition, line, form), 422
    flash(f"{line.item.name} is changed and waits for approval again.", "success")
    return redirect(url_for("requisitions.show", requisition_id=requisition_id), 303)


def _change(requisition_id: int, line_id: int, form: ChangeForm) -> None:
    if form.quantity.data is None:
        raise Invalid("Enter how many packs.", field="quantity")
    changing.change_line(
        actor(),
        requisition_id,
        line_id,
        quantity=form.quantity.data,
        need_by=form.need_by.data,
        reason=form.reason.data or "",
        seen_version=form.seen_version(),
    )


def _page(requisition: Requisition, line: RequisitionLine, form: ChangeForm) -> str:
    form.version.data = form.version.data or str(requisition.version)
    shown: dict[str, Any] = {"requisition": requisition, "line": line, "form": form}
    is_rejected = line.state is LineState.REJECTED
    least = max(changing.least(line), 1)
    return render_template("requisitions/change.html", is_rejected=is_rejected, least=least, **shown)
