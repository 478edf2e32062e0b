"""Converts what partners say in another unit into the unit a line was ordered in."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from portal.foundation.errors import Invalid
from portal.orders import queries
from portal.orders.models import PurchaseOrder, PurchaseOrderLine

THOUSANDTH = Decimal("0.001")
PRICE_SCALE = Decimal("0.0001")


class Units:
    """The packaging levels of the items of an order, and what people said of other units, read once."""

    def __init__(self, order: PurchaseOrder) -> None:
        self._factors = queries.packaging_of({line.item_id for line in order.lines})
        self._agreed = queries.units_agreed(order.id)

    def knows(self, line: PurchaseOrderLine, uom: str) -> bool:
        """Whether it is known what a unit holds."""
        return self._is_agreed(line, uom) or bool(self._factors.get((line.item_id, uom)))

    def _is_agreed(self, line: PurchaseOrderLine, uom: str) -> bool:
        return not uom or uom == line.uom or (line.id, uom) in self._agreed

    def counted(self, line: PurchaseOrderLine, amounts: Sequence[tuple[Decimal, str]]) -> list[bool]:
        """Which parts of a line count without a person's word: those in its unit or an agreed one, and the
        rest when its packs together make an exact number of thousandths.
        """
        packs = [(amount, uom) for amount, uom in amounts if not self._is_agreed(line, uom)]
        factors = [Fraction(self._factors.get((line.item_id, uom), 0)) for _, uom in packs]
        whole = sum(Fraction(one[0]) * held for one, held in zip(packs, factors, strict=True))
        is_exact = (whole / Fraction(line.factor) * 1000).denominator == 1
        return [self._is_agreed(line, uom) or (self.knows(line, uom) and is_exact) for _, uom in amounts]

    def packed(self, line: PurchaseOrderLine, uom: str) -> Decimal | None:
        """How many base units a unit holds by the item's packaging."""
        return self._factors.get((line.item_id, uom))

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
        """As `quantities`; nothing of what a person must decide first, see `counted`."""
        pairs = zip(amounts, self.counted(line, amounts), strict=True)
        return self.quantities(line, [one if is_counted else (Decimal(), "") for one, is_counted in pairs])

    def price(self, line: PurchaseOrderLine, price: Decimal, uom: str) -> Decimal:
        """A price per `uom` as a price per order unit."""
        return (price * self.ratio(line, uom)).quantize(PRICE_SCALE, rounding=ROUND_HALF_UP)
