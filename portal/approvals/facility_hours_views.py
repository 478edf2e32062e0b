"""The page with the business hours of one facility."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectMultipleField, TimeField
from wtforms.widgets import CheckboxInput

from portal.approvals import facility_hours, policies, queries
from portal.approvals.blueprint import blueprint
from portal.foundation.access import Permission, requires
from portal.foundation.errors import Invalid
from portal.foundation.forms import Form
from portal.foundation.web import actor


class HoursForm(Form):
    """From when to when, and on which days."""

    opens = TimeField("Business hours from", description="In the time of the facility.")
    closes = TimeField("Business hours to")
    weekdays = SelectMultipleField(
        "Business days",
        description="Single days on which the facility is closed do not count.",
        choices=dict(enumerate(policies.WEEKDAYS)),
        coerce=int,
        option_widget=CheckboxInput(),
    )

    def keep(self, facility_id: int) -> None:
        """Sets what was entered; raises Invalid with the field that is no time."""
        if self.opens.data is None or self.closes.data is None:
            name = "opens" if self.opens.data is None else "closes"
            raise Invalid("Enter a time, for example 08:00.", field=name)
        facility_hours.set_hours(
            actor(), facility_id, self.opens.data, self.closes.data, self.weekdays.data or ()
        )


@blueprint.get("/approvals/rules/facilities/<int:facility_id>")
@requires(Permission.MANAGE_RULES)
def hours(facility_id: int) -> ResponseReturnValue:
    """The hours that count there now."""
    now = queries.patience().hours_at(facility_id)
    values = {"opens": now.opens, "closes": now.closes, "weekdays": sorted(now.weekdays)}
    return _page(facility_id, HoursForm(formdata=None, data=values))


@blueprint.post("/approvals/rules/facilities/<int:facility_id>")
@requires(Permission.MANAGE_RULES)
def set_hours(facility_id: int) -> ResponseReturnValue:
    """From now on these count there."""
    form = HoursForm()
    for name in ("opens", "closes"):  # told in our words
        form[name].process_errors = []
    if form.validate():
        with form.accepting():
            form.keep(facility_id)
    if form.is_refused:
        return _page(facility_id, form), 422
    flash("These hours count from now on.", "success")
    return redirect(url_for("approvals.policy"), 303)


@blueprint.post("/approvals/rules/facilities/<int:facility_id>/usual")
@requires(Permission.MANAGE_RULES)
def usual_hours(facility_id: int) -> ResponseReturnValue:
    """The organization's hours count there again."""
    facility_hours.take_back(actor(), facility_id)
    flash("The hours of the organization count there again.", "success")
    return redirect(url_for("approvals.policy"), 303)


def _page(facility_id: int, form: HoursForm) -> str:
    known = facility_hours.facility(actor(), facility_id)
    return render_template(
        "approvals/hours.html",
        facility=known,
        form=form,
        has_own=known.id in queries.facility_hours(),
        history=facility_hours.history(known.id),
    )
