"""Submitting a cart in steps: lock the money, check, fix the prices, hold the budget, keep the evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm.attributes import flag_modified

from portal.budgets import services as budgets
from portal.budgets.rules import Term
from portal.budgets.services import Change, Document, Held
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.audit import AuditEvent
from portal.foundation.errors import Invalid
from portal.foundation.hooks import Collector
from portal.foundation.together import Known, Read, Write, changing, inserting, write_together
from portal.requisitions import checks
from portal.requisitions.before import asking
from portal.requisitions.charging import account_id_of, center_of
from portal.requisitions.checks import CartFacts, Check, LineFacts
from portal.requisitions.facts import cart_facts_beside
from portal.requisitions.models import CheckRecord, Requisition, RequisitionLine
from portal.requisitions.rules import TRANSITIONS, CheckOutcome


@dataclass(frozen=True)
class Joining:
    """What a higher feature reads with the checks of a submission, and of that writes with it.

    Writing, it sees the requisition as it will be; it refuses the submission by raising Invalid.
    """

    reads: Sequence[Read[Any]]
    writes: Callable[[Known], Sequence[Write]]


joining: Collector[[Actor, Requisition], Joining] = Collector()


def facts_with_money_locked(
    actor: Actor, requisition: Requisition, joined: Sequence[Joining]
) -> tuple[CartFacts, Known]:
    """Two submitters at once wait for each other here, so that each sees what the other holds."""
    today = clock.today(requisition.location.facility.time_zone)
    beside = [read for one in joined for read in one.reads]
    return cart_facts_beside(actor, requisition, today, beside, lock=True)


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


def write_down(
    actor: Actor,
    requisition: Requisition,
    facts: CartFacts,
    results: Sequence[Check],
    document: Document,
    joined: Sequence[Joining],
    known: Known,
) -> None:
    """Writes the submission: its number and state, prices, what is held, the evidence, the event."""
    before = {"state": requisition.state}
    fixed = _fixed(requisition, facts, document.number)
    submission = audit.event(
        actor,
        "requisition.submit",
        requisition,
        before=before,
        after={"state": requisition.state, "total": requisition.total, "lines": len(requisition.lines)},
        evidence={"checks": [f"{one.rule} v{one.version}: {one.outcome}" for one in results]},
    )
    write_together(
        *fixed,
        kept(requisition, results),
        _held(requisition, facts, document),
        inserting(AuditEvent, [submission]),
        asking(requisition),
        *(write for one in joined for write in one.writes(known)),
    )


def _fixed(requisition: Requisition, facts: CartFacts, number: str) -> list[Write]:
    """What is submitted is what was checked; an override that is not needed is not asked for."""
    is_exceeded = any(budget.is_exceeded for budget in facts.budgets)
    head = {
        "number": number,
        "state": TRANSITIONS[requisition.state, "submit"],
        "submitted_at": clock.now(),
        "total": facts.total,
        "override_reason": requisition.override_reason if is_exceeded else "",
        "version": requisition.version + 1,
    }
    lines = [
        (line, _as_checked(requisition, line, fact))
        for line, fact in zip(requisition.lines, facts.lines, strict=True)
    ]
    return [changing([(requisition, head)]), changing(lines)]


def _as_checked(requisition: Requisition, line: RequisitionLine, fact: LineFacts) -> dict[str, Any]:
    center = line.payers[0].cost_center if line.payers else center_of(requisition, line)
    return {
        "contract_line_id": fact.contract_line_id,
        "unit_price": fact.unit_price,
        "amount": fact.amount,
        "cost_center_id": center.id if center else None,
        "gl_account_id": account_id_of(line),
    }


def _held(requisition: Requisition, facts: CartFacts, document: Document) -> Write:
    """What each line costs is held of the budgets that pay for it."""
    lines = {line.line_number: line for line in requisition.lines}
    found = []
    for budget in facts.budgets:
        for number, amount in budget.lines.items() if budget.budget_id is not None else ():
            line = lines[number]
            change = Change(line.id, Term.REQUESTED, amount, document)
            found.append(Held(budget.budget_id or 0, change, line.amount if line.payers else None))
            for share in line.payers:
                if share.cost_center_id == budget.center_id:
                    share.budget_id = budget.budget_id
    return budgets.holding(found)


def kept(requisition: Requisition, results: Sequence[Check]) -> Write:
    """What the checks said is kept, with their evidence and what they weighed, as rules.Kept."""
    line_ids = {line.line_number: line.id for line in requisition.lines}
    said = [
        {
            "rule": one.rule,
            "version": one.version,
            "outcome": one.outcome,
            "sentence": one.sentence,
            "line_id": line_ids.get(one.line),
            "evidence": one.evidence,
            "measure": one.measure,
            "data_at": one.data_at,
        }
        for one in results
    ]
    return inserting(CheckRecord, [{"requisition_id": requisition.id, "results": said}])


def retotal(requisition: Requisition) -> None:
    """The sum of the lines; the version rises also when it stays the same."""
    requisition.total = sum((line.amount for line in requisition.lines), Decimal())
    flag_modified(requisition, "total")
