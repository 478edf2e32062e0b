"""What may be changed of an order line, and how far an order may go above what was approved."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portal.foundation.quantity import plain
from portal.orders.rules import Quantities


@dataclass(frozen=True)
class Wish:
    """A line as somebody wants it from now on."""

    line_id: int
    quantity: Decimal
    needed_on: date
    unit_price: Decimal


def least(counted: Quantities) -> Decimal:
    """What must stay ordered: it is on its way, here, or invoiced."""
    return max(counted.shipped, counted.received, counted.invoiced)


def why_not(
    name: str, uom: str, counted: Quantities, wish: Wish, *, price: Decimal, needed_on: date, today: date
) -> str:
    """Why a line cannot become as wished, as a sentence; empty when it can."""
    kept = least(counted)
    if wish.quantity <= 0:
        return f"{name}: to order none of it any more, cancel the line."
    if wish.quantity != counted.wanted and wish.quantity < kept:
        return f"{name}: {plain(kept)} {uom} are shipped, received or invoiced; order at least as many."
    if wish.unit_price != price and counted.invoiced > 0:
        return f"{name} is invoiced already: settle the price with the invoice."
    if wish.unit_price < 0:
        return f"{name}: enter a price of zero or more."
    if wish.needed_on != needed_on and counted.outstanding == 0:
        return f"{name} is received in full; its day cannot change any more."
    if wish.needed_on != needed_on and wish.needed_on < today:
        return f"{name}: choose a day from today on."
    return ""
