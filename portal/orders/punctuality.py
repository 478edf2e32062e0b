"""How punctual a supplier is: the promised day beside the day the goods came, over its recent deliveries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median_high, median_low

RECENT = 10  # deliveries that count
FEWEST = 3  # less tells nothing


@dataclass(frozen=True)
class Delivery:
    """What one receipt brought of an item: the day it was promised for and the day it came."""

    supplier_id: int
    item_id: int
    receipt_id: int
    promised_on: date
    received_on: date

    @property
    def days_late(self) -> int:
        """Days after the promised one; an early delivery is on time."""
        return max((self.received_on - self.promised_on).days, 0)


@dataclass(frozen=True)
class Punctuality:
    """How often recent deliveries came late, by how many days, and what to expect of the next one."""

    late: int
    of: int
    days: int
    shift: int
    is_of_item: bool = False

    def told(self, supplier: str) -> str:
        """In words: "Harborline was late in 6 of the last 10 deliveries, usually by 2 days."."""
        what = " of this item" if self.is_of_item else ""
        if not self.late:
            return f"{supplier} was on time in the last {self.of} deliveries{what}."
        days = f"{self.days} {'day' if self.days == 1 else 'days'}"
        return (
            f"{supplier} was late in {self.late} of the last {self.of} deliveries{what}, usually by {days}."
        )


class History:
    """The recent deliveries of some suppliers."""

    def __init__(self, deliveries: Iterable[Delivery]) -> None:
        self._deliveries = sorted(deliveries, key=lambda one: (one.received_on, one.receipt_id), reverse=True)

    def of(self, supplier_id: int, item_id: int | None = None) -> Punctuality | None:
        """How punctual the supplier is with the item; too rarely delivered, with anything; None: unknown."""
        by_supplier = [one for one in self._deliveries if one.supplier_id == supplier_id]
        by_item = [one for one in by_supplier if one.item_id == item_id]
        return _judged(by_item, is_of_item=True) or _judged(by_supplier, is_of_item=False)

    def expected(self, supplier_id: int, item_id: int, promised_on: date) -> date:
        """The promised day, moved by as much as the supplier is late more often than not."""
        judged = self.of(supplier_id, item_id)
        return promised_on + timedelta(days=judged.shift) if judged else promised_on


def _judged(newest_first: Sequence[Delivery], *, is_of_item: bool) -> Punctuality | None:
    """A receipt of many lines is one delivery, as late as its latest line."""
    receipts: dict[int, int] = {}
    for one in newest_first:
        receipts[one.receipt_id] = max(receipts.get(one.receipt_id, 0), one.days_late)
    lateness = list(receipts.values())[:RECENT]
    if len(lateness) < FEWEST:
        return None
    late = [days for days in lateness if days > 0]
    return Punctuality(
        late=len(late),
        of=len(lateness),
        days=median_low(late) if late else 0,
        shift=median_high(lateness),
        is_of_item=is_of_item,
    )
