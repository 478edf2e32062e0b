"""Forms of the workbench and the order page."""

from wtforms import SelectField, SelectMultipleField, StringField, widgets
from wtforms.validators import DataRequired, Length

from portal.foundation.forms import Form
from portal.orders.presenters import STATUS_CHOICES


class PlaceForm(Form):
    """The lines chosen on the workbench; the boxes are drawn by the table."""

    lines = SelectMultipleField("Lines", coerce=int, validate_choice=False, widget=widgets.ListWidget())


class ReasonForm(Form):
    """Why something is cancelled or closed."""

    reason = StringField("Reason", validators=[DataRequired("Say why."), Length(max=200)])


class OrderFilter(Form):
    """What the list of orders shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Order number")
    status = SelectField("Status", choices=STATUS_CHOICES, validate_choice=False)
    supplier = SelectField("Supplier", coerce=str, validate_choice=False)
