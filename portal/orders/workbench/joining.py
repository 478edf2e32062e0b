"""What a line would be ordered together with, at each supplier that offers it."""

from collections.abc import Sequence
from decimal import Decimal

from portal.foundation.filters import money
from portal.orders.workbench.deciding import Group, Waiting
from portal.orders.workbench.queries import Candidate


def line_in(groups: Sequence[Group], line_id: int) -> Waiting | None:
    """One of the lines as it waits."""
    return next((one for group in groups for one in group.lines if one.line.id == line_id), None)


def together(one: Waiting, candidate: Candidate, groups: Sequence[Group]) -> str:
    """Whether the line would join others for its place in one order, and whether that is enough for the
    supplier: "with 2 lines that wait for it, $120.00 in all", "on its own, $40.00 short of its least order".
    """
    supplier, currency = candidate.offer.supplier, one.line.requisition.currency
    others = [
        other
        for group in groups
        for other in group.lines
        if other.line.id != one.line.id
        and other.line.ship_to.id == one.line.ship_to.id
        and other.deal.offer.supplier_id == supplier.id
    ]
    total = sum((other.amount for other in others), one.cost(candidate))
    missing = max(supplier.minimum_order - total, Decimal())
    words = ["on its own"]
    if others:
        lines = "1 line that waits" if len(others) == 1 else f"{len(others)} lines that wait"
        words = [f"with {lines} for it", f"{money(total, currency)} in all"]
    return ", ".join([*words, *([f"{money(missing, currency)} short of its least order"] if missing else [])])
