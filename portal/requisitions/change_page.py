"""The form and the page that change a submitted line: how many, when, where, and who pays."""

from typing import Any

from wtforms import HiddenField, StringField

from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.errors import Invalid
from portal.foundation.forms import DayField
from portal.foundation.quantity import plain
from portal.requisitions import changing, charging, moving, shipping
from portal.requisitions.cart_forms import MOST_PAYERS, PAYING, SHORT, LineBoxes, terms_boxes
from portal.requisitions.changing import Asked
from portal.requisitions.forms import ROW_ID, PacksField
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState, SplitBy

LEAST_ROWS = 4
SPLITS = {"": "One cost center", SplitBy.PERCENT: "Several, by percent", SplitBy.AMOUNT: "Several, by amount"}


class ChangeForm(LineBoxes):
    """Another quantity, another day, and why; who pays and where it goes as in the cart."""

    version = HiddenField()
    quantity = PacksField("Quantity")
    need_by = DayField("Needed by")
    reason = StringField("Why", [SHORT])

    def seen_version(self) -> int:
        """The version of the requisition on the page that was sent; 0 when it is not a number."""
        return int(self.version.data) if ROW_ID.fullmatch(self.version.data or "") else 0

    def asked(self, line: RequisitionLine) -> Asked:
        """What was sent; raises Invalid with the box that lacks something."""
        if self.quantity.data is None:
            raise Invalid("Enter how many packs.", field="quantity")
        terms = self.line_edit(line)
        if terms.split_by is None and any(self.parts(line)):
            raise Invalid("Choose by percent or by amount, or empty the parts.", field=f"split-{line.id}")
        return Asked(self.quantity.data, self.need_by.data, self.reason.data or "", terms)

    def parts(self, line: RequisitionLine) -> list[str]:
        """What was typed as the part of each cost center."""
        return [self.typed("part", line.id, "", row) for row in range(MOST_PAYERS)]


def change_form(requisition: Requisition, line: RequisitionLine, *, is_sent: bool) -> ChangeForm:
    """The form as it was sent, or with what the line is now."""
    form: ChangeForm = type("ChangeForm", (ChangeForm,), terms_boxes(line.id, is_shared=True))(
        **({} if is_sent else {"formdata": None})
    )
    if not is_sent:
        form.version.data = str(requisition.version)
        form.quantity.data, form.need_by.data = line.quantity, line.need_by or requisition.need_by
    return form


def context(
    actor: Actor, requisition: Requisition, line: RequisitionLine, form: ChangeForm
) -> dict[str, Any]:
    """The values of the template."""
    today = clock.today(requisition.location.facility.time_zone)
    places = shipping.places_for(actor, requisition)
    centers = charging.cost_centers(actor, requisition, today, {one.facility_id for one in places})
    return {
        "requisition": requisition,
        "line": line,
        "form": form,
        "is_rejected": line.state is LineState.REJECTED,
        "least": max(changing.least(line), 1),
        "terms": moving.terms_of(line),
        "ordered": line.ordered_quantity,
        "boxes": _boxes(requisition, line, form),
        "payers": _payers(line, form),
        "splits": SPLITS,
        "errors": form.errors_of(line.id),
        "centers": [charging.in_words(one) for one in centers],
        "accounts": [charging.in_words(one) for one in charging.gl_accounts()],
        "places": [shipping.in_words(one, requisition) for one in places],
    }


def _boxes(requisition: Requisition, line: RequisitionLine, form: ChangeForm) -> dict[str, str]:
    present = {
        "place": shipping.in_words(line.ship_to, requisition),
        "split": line.split_by or "",
        "center": charging.in_words(line.cost_center),
        "account": charging.in_words(line.gl_account),
    }
    return {kind: form.typed(kind, line.id, value) for kind, value in present.items()}


def _payers(line: RequisitionLine, form: ChangeForm) -> list[dict[str, Any]]:
    """A row for each cost center that shares the line, and one more."""
    typed = [row for row in range(MOST_PAYERS) if form.typed("payer", line.id, "", row)]
    kept = len(line.payers)
    rows = min(max(LEAST_ROWS, kept + 1, max(typed, default=-1) + 2), MOST_PAYERS)
    return [_payer(line, form, row) for row in range(rows)]


def _payer(line: RequisitionLine, form: ChangeForm, row: int) -> dict[str, Any]:
    share = line.payers[row] if row < len(line.payers) else None
    present = {
        "payer": charging.in_words(share.cost_center) if share else "",
        "pays-from": charging.in_words(share.gl_account) if share else "",
        "part": plain(share.weight) if share else "",
    }
    return {
        **{kind: form.typed(kind, line.id, value, row) for kind, value in present.items()},
        "errors": {kind: form.error_of(kind, line.id, row) for kind in PAYING},
    }
