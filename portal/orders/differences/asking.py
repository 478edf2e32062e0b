"""A difference that costs more than was approved goes to whoever may approve it; it stays open until then."""

from collections.abc import Sequence
from decimal import Decimal

from portal.catalog.queries import PricedOffer
from portal.foundation.access import Actor
from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.orders.differences.queries import Difference
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.proposals.asking import ask
from portal.orders.proposals.models import OrderProposal
from portal.orders.proposals.rules import ProposalKind
from portal.orders.proposals.weighing import Cost


def ask_price(actor: Actor, case: Difference, price: Decimal, beyond: Sequence[Cost], reason: str) -> str:
    """Asks about the price a supplier names; returns who is asked. Raises as `ask` does."""
    line, currency = case.line, case.order.currency
    change = {
        "line": line.line_number, "item": line.description, "what": "price",
        "before": f"{unit_price(line.unit_price, currency)} per {line.uom}",
        "after": f"{unit_price(price, currency)} per {line.uom}",
    }  # fmt: skip
    proposal = OrderProposal(
        kind=ProposalKind.PRICE, order=case.order, line=line, work_item=case.item, reason=reason,
        wishes=[{"unit_price": str(price)}], changes=[change],
    )  # fmt: skip
    return ask(actor, proposal, beyond)


def ask_elsewhere(
    actor: Actor, case: Difference, quantity: Decimal, offered: PricedOffer, beyond: Sequence[Cost]
) -> str:
    """Asks about a dearer supplier for what does not come; returns who is asked. Raises as `ask` does."""
    order, line, offer = case.order, case.line, offered.offer
    change = {
        "line": line.line_number, "item": line.description,
        "what": f"supplier of {plain(quantity)} {line.uom}",
        "before": _at(order, line),
        "after": f"{offer.supplier.name} at {unit_price(offered.unit_price, order.currency)} per {offer.uom}",
    }  # fmt: skip
    proposal = OrderProposal(
        kind=ProposalKind.ELSEWHERE, order=order, line=line, work_item=case.item, reason=case.item.sentence,
        wishes=[{"offer_id": offer.id, "quantity": str(quantity)}], changes=[change],
    )  # fmt: skip
    return ask(actor, proposal, beyond)


def _at(order: PurchaseOrder, line: PurchaseOrderLine) -> str:
    return f"{order.supplier.name} at {unit_price(line.unit_price, order.currency)} per {line.uom}"
