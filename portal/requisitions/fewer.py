"""Fewer packs than were asked for, at the price that so few have."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from portal.foundation import clock
from portal.foundation.errors import Invalid
from portal.foundation.money import extended
from portal.foundation.quantity import plain
from portal.masterdata.models import ContractLine
from portal.masterdata.queries import Wanted, prices_on
from portal.requisitions import changing
from portal.requisitions.checks import spoken_money
from portal.requisitions.models import Requisition, RequisitionLine

Fewer = tuple[Requisition, RequisitionLine, Decimal]


def cut(requisition: Requisition, line: RequisitionLine, quantity: Decimal, *, field: str) -> None:
    """Sets a smaller quantity at the price of its tier; raises Invalid where fewer would cost more."""
    tier = tiers([(requisition, line, quantity)]).get(line.id)
    if tier is None:
        changing.resize(requisition, line, quantity)
        return
    cost = extended(quantity, tier.unit_price)
    if cost > line.amount:
        raise Invalid(
            f"{line.item.name}: {plain(quantity)} {line.uom} would cost "
            f"{spoken_money(cost, requisition.currency)}, more than the {plain(line.quantity)} asked for, as "
            f"the contract's price rises below {plain(line.quantity)}. "
            "Say yes, say no, or ask whether so few would do.",
            field=field,
        )
    line.contract_line_id = tier.id
    changing.resize(requisition, line, quantity, price=tier.unit_price)


def tiers(asked: Iterable[Fewer]) -> dict[int, ContractLine]:
    """By the line's id what prices so few, where that is another tier than that of what was asked for.

    What was asked for keeps the price it was asked at, and so does a line that is ordered in part.
    """
    wanted: dict[date, dict[int, tuple[Wanted, Wanted]]] = defaultdict(dict)
    for requisition, line, quantity in asked:
        if quantity < line.quantity and not line.ordered_quantity and not line.closed_quantity:
            day = clock.today(requisition.location.facility.time_zone)
            wanted[day][line.id] = (_key(line, line.quantity), _key(line, quantity))
    found: dict[int, ContractLine] = {}
    for day, pairs in wanted.items():
        prices = prices_on(day, [key for pair in pairs.values() for key in pair])
        for line_id, (before, after) in pairs.items():
            tier = prices.get(after)
            if tier is not None and tier is not prices.get(before):
                found[line_id] = tier
    return found


def _key(line: RequisitionLine, quantity: Decimal) -> Wanted:
    return (line.item_id, line.offer.supplier_id, line.uom, quantity)
