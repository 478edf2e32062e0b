"""Mails about what costs more than was approved: to who may approve it, and what became of it."""

from collections.abc import Iterable

from portal.foundation.access import Actor
from portal.identity import mailing
from portal.orders.proposals.models import OrderProposal
from portal.orders.proposals.rules import ProposalState


def tell_deciders(proposal: OrderProposal, asker: Actor, account_ids: Iterable[int]) -> None:
    """Asks everybody who may say yes."""
    mailing.write(
        account_ids, f"proposal:{proposal.id}", f"Beyond what was approved: {proposal.heading}",
        "proposal.txt",
        proposal=proposal, asker=asker.name, url=mailing.address("/orders/price-questions"),
    )  # fmt: skip


def tell_asker(proposal: OrderProposal, by: Actor, comment: str) -> None:
    """Tells who asked what became of it, and why."""
    path = "/orders/workbench" if proposal.order_id is None else f"/orders/{proposal.order_id}"
    mailing.write(
        [proposal.asked_by_id], f"proposal-decided:{proposal.id}",
        f"{proposal.heading}: {proposal.state}", "proposal_decided.txt",
        proposal=proposal, by=by.name, comment=comment,
        is_approved=proposal.state is ProposalState.APPROVED, url=mailing.address(path),
    )  # fmt: skip
