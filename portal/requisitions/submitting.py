"""Submitting a cart that a person filled: it says why where a person would ask."""

from decimal import Decimal

from portal.foundation.access import Actor
from portal.foundation.errors import Invalid
from portal.foundation.quantity import plain
from portal.requisitions import cart_lines, queries, services
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState


def submit(
    actor: Actor, requisition_id: int, *, seen_version: int, seen_total: Decimal | None = None
) -> Requisition:
    """As services.submit; Invalid also for a rush, or much more or less than suggested, without a reason."""
    cart = queries.own(actor, requisition_id)
    if cart.state is RequisitionState.DRAFT:
        _ask_why(actor, cart)
    return services.submit(actor, requisition_id, seen_version=seen_version, seen_total=seen_total)


def _ask_why(actor: Actor, cart: Requisition) -> None:
    if cart.is_rush and not cart.rush_reason:
        raise Invalid("Say why it is a rush.", field="rush_reason")
    unexplained = [line for line in cart.lines if not line.quantity_reason]
    if not unexplained:
        return
    known = cart_lines.beside(actor, cart, services.today_at(cart.location))
    for line in unexplained:
        if known.asks_why(line):
            suggested = known.suggested(line)
            more = "more" if line.quantity > suggested else "less"
            raise Invalid(
                f"Much {more} than the suggested {plain(suggested)} {line.uom}: say why.",
                field=f"reason-{line.id}",
            )
