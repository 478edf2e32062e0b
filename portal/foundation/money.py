"""Money: Decimal amounts of one currency, rounded to its minor unit, split to the cent."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

CENT = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    """Rounds half up to the minor unit."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def extended(quantity: Decimal, unit_price: Decimal) -> Decimal:
    """Quantity times unit price, rounded once, as a line amount is."""
    return cents(quantity * unit_price)


def split(amount: Decimal, weights: Sequence[Decimal], unit: Decimal = CENT) -> list[Decimal]:
    """Splits into whole units in proportion to weights; the parts always add up to the amount.

    By the largest remainder: nobody gets a unit more or less than the exact share, whatever the order of
    the weights. Raises ValueError when the weights do not add up to something positive.
    """
    whole = sum(weights, Decimal())
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("Weights must be positive.")
    units = int(abs(amount) / unit)
    exact = [units * Fraction(weight) / Fraction(whole) for weight in weights]
    parts = [int(one) for one in exact]
    neediest = sorted(
        range(len(parts)), key=lambda one: (exact[one] - parts[one], weights[one]), reverse=True
    )
    for index in neediest[: units - sum(parts)]:
        parts[index] += 1
    return [(unit if amount >= 0 else -unit) * part for part in parts]


def slice_amount(unit_price: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """What the quantity from `before` to `after` costs, so that slices add up to the whole line."""
    return extended(after, unit_price) - extended(before, unit_price)
