"""The page that says what asks for more than the cost center's own yes."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import DecimalField, IntegerField, SelectMultipleField, TextAreaField, TimeField
from wtforms.widgets import CheckboxInput

from portal.approvals import facility_hours, policies, queries
from portal.approvals.blueprint import blueprint
from portal.foundation.access import Permission, requires
from portal.foundation.errors import Invalid
from portal.foundation.forms import Form
from portal.foundation.web import actor


class PolicyForm(Form):
    """Amount, categories, and hours."""

    off_contract_above = DecimalField(
        "A buyer looks at spend without contract above",
        description="0 means all of it; empty means never.",
        places=2,
    )
    categories = TextAreaField(
        "A buyer looks at these categories",
        description="One a line, as items name them. One above others counts for these too.",
        render_kw={"rows": 4},
    )
    remind_after = IntegerField("Remind after so many business hours")
    escalate_after = IntegerField("Tell everybody who may decide after so many business hours")
    opens = TimeField(
        "Business hours from", description="Of every facility without hours of its own, in its time."
    )
    closes = TimeField("Business hours to")
    weekdays = SelectMultipleField(
        "Business days",
        description="Days on which a facility is closed never count.",
        choices=dict(enumerate(policies.WEEKDAYS)),
        coerce=int,
        option_widget=CheckboxInput(),
    )

    def wanted(self) -> policies.Wanted:
        """What was entered; raises Invalid with the field that is no number."""
        for name in ("off_contract_above", "remind_after", "escalate_after"):
            field = self[name]
            if field.raw_data and str(field.raw_data[0]).strip() and field.data is None:
                raise Invalid("Enter a number.", field=name)
        if self.opens.data is None or self.closes.data is None:
            name = "opens" if self.opens.data is None else "closes"
            raise Invalid("Enter a time, for example 08:00.", field=name)
        return policies.Wanted(
            off_contract_above=self.off_contract_above.data,
            categories=(self.categories.data or "").splitlines(),
            remind_after=self.remind_after.data or 0,
            escalate_after=self.escalate_after.data or 0,
            opens=self.opens.data,
            closes=self.closes.data,
            weekdays=self.weekdays.data or (),
        )


@blueprint.get("/approvals/rules")
@requires(Permission.MANAGE_RULES)
def policy() -> ResponseReturnValue:
    """What counts now, and what counted before."""
    row = queries.policy_row()
    form = PolicyForm(formdata=None)
    form.off_contract_above.data = row.off_contract_above if row else None
    form.categories.data = "\n".join(row.categories) if row else ""
    known = queries.patience()
    form.remind_after.data, form.escalate_after.data = known.remind_after, known.escalate_after
    form.opens.data, form.closes.data = known.hours.opens, known.hours.closes
    form.weekdays.data = sorted(known.hours.weekdays)
    return _page(form)


@blueprint.post("/approvals/rules")
@requires(Permission.MANAGE_RULES)
def set_policy() -> ResponseReturnValue:
    """From now on this counts; what waits already stays as it was computed."""
    form = PolicyForm()
    # A number that cannot be read is told in our words below.
    for name in ("off_contract_above", "remind_after", "escalate_after", "opens", "closes"):
        form[name].process_errors = []
    if form.validate():
        with form.accepting():
            policies.change(actor(), form.wanted())
    if form.is_refused:
        return _page(form), 422
    flash("It counts from now on. What waits already stays as it is.", "success")
    return redirect(url_for("approvals.policy"), 303)


def _page(form: PolicyForm) -> str:
    return render_template(
        "approvals/policy.html",
        form=form,
        history=policies.history(),
        facilities=facility_hours.of_person(actor()),
    )
