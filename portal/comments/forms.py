"""The form of a comment."""

from collections.abc import Mapping

from wtforms import SelectField, TextAreaField

from portal.comments.rules import LONGEST_TEXT
from portal.foundation.forms import Form

MOST_DIGITS = 18  # a row's number fits the database
NOBODY = "Nobody in particular"


class CommentForm(Form):
    """What somebody says, and to whom apart from those named by @."""

    text = TextAreaField(
        "Comment",
        description="Type @ and a name to tell somebody. No patient names or numbers.",
        render_kw={"rows": 3, "maxlength": LONGEST_TEXT, "data-mentions": "tell"},
    )
    tell = SelectField("Tell", choices={"": NOBODY}, validate_choice=False)

    def offer(self, people: Mapping[int, str], *, but: int | None) -> None:
        """Gives the people to choose from, all but oneself."""
        others = sorted((name, one) for one, name in people.items() if one != but)
        self.tell.choices = {"": NOBODY, **{str(one): name for name, one in others}}

    def told(self) -> list[int]:
        """Who was chosen; what is no number stands for nobody there is."""
        chosen = self.tell.data or ""
        if not chosen:
            return []
        return [int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) <= MOST_DIGITS else 0]
