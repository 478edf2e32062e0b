"""The decision over the lines of a step, and the filter of the inbox."""

from collections.abc import Sequence
from typing import Any

from wtforms import HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Length

from portal.approvals.rules import LONGEST_COMMENT, LONGEST_REASON, OTHER_REASON, REASONS
from portal.approvals.services import Decision
from portal.foundation.forms import Form

YES = "yes"
ANSWERS = {YES: "Approve"} | {reason: f"Reject: {reason[:1].lower()}{reason[1:]}" for reason in REASONS}


class DecisionForm(Form):
    """Yes, or no with its reason, for each line; see `decision_form`."""

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

    def decisions(self, line_ids: Sequence[int]) -> dict[int, Decision]:
        """The answers by line; a line without one of the offered answers is left out."""
        return {line_id: self._decision(line_id) for line_id in line_ids if self._is_answered(line_id)}

    def _is_answered(self, line_id: int) -> bool:
        # Yes is chosen on the page, never assumed of a form that lacks the answer.
        field = self.answer(line_id)
        return bool(field.raw_data) and field.data in ANSWERS

    def _decision(self, line_id: int) -> Decision:
        answer, words = str(self.answer(line_id).data), (self.words(line_id).data or "").strip()
        if answer == YES:
            return Decision(approved=True)
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
    too_long = Length(max=LONGEST_REASON, message=f"Write at most {LONGEST_REASON} characters.")
    for line_id in line_ids:
        fields[answer_name(line_id)] = SelectField(
            "Decision", choices=ANSWERS, default=YES, validate_choice=False
        )
        fields[words_name(line_id)] = StringField("Words to the requester", [too_long])
    form: DecisionForm = type("DecisionForm", (DecisionForm,), fields)(**values)
    return form


def answer_name(line_id: int) -> str:
    """The name of the field with the answer; services name it when they refuse one."""
    return f"line-{line_id}"


def words_name(line_id: int) -> str:
    """The name of the field with words."""
    return f"words-{line_id}"


class InboxFilter(Form):
    """What the inbox shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    show = HiddenField()
    sort = HiddenField()
    q = StringField("Number, person or place")
