"""Filters and decisions of the operations pages."""

from collections.abc import Sequence
from typing import Any

from wtforms import DateField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from portal.exchange.models import Partner
from portal.exchange.rules import Direction, MessageState, WorkItemKind
from portal.foundation.forms import Form
from portal.operations import queries, trail, work_items
from portal.operations.rules import ITEM_LABELS, MESSAGE_KINDS
from portal.operations.words import DIRECTIONS, STATES

LONGEST_REASON = 500


def tidy(text: str | None) -> str:
    """What was typed, without the signs a database cannot keep."""
    return (text or "").replace("\x00", "").strip()


class Filter(Form):
    """A form of a list; it changes nothing and needs no token."""

    class Meta:
        """Sent by GET."""

        csrf = False


class MessageFilter(Filter):
    """Which messages are shown."""

    q = StringField("Number", filters=[tidy], validators=[Length(max=100)])
    partner = SelectField("Partner", validate_choice=False)
    direction = SelectField(
        "Direction",
        choices={"": "Both"} | {one.value: DIRECTIONS[one].label for one in Direction},
        default="",
    )
    kind = SelectField("Document", choices={"": "Any"} | MESSAGE_KINDS, default="")
    state = SelectField(
        "State", choices={"": "Any"} | {one.value: STATES[one].label for one in MessageState}, default=""
    )
    since = DateField("From", validators=[Optional()])
    until = DateField("To", validators=[Optional()])

    def offer(self, partners: Sequence[Partner]) -> None:
        """The partners to choose from."""
        self.partner.choices = {"": "Any"} | {str(one.id): one.name for one in partners}


def message_filter(form: MessageFilter) -> queries.MessageFilter:
    """What was asked for; a field that cannot be read asks for nothing."""
    return queries.MessageFilter(
        partner_id=_id(form.partner.data),
        direction=_valid(form.direction) or "",
        kind=_valid(form.kind) or "",
        state=_valid(form.state) or "",
        number=_valid(form.q) or "",
        span=_span(form),
    )


class ItemFilter(Filter):
    """Which work items are shown."""

    which = SelectField(
        "Show", choices={"open": "Open", "mine": "Mine", "resolved": "Resolved"}, default="open"
    )
    kind = SelectField(
        "Type", choices={"": "Any"} | {one.value: ITEM_LABELS[one] for one in WorkItemKind}, default=""
    )


def item_filter(form: ItemFilter) -> work_items.ItemFilter:
    """What was asked for."""
    form.validate()
    return work_items.ItemFilter(which=_valid(form.which) or "open", kind=_valid(form.kind) or "")


class AuditFilter(Filter):
    """Which events are shown."""

    person = SelectField("Person", validate_choice=False)
    action = StringField("Action", filters=[tidy], validators=[Length(max=100)])
    subject = StringField("About", filters=[tidy], validators=[Length(max=100)])
    since = DateField("From", validators=[Optional()])
    until = DateField("To", validators=[Optional()])

    def offer(self, people: Sequence[Any]) -> None:
        """The people to choose from."""
        self.person.choices = {"": "Anybody"} | {str(one.id): one.name for one in people}


def audit_filter(form: AuditFilter) -> trail.AuditFilter:
    """What was asked for; a field that cannot be read asks for nothing."""
    return trail.AuditFilter(
        account_id=_id(form.person.data),
        action=(_valid(form.action) or "").lower().replace(": ", ".").replace(" ", "_"),
        subject=_valid(form.subject) or "",
        span=_span(form),
    )


def _valid(field: Any) -> Any:
    return None if field.errors else field.data


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _span(form: Any) -> queries.Span:
    return queries.Span(since=_valid(form.since), until=_valid(form.until))


class FindForm(Filter):
    """A number of any document."""

    q = StringField("Number", filters=[tidy], validators=[Length(max=100)])


class WithdrawForm(Form):
    """Why a message is given up."""

    reason = StringField(
        "Reason",
        filters=[tidy],
        validators=[DataRequired("Say why this message is withdrawn."), Length(max=LONGEST_REASON)],
    )


class ResolveForm(Form):
    """How a work item was resolved."""

    comment = TextAreaField(
        "What was done",
        filters=[tidy],
        validators=[DataRequired("Say how this was resolved."), Length(max=LONGEST_REASON)],
    )
