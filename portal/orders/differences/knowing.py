"""What contract and catalog say of the lines whose price or part is in question."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import select

from portal.catalog.models import Offer
from portal.foundation.db import db
from portal.masterdata.queries import Wanted, prices_on
from portal.orders.differences.confirmed_prices import book_when_answered, price_tolerance
from portal.orders.differences.rules import PriceTolerance
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.services import today_at


class Numbers:
    """Contract prices of today and the other part numbers of items, read once for the lines given."""

    def __init__(self, order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]) -> None:
        self._supplier_id = order.supplier_id
        self._book = book_when_answered(order) if lines else Rulebook()
        wanted = [self._wanted(line) for line in lines]
        self._prices = prices_on(today_at(order.location), wanted) if wanted else {}
        self._parts = _parts_of(order, [line for line in lines if line.substitute_part])

    def contract_price(self, line: PurchaseOrderLine) -> Decimal | None:
        """The price of the supplier's contract today, per order unit."""
        found = self._prices.get(self._wanted(line))
        return found.unit_price if found else None

    def tolerance(self, line: PurchaseOrderLine) -> PriceTolerance:
        """By how much its confirmed price may differ without a word."""
        return price_tolerance(self._book, line.item.category)

    def of_item(self, line: PurchaseOrderLine) -> frozenset[str]:
        """Part numbers by which the supplier or the maker also call the item."""
        return self._parts.get(line.item_id, frozenset())

    def _wanted(self, line: PurchaseOrderLine) -> Wanted:
        return line.item_id, self._supplier_id, line.uom, line.quantity


def _parts_of(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]) -> dict[int, frozenset[str]]:
    if not lines:
        return {}
    found = {line.item_id: {line.item.manufacturer_part} - {""} for line in lines}
    rows = db.session.execute(
        select(Offer.item_id, Offer.supplier_part).where(
            Offer.supplier_id == order.supplier_id, Offer.item_id.in_(found)
        )
    )
    for item_id, part in rows:
        found[item_id].add(part)
    return {item_id: frozenset(parts) for item_id, parts in found.items()}
