"""The three-way match: ordered, received, invoiced."""

from dataclasses import dataclass
from decimal import Decimal

from portal.foundation.quantity import plain

PRICE_TOLERANCE = Decimal("0.0001")


@dataclass(frozen=True)
class MatchLine:
    """One order line as the match sees it, in the order's unit."""

    name: str
    uom: str
    ordered_price: Decimal
    received: Decimal
    invoiced_before: Decimal
    quantity: Decimal
    unit_price: Decimal


def differences(line: MatchLine) -> list[str]:
    """Only the real differences, in sentences; quantities are cumulative over all invoices."""
    found: list[str] = []
    total = line.invoiced_before + line.quantity
    if total > line.received:
        found.append(f"{line.name}: {plain(total)} {line.uom} invoiced, {plain(line.received)} received.")
    if abs(line.unit_price - line.ordered_price) > PRICE_TOLERANCE:
        found.append(
            f"{line.name}: invoiced at {line.unit_price.normalize():f} per {line.uom}, "
            f"ordered at {line.ordered_price.normalize():f}."
        )
    return found
