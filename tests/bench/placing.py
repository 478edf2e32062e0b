"""Orders for the measures that need some: approved and placed as people do, and read back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.foundation.db import found, transaction
from portal.identity.rules import Role
from portal.orders import queries, services
from portal.requisitions import queries as requisitions
from tests.bench.ground import Ground
from tests.bench.interleaving import until_empty

T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """What a partner or a receiver needs to name."""

    id: int
    number: int
    item_id: int
    quantity: Decimal


@dataclass(frozen=True)
class Order:
    """A placed order."""

    id: int
    number: str
    supplier_id: int
    supplier_network_id: str
    location_id: int
    lines: list[Line]


def place(ground: Ground, requisition_id: int) -> Order:
    """Approves a submitted requisition in full and orders it; the order is then in the outbox."""
    with ground.acting(), transaction():
        requisition = found(requisitions.find(requisition_id), "requisition")
        step = approval_queries.steps_of(requisition_id)[0]
        line_ids = [line.id for line in requisition.lines]
        yes = {line_id: Decision(approved=True) for line_id in line_ids}
        approvals.decide(ground.actors[Role.APPROVER], step.id, yes, seen_version=requisition.version)
    with ground.acting(), transaction():
        placed = services.place(ground.actors[Role.BUYER], line_ids)
        return _read(placed[0].id)


def _read(order_id: int) -> Order:
    order = found(queries.find(order_id), "order")
    return Order(
        id=order.id,
        number=order.number,
        supplier_id=order.supplier_id,
        supplier_network_id=order.supplier.network_id,
        location_id=order.location_id,
        lines=[Line(one.id, one.line_number, one.item_id, one.quantity) for one in order.lines],
    )


def batches(things: Sequence[T], size: int) -> Iterator[list[T]]:
    """Whole batches; raises NothingLeft after the last."""
    starts = range(0, len(things) - size + 1, size)
    return until_empty(list(things[first : first + size]) for first in starts)
