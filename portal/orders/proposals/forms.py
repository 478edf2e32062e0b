"""The answer to what costs more than was approved."""

from wtforms import StringField
from wtforms.validators import Length

from portal.orders.differences.forms import LONGEST
from portal.orders.forms import ConflictForm


class AnswerForm(ConflictForm):
    """A yes or no."""

    answer = StringField("Answer")  # the button that was pressed
    comment = StringField(
        "Reason", validators=[Length(max=LONGEST, message=f"At most {LONGEST} characters.")]
    )
