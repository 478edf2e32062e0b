"""The budget: what is available must cover what is asked, unless it is allowed to go beyond."""

from decimal import Decimal

from portal.budgets.rules import Control
from portal.requisitions.checks.facts import BudgetFacts
from portal.requisitions.checks.result import Check, Evidence
from portal.requisitions.checks.words import spoken_money
from portal.requisitions.rules import CheckOutcome


def check_budget(facts: BudgetFacts, override_reason: str = "") -> Check:
    """available = budget - requested - ordered - invoiced must cover what is asked.

    With a reason for an override it warns where it would block: somebody else decides.
    """

    def spoken(amount: Decimal) -> str:
        return spoken_money(amount, facts.currency)

    if facts.balance is None:
        sentence = f"{facts.payer} has no budget for today; nothing is held."
        return Check("budget", CheckOutcome.WARN, sentence, evidence=(("This request", spoken(facts.asked)),))
    balance = facts.balance
    evidence: Evidence = (
        ("Budget", spoken(balance.budget)),
        ("Requested, not ordered yet", spoken(-balance.requested)),
        ("Ordered, not invoiced yet", spoken(-balance.ordered)),
        ("Invoiced", spoken(-balance.invoiced)),
        ("Available", spoken(balance.available)),
        ("This request", spoken(-facts.asked)),
        ("Left after it", spoken(facts.left)),
        ("When it is exceeded", facts.control.value),
    )
    if facts.left >= 0:
        sentence = f"{facts.payer} has {spoken(facts.left)} left after this request."
        return Check("budget", CheckOutcome.PASS, sentence, evidence=evidence)
    sentence = (
        f"{facts.payer} has {spoken(balance.available)} available; this request needs {spoken(facts.asked)}."
    )
    if facts.is_exceeded and not override_reason:
        advice = "Take something out, or say why it must go beyond the budget."
        return Check("budget", CheckOutcome.BLOCK, f"{sentence} {advice}", evidence=evidence)
    if facts.is_exceeded:
        evidence = (*evidence, ("Reason for the override", override_reason))
        advice = "You ask to go beyond it: somebody who may override budgets decides."
        return Check("budget", CheckOutcome.WARN, f"{sentence} {advice}", evidence=evidence)
    outcome = CheckOutcome.WARN if facts.control is Control.WARN else CheckOutcome.PASS
    return Check("budget", outcome, f"{sentence} The approver will see it.", evidence=evidence)
