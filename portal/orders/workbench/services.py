"""Chooses the offer of an approved line, and places by itself what needs nobody."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.dialects.postgresql import insert

from portal.catalog.models import Offer
from portal.catalog.queries import find_offers
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, DomainError
from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.identity.queries import accounts_with
from portal.orders import dealing, services
from portal.orders.dealing import Deal
from portal.orders.models import PurchaseOrder, SourcingChoice
from portal.orders.proposals.asking import ask, tried
from portal.orders.proposals.models import OrderProposal
from portal.orders.proposals.rules import ProposalKind
from portal.orders.proposals.weighing import BeyondApproval, Cost
from portal.orders.queries import lock_lines, workbench
from portal.orders.workbench.deciding import groups
from portal.requisitions import services as requisitions
from portal.requisitions.models import RequisitionLine
from portal.requisitions.rules import LineState, RequisitionSource

BY_ITSELF = "nothing to decide"


def choose(actor: Actor, line_id: int, offer_id: int, reason: str = "") -> str:
    """The line will be ordered from this offer; choosing the requested one confirms it.

    Above what was approved the approver is asked first: returns who, in a sentence; else nothing. Raises
    NotFound for an offer of another item, Invalid beyond the budget or everybody's limit, Conflict when
    the line was ordered meanwhile.
    """
    line, deal = _dealt(actor, line_id, offer_id)
    try:
        dealing.check(line, deal)
    except BeyondApproval as refused:
        _try_out(actor, line_id, offer_id)
        return _ask(actor, *_dealt(actor, line_id, offer_id), refused.beyond, reason)
    _keep(actor, line, deal)
    return ""


def take_offer(actor: Actor, proposal: OrderProposal) -> str:
    """The line is ordered from the offer that was approved; returns what follows. Raises as `choose`."""
    line_id, offer_id = found(proposal.requisition_line, "line").id, proposal.wishes[0]["offer_id"]
    _try_out(actor, line_id, offer_id)
    _keep(actor, *_dealt(actor, line_id, offer_id))
    return "The line is ordered from there with that supplier's next order."


def _try_out(actor: Actor, line_id: int, offer_id: int) -> None:
    """Raises what stands in the way of ordering it beside what was approved, such as the budget."""
    with tried():
        _keep(actor, *_dealt(actor, line_id, offer_id))
        services.place(actor, [line_id], is_approved=True)


def _dealt(actor: Actor, line_id: int, offer_id: int) -> tuple[RequisitionLine, Deal]:
    line = found(next(iter(lock_lines([line_id])), None), "line")
    actor.require(Permission.BUY, facility_id=line.ship_to.facility_id)
    if line.state is not LineState.APPROVED or requisitions.open_quantity(line) <= 0:
        raise Conflict(f"{line.item.name} was ordered or closed meanwhile. Look at the list again.")
    offer = found(next(iter(find_offers([offer_id])), None), "offer")
    found(offer if offer.item_id == line.item_id and offer.active else None, "offer")
    return line, dealing.agreed([line], {line.id: offer})[line.id]


def _keep(actor: Actor, line: RequisitionLine, deal: Deal) -> None:
    values = {"offer_id": deal.offer.id, "account_id": actor.account_id, "at": clock.now()}
    db.session.execute(
        insert(SourcingChoice)
        .values(requisition_line_id=line.id, **values)
        .on_conflict_do_update(index_elements=["requisition_line_id"], set_=values)
    )
    audit.record(
        actor, "requisition_line.source", line,
        after={"supplier": deal.offer.supplier.name, "unit_price": deal.unit_price},
    )  # fmt: skip


def _ask(actor: Actor, line: RequisitionLine, deal: Deal, beyond: Sequence[Cost], reason: str) -> str:
    currency = line.requisition.currency
    change = {
        "item": line.item.name, "what": "offer",
        "before": _so_many(requisitions.open_quantity(line), line.offer, line.unit_price, currency),
        "after": _so_many(dealing.packs_of(line, deal.offer), deal.offer, deal.unit_price, currency),
    }  # fmt: skip
    proposal = OrderProposal(
        kind=ProposalKind.OFFER, requisition_line=line, wishes=[{"offer_id": deal.offer.id}],
        changes=[change], reason=reason,
    )  # fmt: skip
    return ask(actor, proposal, beyond)


def _so_many(quantity: Decimal, offer: Offer, price: Decimal, currency: str) -> str:
    return f"{plain(quantity)} {offer.uom} from {offer.supplier.name} at {unit_price(price, currency)}"


def place_ready(organization_id: int, *, rested: timedelta) -> list[PurchaseOrder]:
    """Places every line that needs nobody and was approved at least `rested` ago.

    What was approved later for the same supplier and place goes along. The first buyer of the facility
    stands on the order; bill-only requests are ordered where they come from.
    """
    portal = system(organization_id, BY_ITSELF)
    lines = [line for line in workbench(portal) if line.requisition.source is not RequisitionSource.BILL_ONLY]
    placed: list[PurchaseOrder] = []
    for group in groups(lines):
        ready = [one.line for one in group.ready if one.line.cost_center_id and one.line.gl_account_id]
        if not any(_has_rested(line, rested) for line in ready):
            continue
        buyers = accounts_with(Permission.BUY, facility_id=ready[0].ship_to.facility_id)
        if buyers:
            actor = Actor(organization_id, "Portal", account_id=buyers[0].id, system_reason=BY_ITSELF)
            placed += _placed(actor, ready)
    return placed


def _placed(actor: Actor, lines: Sequence[RequisitionLine]) -> list[PurchaseOrder]:
    """The orders of these lines; none when somebody changed one meanwhile: the next run looks again."""
    with suppress(DomainError), db.session.begin_nested():
        return services.place(actor, [line.id for line in lines])
    return []


def _has_rested(line: RequisitionLine, rested: timedelta) -> bool:
    decided = line.requisition.decided_at
    return decided is not None and decided <= clock.now() - rested
