"""The filter of the list of budgets."""

from wtforms import HiddenField, SelectField, StringField

from portal.foundation.forms import Form


class BudgetFilter(Form):
    """Which budgets the list shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    sort = HiddenField()
    q = StringField("Cost center")
    period = SelectField("Period", choices={"": "Today's", "all": "All periods"}, validate_choice=False)
