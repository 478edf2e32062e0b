"""Mails about a change beyond what was approved: to who may approve it, and what became of it."""

from collections.abc import Iterable

from portal.foundation.access import Actor
from portal.orders import mailing
from portal.orders.versions.models import OrderProposal
from portal.orders.versions.rules import ProposalState


def tell_deciders(proposal: OrderProposal, account_ids: Iterable[int]) -> None:
    """Asks everybody who may say yes."""
    mailing.write(
        account_ids, f"change:{proposal.id}", "A change beyond what was approved", "change.txt",
        proposal=proposal, order=proposal.order, url=mailing.address("/orders/price-questions"),
    )  # fmt: skip


def tell_asker(proposal: OrderProposal, by: Actor, comment: str) -> None:
    """Tells who asked what became of the change, and why."""
    mailing.write(
        [proposal.asked_by_id], f"change-decided:{proposal.id}",
        f"Your change of {proposal.order.number} is {proposal.state}", "change_decided.txt",
        proposal=proposal, order=proposal.order, by=by.name, comment=comment,
        is_approved=proposal.state is ProposalState.APPROVED,
        url=mailing.address(f"/orders/{proposal.order_id}"),
    )  # fmt: skip
