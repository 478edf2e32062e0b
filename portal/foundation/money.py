"""Money: Decimal amounts of one currency, rounded to its minor unit, split to the cent."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """Rounds half up to the minor unit."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def extended(quantity: Decimal, unit_price: Decimal) -> Decimal:
    """Quantity times unit price, rounded once, as a line amount is."""
    return cents(quantity * unit_price)


def split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Splits to the cent in proportion to weights; the parts always add up to the amount.

    Raises ValueError when the weights do not add up to something positive.
    """
    whole = sum(weights, Decimal())
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("Weights must be positive.")
    parts: list[Decimal] = []
    given, seen = Decimal(), Decimal()
    for weight in weights:
        seen += weight
        share = cents(amount * seen / whole) - given
        given += share
        parts.append(share)
    return parts


def slice_amount(unit_price: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """What the quantity from `before` to `after` costs, so that slices add up to the whole line."""
    return extended(after, unit_price) - extended(before, unit_price)
