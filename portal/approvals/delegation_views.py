"""The page on which people say who decides for them."""

from datetime import date

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import SelectField, StringField

from portal.approvals import delegation, people
from portal.approvals.blueprint import blueprint
from portal.approvals.delegation import Wanted
from portal.approvals.forms import TOO_LONG
from portal.approvals.rules import DECIDES
from portal.foundation import clock
from portal.foundation.access import Actor, Permission, signed_in
from portal.foundation.errors import Invalid, NotAllowed
from portal.foundation.forms import DayField, Form
from portal.foundation.web import actor


class DelegationForm(Form):
    """Who decides for whom, from when to when."""

    person = SelectField("Who is absent", validate_choice=False)
    delegate = SelectField("Who decides meanwhile", validate_choice=False)
    starts_on = DayField("First day")
    ends_on = DayField("Last day")
    reason = StringField("Why", [TOO_LONG])

    def offer(self, known: dict[int, str], person: Actor) -> None:
        """Lets people be chosen; only an administrator chooses who is absent."""
        self.delegate.choices = {"": "Choose a person"} | {str(one): name for one, name in known.items()}
        if person.can(Permission.ADMINISTER):
            self.person.choices = self.delegate.choices
        else:
            del self.person

    def wanted(self, person: Actor) -> Wanted:
        """What was chosen; raises Invalid for what is missing."""
        absent = _chosen(self.person, "person") if "person" in self else person.account_id or 0
        return Wanted(
            account_id=absent,
            delegate_id=_chosen(self.delegate, "delegate"),
            starts_on=_day(self.starts_on.data, "starts_on"),
            ends_on=_day(self.ends_on.data, "ends_on"),
            reason=self.reason.data or "",
        )


def _chosen(field: SelectField, name: str) -> int:
    text = str(field.data or "")
    if not (text.isascii() and text.isdigit()):
        raise Invalid("Choose a person.", field=name)
    return int(text)


def _day(day: date | None, name: str) -> date:
    if day is None:
        raise Invalid("Choose a day.", field=name)
    return day


def _decides(person: Actor) -> bool:
    return any(one.can(permission) for one in people.persons(person) for permission in DECIDES)


def _concerned(person: Actor) -> Actor:
    if not _decides(person) and not person.can(Permission.ADMINISTER):
        raise NotAllowed("Your role decides nothing that could be delegated.")
    return person


@blueprint.get("/approvals/delegations")
@signed_in
def delegations() -> ResponseReturnValue:
    """Who decides for whom."""
    form = DelegationForm(formdata=None)
    form.starts_on.data = clock.today(current_user.time_zone)
    return _page(_concerned(actor()), form)


@blueprint.post("/approvals/delegations")
@signed_in
def set_delegation() -> ResponseReturnValue:
    """Lets somebody decide for a period."""
    person = _concerned(actor())
    form = DelegationForm()
    form.offer(delegation.deciders(), person)
    if form.validate():
        with form.accepting():
            delegation.delegate(person, form.wanted(person))
    if form.is_refused:
        return _page(person, form), 422
    flash("It is set. Both people stand in the record of every decision.", "success")
    return redirect(url_for("approvals.delegations"), 303)


@blueprint.post("/approvals/delegations/<int:delegation_id>/end")
@signed_in
def end_delegation(delegation_id: int) -> ResponseReturnValue:
    """Ends it at once."""
    delegation.end(actor(), delegation_id)
    flash("It is ended.", "success")
    return redirect(url_for("approvals.delegations"), 303)


def _page(person: Actor, form: DelegationForm) -> str:
    if form.delegate.choices is None:
        form.offer(delegation.deciders(), person)
    rows = delegation.listing(person)
    today = clock.today(current_user.time_zone)
    return render_template(
        "approvals/delegations.html", form=form, rows=rows, today=today, decides=_decides(person)
    )
