"""Mails to requesters whose goods come late or do not come."""

from decimal import Decimal
from hashlib import blake2s

from portal.catalog.queries import substitutes_of
from portal.exchange.rules import WorkItemKind
from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.identity import mailing
from portal.orders.differences.queries import Difference, other_offers
from portal.orders.differences.rules import REFUSALS, TIME_TO_CHOOSE, Deviation
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.rules import overlaps
from portal.requisitions.services import today_at


def alternatives(order: PurchaseOrder, line: PurchaseOrderLine) -> list[str]:
    """What may be requested instead: other suppliers of the item, then items that may stand in."""
    offers = [
        f"{line.description} from {one.offer.supplier.name}, {unit_price(one.unit_price, order.currency)} "
        f"per {one.offer.uom}"
        for one in other_offers(order, line)
    ]
    return offers + [f"{item.name} ({item.code}) instead" for item, _ in substitutes_of(line.item_id)]


def tell_requesters(case: Difference, quantity: Decimal, reason: str) -> None:
    """Tells each requester whose share of a line is cancelled, before it is, with the alternatives."""
    line, wanted = case.line, case.line.quantities.wanted
    instead = alternatives(case.order, line)
    for index, begin, end in overlaps([one.quantity for one in line.sources], wanted - quantity, wanted):
        requisition = line.sources[index].requisition_line.requisition
        mailing.write(
            [requisition.requester_id],
            f"shortage:{case.item.id}:{line.sources[index].id}",
            f"{line.description} does not come",
            "shortage.txt",
            quantity=f"{plain(end - begin)} {line.uom}", line=line, order=case.order, reason=reason,
            requisition=requisition, alternatives=instead,
            url=mailing.address(f"/requisitions/{requisition.id}"),
        )  # fmt: skip


def tell_trouble(order: PurchaseOrder, line: PurchaseOrderLine, deviation: Deviation, before: str) -> None:
    """Tells each requester whose share comes late or is rejected, once for each change; `before` is what was
    told last.
    """
    is_refused = deviation.kind in REFUSALS
    subject = (
        f"{line.description} is rejected by the supplier" if is_refused else f"{line.description} comes later"
    )
    first = line.quantities.wanted - _touched(line, deviation.kind)
    occasion = blake2s(f"{before}>{deviation.sentence}".encode(), digest_size=8).hexdigest()
    others = dict.fromkeys(one.offer.supplier.name for one in other_offers(order, line))
    until = today_at(order.location) + TIME_TO_CHOOSE
    for index, begin, end in overlaps([one.quantity for one in line.sources], first, line.quantities.wanted):
        requisition = line.sources[index].requisition_line.requisition
        mailing.write(
            [requisition.requester_id],
            f"{'rejected' if is_refused else 'delay'}:{line.sources[index].id}:{occasion}",
            subject,
            "delay.txt",
            quantity=f"{plain(end - begin)} {line.uom}", line=line, order=order, sentence=deviation.sentence,
            requisition=requisition, others=others, until=until, is_refused=is_refused,
            url=mailing.address(f"/requisitions/{requisition.id}/shortages"),
        )  # fmt: skip


def _touched(line: PurchaseOrderLine, kind: WorkItemKind) -> Decimal:
    """How much of a line a trouble touches: the end of it, so that the first request is served first."""
    counted = line.quantities
    if kind in REFUSALS:
        return min(counted.rejected, counted.wanted)
    return (
        min(counted.backordered, counted.wanted) if kind is WorkItemKind.BACKORDERED else counted.outstanding
    )
