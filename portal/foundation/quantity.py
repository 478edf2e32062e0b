"""Quantities in units of measure and packs."""

from decimal import ROUND_CEILING, Decimal

MAX_QUANTITY = Decimal(999999)


def plain(quantity: Decimal) -> str:
    """The shortest exact text: 3, 2.5, 1000."""
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole_packs(need: Decimal, pack: Decimal) -> Decimal:
    """The least number of packs that covers a need in base units."""
    return (need / pack).to_integral_value(rounding=ROUND_CEILING)


def is_multiple(quantity: Decimal, of: Decimal) -> bool:
    """Whether the quantity is a whole number of `of`."""
    return quantity % of == 0


def rounded_packs(need: Decimal, pack: Decimal, threshold: Decimal, *, to_zero: bool) -> Decimal:
    """One more pack when at least `threshold` units remain beyond whole packs.

    A need is never rounded to nothing unless `to_zero`.
    """
    whole, rest = divmod(need, pack)
    packs = whole + 1 if rest > 0 and rest >= threshold else whole
    return packs if packs > 0 or to_zero or need <= 0 else Decimal(1)
