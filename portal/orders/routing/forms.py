"""How the orders of a supplier travel."""

from wtforms import SelectField, StringField
from wtforms.validators import DataRequired

from portal.foundation.forms import Form
from portal.orders.routing.rules import LABELS, Way


class RouteForm(Form):
    """One way, and the address letters go to."""

    way = SelectField(
        "How its orders travel",
        choices={way.value: label for way, label in LABELS.items()},
        validators=[DataRequired("Choose a way.")],
    )
    email = StringField("E-mail for orders", description="Needed where orders go by e-mail.")

    def chosen(self) -> Way:
        """The way that was chosen."""
        return Way(self.way.data)


class SupplierFilter(Form):
    """Which suppliers are listed."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    q = StringField("Supplier")
