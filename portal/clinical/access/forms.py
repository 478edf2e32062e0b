"""Filters of the page about views of patients."""

from collections.abc import Sequence

from wtforms import DateField, SelectField, StringField
from wtforms.validators import DataRequired, Length, Optional

from portal.clinical.access.records import AccessFilter
from portal.foundation.forms import Form


def tidy(text: str | None) -> str:
    """What was typed, without the signs a database cannot keep."""
    return (text or "").replace("\x00", "").strip()


class Filter(Form):
    """A form of a list; it changes nothing and needs no token."""

    class Meta:
        """Sent by GET."""

        csrf = False


class AccessForm(Filter):
    """Which views are shown; the patient is the portal's own number."""

    patient = StringField("Patient", filters=[tidy], validators=[Length(max=18)])
    person = SelectField("Person", validate_choice=False)
    since = DateField("From", validators=[Optional()])
    until = DateField("To", validators=[Optional()])

    def offer(self, people: Sequence[tuple[int, str]]) -> None:
        """The people to choose from."""
        self.person.choices = {"": "Anybody"} | {str(one[0]): one[1] for one in people}


class PatientForm(Form):
    """A patient's number; it is posted, so that it stands in no address."""

    value = StringField("Patient number", filters=[tidy], validators=[DataRequired(), Length(max=200)])
    assigner = SelectField("Assigned by", validate_choice=False)

    def offer(self, assigners: Sequence[str]) -> None:
        """Who assigns numbers."""
        self.assigner.choices = {one: one or "Not said" for one in assigners}


def access_filter(form: AccessForm) -> AccessFilter:
    """What was asked for; a field that cannot be read asks for nothing."""
    return AccessFilter(
        patient_id=_id(form.patient.data),
        account_id=_id(form.person.data),
        since=None if form.since.errors else form.since.data,
        until=None if form.until.errors else form.until.data,
    )


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None
