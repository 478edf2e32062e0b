"""Converts what partners say in another unit into the unit a line was ordered in."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from portal.foundation.errors import Invalid
from portal.orders import queries
from portal.orders.models import PurchaseOrder, PurchaseOrderLine

THOUSANDTH = Decimal("0.001")


class Units:
    """The packaging levels of the items of an order, and what people said of other units, read once."""

    def __init__(self, order: PurchaseOrder) -> None:
        self._factors = queries.packaging_of({line.item_id for line in order.lines})
        self._agreed = queries.units_agreed(order.id)

    def knows(self, line: PurchaseOrderLine, uom: str) -> bool:
        """Whether it is known what a unit holds."""
        is_ordered = not uom or uom == line.uom
        return is_ordered or (line.id, uom) in self._agreed or bool(self._factors.get((line.item_id, uom)))

    def ratio(self, line: PurchaseOrderLine, uom: str) -> Decimal:
        """How many `uom` are in one order unit; raises Invalid for a unit the item does not have."""
        if not uom or uom == line.uom:
            return Decimal(1)
        if (line.id, uom) in self._agreed:
            return self._agreed[line.id, uom]
        factor = self._factors.get((line.item_id, uom))
        if not factor:
            raise Invalid(
                f"Line {line.line_number} ({line.description}) is ordered in {line.uom}, but counted in "
                f"{uom}, a unit the item is not packed in. Complete the item, or ask the supplier to use "
                f"{line.uom}."
            )
        return line.factor / factor

    def quantities(self, line: PurchaseOrderLine, amounts: Sequence[tuple[Decimal, str]]) -> list[Decimal]:
        """Parts of a line in its order unit, in thousandths that add up to the rounded whole.

        Raises Invalid for a unit the item does not have.
        """
        whole, given = Decimal(), Decimal()
        found: list[Decimal] = []
        for amount, uom in amounts:
            whole += amount / self.ratio(line, uom)
            share = whole.quantize(THOUSANDTH, rounding=ROUND_HALF_UP) - given
            found.append(share)
            given += share
        return found

    def known(self, line: PurchaseOrderLine, amounts: Sequence[tuple[Decimal, str]]) -> list[Decimal]:
        """As `quantities`; nothing of what is counted in a unit nobody knows."""
        return self.quantities(
            line, [(amount, uom) if self.knows(line, uom) else (Decimal(), "") for amount, uom in amounts]
        )

    def price(self, line: PurchaseOrderLine, price: Decimal, uom: str) -> Decimal:
        """A price per `uom` as a price per order unit."""
        return price * self.ratio(line, uom)
