"""What was changed on the page of the cart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from portal.requisitions.rules import SplitBy


@dataclass(frozen=True)
class ShareEdit:
    """Who pays how much of a line: a percentage or an amount; `row` is that of its boxes."""

    row: int
    cost_center: str
    gl_account: str
    weight: Decimal


@dataclass(frozen=True)
class LineEdit:
    """A line as it was edited; quantity zero takes it out, no cost center or account means the usual one.

    No `ship_to` (code of a location) is the cart's; with `split_by` the shares pay, not the cost center.
    """

    quantity: Decimal
    offer_id: int
    need_by: date | None = None
    cost_center: str = ""
    gl_account: str = ""
    reason: str = ""
    ship_to: str = ""
    split_by: SplitBy | None = None
    shares: Sequence[ShareEdit] = ()


@dataclass(frozen=True)
class Edited:
    """What was changed on the cart's page; lines that are not named stay as they are."""

    need_by: date | None = None
    note: str = ""
    is_rush: bool = False
    rush_reason: str = ""
    override_reason: str = ""
    lines: dict[int, LineEdit] = field(default_factory=dict)
