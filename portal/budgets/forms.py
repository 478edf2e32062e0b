"""The filter of the list of budgets, and what is typed to set one."""

from collections.abc import Iterable

from wtforms import HiddenField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from portal.budgets.models import Budget
from portal.budgets.rules import Control
from portal.budgets.setting import Chosen, Wanted
from portal.foundation.forms import DayField, Form, MoneyField
from portal.masterdata.models import CostCenter

CONTROLS = {
    Control.BLOCK: "Stop it: only finance may let it through",
    Control.WARN: "Warn, and let it go on",
    Control.NONE: "Let it go on; the approver sees it",
}


class BudgetFilter(Form):
    """Which budgets the list shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    sort = HiddenField()
    q = StringField("Cost center")
    period = SelectField("Period", choices={"": "Today's", "all": "All periods"}, validate_choice=False)


class ChangeForm(Form):
    """Amount, last day and strictness of a budget."""

    seen = HiddenField()
    amount = MoneyField("Amount", validators=[InputRequired("Enter the amount.")])
    period_end = DayField("Last day", validators=[InputRequired("Choose the last day.")])
    control = RadioField(
        "A request beyond it",
        choices={control.value: words for control, words in CONTROLS.items()},
        default=Control.BLOCK.value,
    )
    reason = StringField(
        "Why",
        [InputRequired("Say why, for whoever looks at it later."), Length(max=300)],
        description="Stands in the history of this budget.",
    )

    def show(self, budget: Budget) -> None:
        """Fills in what counts now."""
        self.seen.data = str(budget.amount)
        self.amount.data, self.period_end.data = budget.amount, budget.period_end
        self.control.data = budget.control.value

    def wanted(self) -> Wanted:
        """What was entered, once the form is valid."""
        control = Control(self.control.data)
        return Wanted(self.period_end.data, self.amount.data, control, self.reason.data.strip())


class SetForm(ChangeForm):
    """A budget that is not there yet."""

    cost_center = SelectField("Cost center")
    category = SelectField("For", description="A category has a budget of its own, apart from the others.")
    period_start = DayField("First day", validators=[InputRequired("Choose the first day.")])

    def offer(self, centers: Iterable[CostCenter], categories: Iterable[str]) -> None:
        """Fills in what can be chosen."""
        self.cost_center.choices = {str(one.id): f"{one.code} {one.name}" for one in centers}
        self.category.choices = {"": "Everything it requests", **{name: name for name in categories}}

    def chosen(self) -> Chosen:
        """Whose budget it is, for what and since when, once the form is valid."""
        return Chosen(int(self.cost_center.data), self.category.data, self.period_start.data)
