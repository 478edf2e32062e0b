"""The decision over the lines of a step, a question, handing over, and the filter of the inbox."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Length, ValidationError

from portal.approvals.rules import LONGEST_COMMENT, LONGEST_REASON, OTHER_REASON, REASONS
from portal.approvals.services import Decision
from portal.foundation.errors import Invalid
from portal.foundation.forms import Form, QuantityField

YES, HOLD = "yes", "hold"
ANSWERS = (
    {YES: "Approve"}
    | {reason: f"Reject: {reason[:1].lower()}{reason[1:]}" for reason in REASONS}
    | {HOLD: "Hold, decide later"}
)
TOO_LONG = Length(max=LONGEST_REASON, message=f"Write at most {LONGEST_REASON} characters.")


class DecisionForm(Form):
    """Yes, fewer, no with its reason, or later, for each line; see `decision_form`."""

    version = HiddenField()
    comment = TextAreaField(
        "Comment to the requester",
        [Length(max=LONGEST_COMMENT, message=f"Write at most {LONGEST_COMMENT} characters.")],
        render_kw={"rows": 2, "maxlength": LONGEST_COMMENT},
    )

    def answer(self, line_id: int) -> SelectField:
        """The field with the answer to a line."""
        return self[answer_name(line_id)]

    def words(self, line_id: int) -> StringField:
        """The field with words beside the answer to a line."""
        return self[words_name(line_id)]

    def quantity(self, line_id: int) -> QuantityField:
        """The field with the quantity that is approved."""
        field: QuantityField = self[quantity_name(line_id)]
        return field

    def decisions(self, asked: Mapping[int, Decimal]) -> dict[int, Decision]:
        """The answers by line, given what was asked for; a line without one of the answers is left out."""
        return {
            line_id: self._decision(line_id, quantity)
            for line_id, quantity in asked.items()
            if self._is_answered(line_id)
        }

    def _is_answered(self, line_id: int) -> bool:
        # Yes is chosen on the page, never assumed of a form that lacks the answer.
        field = self.answer(line_id)
        return bool(field.raw_data) and field.data in ANSWERS

    def _decision(self, line_id: int, asked: Decimal) -> Decision:
        answer, words = str(self.answer(line_id).data), (self.words(line_id).data or "").strip()
        quantity = self.quantity(line_id).data
        if answer == HOLD:
            return Decision(approved=False, held=True, reason=words)
        if answer == YES:
            is_cut = quantity is not None and quantity != asked
            return Decision(approved=True, reason=words, quantity=quantity if is_cut else None)
        if answer == OTHER_REASON:
            return Decision(approved=False, reason=words)
        return Decision(approved=False, reason=f"{answer}: {words}" if words else answer)

    def seen_version(self) -> int:
        """The version of the requisition on the page that was sent; 0 when it is not a number."""
        text = self.version.data or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def decision_form(line_ids: Sequence[int], **values: Any) -> DecisionForm:
    """A form with an answer, first of all yes, for each line."""
    fields: dict[str, Any] = {}
    for line_id in line_ids:
        fields[answer_name(line_id)] = SelectField(
            "Decision", choices=ANSWERS, default=YES, validate_choice=False
        )
        fields[words_name(line_id)] = StringField("Words to the requester", [TOO_LONG])
        fields[quantity_name(line_id)] = QuantityField("Quantity", whole=True, validators=[_not_emptied])
    form: DecisionForm = type("DecisionForm", (DecisionForm,), fields)(**values)
    return form


def _not_emptied(form: DecisionForm, field: QuantityField) -> None:
    """An emptied box is no yes to all."""
    answer = form.answer(int(field.name.removeprefix("quantity-")))
    if field.raw_data and field.data is None and answer.data == YES:
        raise ValidationError("Enter how many, or reject the line.")


def answer_name(line_id: int) -> str:
    """The name of the field with the answer; services name it when they refuse one."""
    return f"line-{line_id}"


def words_name(line_id: int) -> str:
    """The name of the field with words."""
    return f"words-{line_id}"


def quantity_name(line_id: int) -> str:
    """The name of the field with the quantity that is approved."""
    return f"quantity-{line_id}"


class QuestionForm(Form):
    """A question to the requester, or the answer to one."""

    text = TextAreaField("Question", render_kw={"rows": 2, "maxlength": LONGEST_COMMENT})

    def words(self) -> str:
        """What was written; raises Invalid without words or with too many."""
        words = (self.text.data or "").strip()
        if not words:
            raise Invalid("Write a few words.", field="text")
        if len(words) > LONGEST_COMMENT:
            raise Invalid(f"Write at most {LONGEST_COMMENT} characters.", field="text")
        return words


HAND_OVER = {
    "forward": "decides instead of me",
    "add": "decides as well",
    "watch": "is told what becomes of it",
}


class HandOverForm(Form):
    """Somebody else decides instead, decides as well, or watches."""

    person = SelectField("Person", validate_choice=False)
    how = SelectField("This person", choices=HAND_OVER, validate_choice=False)
    why = StringField("Why", [TOO_LONG])

    def chosen(self) -> int:
        """The person; raises Invalid when none was chosen."""
        text = str(self.person.data or "")
        if not (text.isascii() and text.isdigit()):
            raise Invalid("Choose a person.", field="person")
        return int(text)

    def offer(self, people: Mapping[int, str]) -> None:
        """Lets one of these people be chosen."""
        self.person.choices = {"": "Choose a person", **{str(one): name for one, name in people.items()}}


class InboxFilter(Form):
    """What the inbox shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    show = HiddenField()
    sort = HiddenField()
    q = StringField("Number, person or place")
