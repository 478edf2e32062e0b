"""Submitting a cart in steps: lock the money, check, fix the prices, hold the budget, keep the evidence."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy.orm.attributes import flag_modified

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change, Document, Held
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.errors import Invalid
from portal.foundation.together import write_together
from portal.requisitions import checks
from portal.requisitions.charging import account_id_of, center_of
from portal.requisitions.checks import CartFacts, Check
from portal.requisitions.facts import cart_facts
from portal.requisitions.models import CheckResult, Requisition
from portal.requisitions.rules import CheckOutcome


def facts_with_money_locked(actor: Actor, requisition: Requisition) -> CartFacts:
    """Two submitters at once wait for each other here, so that each sees what the other holds."""
    today = clock.today(requisition.location.facility.time_zone)
    return cart_facts(actor, requisition, today, lock=True)


def refuse_blocked(facts: CartFacts, results: Sequence[Check], seen_total: Decimal | None) -> None:
    """Raises Invalid with every block, or when the total is not the one that was shown."""
    blocks = [one.sentence for one in results if one.outcome is CheckOutcome.BLOCK]
    if blocks:
        raise Invalid(" ".join(dict.fromkeys(blocks)))
    if seen_total is not None and facts.total != seen_total:
        before, now = (
            checks.spoken_money(amount, facts.lines[0].currency) for amount in (seen_total, facts.total)
        )
        raise Invalid(f"The total is now {now}; you saw {before}. Check the lines, then submit again.")


def fix_prices(requisition: Requisition, facts: CartFacts) -> None:
    """What is submitted is what was checked; an override that is not needed is not asked for."""
    for line, fact in zip(requisition.lines, facts.lines, strict=True):
        line.contract_line_id = fact.contract_line_id
        line.unit_price = fact.unit_price
        line.amount = fact.amount
        center = line.payers[0].cost_center if line.payers else center_of(requisition, line)
        line.cost_center_id = center.id if center else None
        line.gl_account_id = account_id_of(line)
    if not any(budget.is_exceeded for budget in facts.budgets):
        requisition.override_reason = ""
    retotal(requisition)


def hold_budget(requisition: Requisition, facts: CartFacts, document: Document) -> None:
    """Holds what each line costs of the budgets that pay for it."""
    lines = {line.line_number: line for line in requisition.lines}
    held = []
    for budget in facts.budgets:
        for number, amount in budget.lines.items() if budget.budget_id is not None else ():
            line = lines[number]
            change = Change(line.id, Term.REQUESTED, amount, document)
            held.append(Held(budget.budget_id or 0, change, line.amount if line.payers else None))
            for share in line.payers:
                if share.cost_center_id == budget.center_id:
                    share.budget_id = budget.budget_id
    budgets.hold_all(held)


def keep(requisition: Requisition, results: Sequence[Check]) -> None:
    """Keeps what the checks said, with their evidence and what they weighed."""
    line_ids = {line.line_number: line.id for line in requisition.lines}
    rows = [
        {
            "line_id": line_ids.get(one.line),
            "rule": one.rule,
            "rule_version": one.version,
            "outcome": one.outcome,
            "sentence": one.sentence,
            "evidence": {"facts": one.evidence},
            "measure": one.measure,
            "data_at": one.data_at,
        }
        for one in results
    ]
    write_together(CheckResult, rows, requisition_id=requisition.id, checked_at=clock.now())


def retotal(requisition: Requisition) -> None:
    """The sum of the lines; the version rises also when it stays the same."""
    requisition.total = sum((line.amount for line in requisition.lines), Decimal())
    flag_modified(requisition, "total")
