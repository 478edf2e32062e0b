"""What is needed in the packs of another offer: whole packs, never less than was asked for."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal

THOUSANDTH = Decimal("0.001")


def whole_packs(quantity: Decimal, factor: Decimal, other: Decimal) -> Decimal:
    """A quantity in packs of `factor` base units, as packs of `other`; rounded up in another pack."""
    if factor == other:
        return quantity
    return (quantity * factor / other).to_integral_value(rounding=ROUND_CEILING)


def in_packs(needs: Sequence[Decimal], factor: Decimal) -> list[Decimal]:
    """Needs in base units as parts of whole packs, in thousandths; what rounding adds falls to the last.

    No part is nothing, so that each keeps its share of the money.
    """
    whole = (sum(needs, Decimal()) / factor).to_integral_value(rounding=ROUND_CEILING)
    parts = [max((one / factor).quantize(THOUSANDTH, ROUND_DOWN), THOUSANDTH) for one in needs[:-1]]
    return [*parts, max(whole - sum(parts, Decimal()), THOUSANDTH)]


def surplus(quantity: Decimal, factor: Decimal, other: Decimal) -> Decimal:
    """Base units that whole packs of `other` bring more than asked for."""
    return whole_packs(quantity, factor, other) * other - quantity * factor
