"""What waits beyond approval, as its pages show it."""

from collections.abc import Sequence
from typing import Any

from portal.foundation.filters import money
from portal.orders.proposals.asking import holders
from portal.orders.proposals.models import OrderProposal, ProposalQuestion
from portal.orders.proposals.rules import ProposalState


def proposal_row(proposal: OrderProposal) -> dict[str, Any]:
    """A proposal with who has it, for who asked and who waits for it."""
    return {
        "id": proposal.id,
        "heading": proposal.heading,
        "holders": " and ".join(holders(proposal)),
        "asked_by": proposal.asked_by.name,
        "at": proposal.asked_at,
        "reason": proposal.reason,
        "changes": proposal.changes,
        "questions": [_asked(one) for one in proposal.questions],
    }


def question_rows(questions: Sequence[ProposalQuestion]) -> list[dict[str, Any]]:
    """Questions with their proposals, for who decides."""
    return [_question_row(one) for one in questions]


def _question_row(one: ProposalQuestion) -> dict[str, Any]:
    proposal = one.proposal
    order = proposal.order
    return {
        **_asked(one),
        "id": one.id,
        "heading": proposal.heading,
        "order": order.number if order else "",
        "order_id": proposal.order_id,
        "supplier": order.supplier.name if order else "",
        "changes": proposal.changes,
        "requisition_id": one.requisition_id,
        "asked_by": proposal.asked_by.name,
        "reason": proposal.reason,
    }


def _asked(one: ProposalQuestion) -> dict[str, str]:
    currency = one.requisition.currency
    return {
        "requisition": one.requisition.number or "",
        "approved": money(one.approved, currency),
        "amount": money(one.amount, currency),
        "difference": money(one.difference, currency),
        "said": "Approved." if one.state is ProposalState.APPROVED else "",
    }
