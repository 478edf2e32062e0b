"""The three-way match: ordered, received, invoiced."""

from dataclasses import dataclass
from decimal import Decimal

from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.orders.differences.rules import EXACT, PriceTolerance

SAME_PRICE = Decimal("0.0001")


@dataclass(frozen=True)
class MatchLine:
    """One invoiced order line as the match sees it, in the order's unit.

    `invoiced_before` is what earlier invoices charged, so that part deliveries raise no false difference.
    """

    name: str
    uom: str
    ordered_price: Decimal
    received: Decimal
    invoiced_before: Decimal
    quantity: Decimal
    unit_price: Decimal
    confirmed_price: Decimal | None = None
    tolerance: PriceTolerance = EXACT
    currency: str = "USD"

    @property
    def invoiced(self) -> Decimal:
        """What is charged so far, this invoice included."""
        return self.invoiced_before + self.quantity

    @property
    def is_too_much(self) -> bool:
        """More is charged than was received."""
        return self.invoiced > self.received

    @property
    def is_other_price(self) -> bool:
        """The price is neither the ordered one nor one confirmed so near it that nobody was asked."""
        known = [self.ordered_price]
        if self.confirmed_price is not None and self.tolerance.covers(
            self.ordered_price, self.confirmed_price, self.invoiced
        ):
            known.append(self.confirmed_price)
        return all(abs(self.unit_price - price) > SAME_PRICE for price in known)


def differences(line: MatchLine) -> list[str]:
    """Only the real differences, in sentences."""
    found: list[str] = []
    if line.is_too_much:
        found.append(
            f"{line.name}: {plain(line.invoiced)} {line.uom} invoiced, {plain(line.received)} received."
        )
    if line.is_other_price:
        found.append(
            f"{line.name}: invoiced at {unit_price(line.unit_price, line.currency)} per {line.uom}, "
            f"ordered at {unit_price(line.ordered_price, line.currency)}."
        )
    return found
