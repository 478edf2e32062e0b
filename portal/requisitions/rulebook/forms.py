"""Forms of a rule's setting, of restrictions, credentials and closed days."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from portal.foundation.forms import DayField, Form, QuantityField
from portal.identity.rules import ROLE_LABELS
from portal.masterdata.models import Facility
from portal.requisitions.forms import ROW_ID
from portal.requisitions.rulebook.rules import Rule, Severity
from portal.requisitions.rulebook.services import Wanted

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WIDER = "wider"
ACTS = {
    "requisition": {
        Severity.OFF: "Off", Severity.WARN: "Warn", Severity.BLOCK: "Block: it cannot be submitted",
    },
    "order": {
        Severity.WARN: "Warn: it is received, and the buyer decides",
        Severity.BLOCK: "Block: it cannot be received",
    },
    "change": {
        Severity.BLOCK: "Ask the approver again", Severity.OFF: "Off: nobody is asked",
    },
    "confirmation": {
        Severity.BLOCK: "Ask the buyer", Severity.OFF: "Off: nobody is asked",
    },
}  # fmt: skip


class SettingForm(Form):
    """How strict a rule is, from where on, where, and since when; see `offer`."""

    severity = SelectField("What it does", validate_choice=False)
    threshold = QuantityField("From where on", zero=True)
    facility = SelectField("Facility", validate_choice=False)
    category = SelectField("Category of items", validate_choice=False)
    starts_on = DayField("From", validators=[InputRequired("Choose a day.")])
    reason = StringField(
        "Why",
        [InputRequired("Say why, for whoever looks at it later."), Length(max=300)],
        description="Stands in the history of this rule.",
    )

    def offer(self, rule: Rule, facilities: Iterable[Facility], categories: Iterable[str]) -> None:
        """Fills in what can be chosen for a rule."""
        choices = {severity.value: ACTS[rule.weighs][severity] for severity in rule.severities}
        self.severity.choices = {**choices, WIDER: "As in the wider setting: take this one back"}
        self.facility.choices = {"": "All facilities", **{str(one.id): one.name for one in facilities}}
        self.category.choices = {"": "All categories", **{name: name for name in categories}}
        if rule.threshold is not None:
            self.threshold.label.text = rule.threshold.label
            self.threshold.description = f"In {rule.threshold.unit}; as delivered {rule.threshold.usual}."
        else:
            del self.threshold
        if not rule.by_category:
            del self.category

    def validate_severity(self, field: SelectField) -> None:
        """Only what the list offers."""
        if field.data not in field.choices:
            raise ValidationError("It does one of the listed things. Choose one.")

    def wanted(self, rule: Rule) -> Wanted:
        """What was entered, once the form is valid."""
        severity = self.severity.data
        return Wanted(
            rule=rule.key,
            severity=Severity(severity) if severity in list(Severity) else None,
            threshold=self._number(),
            facility_id=row_number(self.facility.data),
            category=(self.category.data or "") if self.category else "",
            starts_on=self.starts_on.data or date.min,
            reason=self.reason.data or "",
        )

    def _number(self) -> Decimal | None:
        return self.threshold.data if self.threshold else None


def row_number(text: str | None) -> int | None:
    """The id a list offered; None for its first entry, 0 for what no list offered."""
    if not text:
        return None
    return int(text) if ROW_ID.fullmatch(text) else 0


def _roles() -> dict[str, str]:
    return {"": "None", **{role.value: label for role, label in ROLE_LABELS.items()}}


class RestrictionForm(Form):
    """What is restricted to whom."""

    code = StringField("Item number", [Length(max=60)], description="Or choose a category.")
    category = SelectField("Category", validate_choice=False)
    role = SelectField("Role", choices=_roles, validate_choice=False)
    credential = StringField(
        "Credential", [Length(max=60)], description="Instead of a role, for example: chemotherapy training."
    )

    def offer(self, categories: Iterable[str]) -> None:
        """Fills in the categories."""
        self.category.choices = {"": "None", **{name: name for name in categories}}


class CredentialForm(Form):
    """What a person is trained or licensed for."""

    email = StringField("E-mail of the person", [InputRequired("Enter an e-mail address."), Length(max=254)])
    name = StringField("Credential", [InputRequired("Name the credential."), Length(max=60)])
    valid_until = DayField("Valid until", description="Empty: for good.")


class ClosedDayForm(Form):
    """When a facility, or one of its locations, takes no deliveries."""

    facility = SelectField("Facility", validate_choice=False)
    location = StringField("Location code", [Length(max=60)], description="Empty: the whole facility.")
    weekday = SelectField(
        "Every",
        choices={"": "No weekday", **{str(number): name for number, name in enumerate(WEEKDAYS)}},
        validate_choice=False,
    )
    day = DayField("Or on one day")
    reason = StringField("Why", [Length(max=100)], description="For example: Thanksgiving.")

    def offer(self, facilities: Iterable[Facility]) -> None:
        """Fills in the facilities."""
        self.facility.choices = {str(one.id): one.name for one in facilities}

    def weekday_number(self) -> int | None:
        """Monday is 0; None for no weekday."""
        known: Mapping[str, int] = {str(number): number for number in range(len(WEEKDAYS))}
        return known.get(self.weekday.data or "")
