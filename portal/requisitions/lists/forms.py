"""Forms of templates and standing orders."""

from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import InputRequired

from portal.foundation.forms import Form
from portal.requisitions.carts import LONGEST_NAME
from portal.requisitions.lists.rules import LAST_DAY, WEEKDAYS, Rhythm


class TemplateForm(Form):
    """Under which name a cart is kept, and whether for everybody here."""

    name = StringField(
        "Name of the template",
        [InputRequired("Give the template a name.")],
        id="template-name",
        render_kw={"maxlength": LONGEST_NAME},
    )
    is_shared = BooleanField("Share it with everybody who requests here")


WEEKLY = {f"weekly-{number}": f"Every {name}" for number, name in enumerate(WEEKDAYS)}
MONTHLY = {f"monthly-{day}": f"On day {day} of every month" for day in range(1, LAST_DAY + 1)}


class StandingForm(Form):
    """How often a template is requested by itself."""

    when = SelectField(
        "When",
        choices={"": "Choose when", **WEEKLY, **MONTHLY},
        validators=[InputRequired("Choose when it is requested.")],
        description="On a closed day it is requested on the next open one.",
    )

    def rhythm(self) -> tuple[Rhythm, int]:
        """What was chosen, once the form is valid."""
        kind, _, day = str(self.when.data).partition("-")
        return Rhythm(kind), int(day)
