"""How much of a line's item the location needs: from par, else from usage; and when to ask why."""

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal

from portal.catalog.rules import Shelf, suggested_packs
from portal.foundation.quantity import plain

A_LOT = 2
"""So many times more or less than suggested asks for a reason."""
MOST_DAYS = 365


def suggested(shelf: Shelf, factor: Decimal) -> Decimal:
    """Packs of `factor` base units beside whatever this person has in carts; 0 when nothing is needed."""
    return suggested_packs(replace(shelf, in_cart_base=Decimal()), factor)


def asks_why(requested: Decimal, shelf: Shelf, factor: Decimal) -> bool:
    """Whether so many packs differ a lot: from the suggestion, else from what an empty shelf would take."""
    advised = suggested(shelf, factor)
    if advised:
        return requested > advised * A_LOT or requested * A_LOT < advised
    empty = suggested(replace(shelf, on_hand=Decimal(), on_order=Decimal()), factor)
    return 0 < empty * A_LOT < requested


def cover(shelf: Shelf) -> str:
    """For how long what is on hand lasts: 12 days; empty when nothing is used."""
    if shelf.daily_usage <= 0:
        return ""
    days = (max(shelf.on_hand, Decimal()) / shelf.daily_usage).to_integral_value(rounding=ROUND_FLOOR)
    if days > MOST_DAYS:
        return "more than a year"
    return f"{plain(days)} day{'' if days == 1 else 's'}"
