"""What is counted so far, beside what is expected, for the page that scans."""

from dataclasses import dataclass
from decimal import Decimal

from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving.models import Receipt, ReceiptLine
from portal.receiving.rules import Verdict


@dataclass(frozen=True)
class CountedRow:
    """An order line, how much of it is counted, and which lots."""

    id: int
    item: str
    code: str
    counted: Decimal
    expected: Decimal
    uom: str
    lots: list[str]

    @property
    def to_come(self) -> Decimal:
        """What is not counted yet."""
        return max(self.expected - self.counted, Decimal())

    @property
    def over(self) -> Decimal:
        """What is counted beyond what was ordered."""
        return max(self.counted - self.expected, Decimal())

    @property
    def tone(self) -> str:
        """Green once all is here, amber when it is more."""
        if self.counted > self.expected:
            return "warning"
        return "success" if self.counted == self.expected else "info" if self.counted else "neutral"


def rows(order: PurchaseOrder, draft: Receipt | None) -> list[CountedRow]:
    """The lines still expected or counted, those with something counted first."""
    counted = [line for line in draft.lines if line.verdict is Verdict.GOOD] if draft else []
    shown = [_row(line, [one for one in counted if one.order_line_id == line.id]) for line in order.lines]
    return sorted((one for one in shown if one.expected or one.counted), key=lambda one: not one.counted)


def _row(line: PurchaseOrderLine, counted: list[ReceiptLine]) -> CountedRow:
    return CountedRow(
        id=line.id,
        item=line.description,
        code=line.item.code,
        counted=sum((one.quantity for one in counted), Decimal()),
        expected=line.quantities.outstanding,
        uom=line.uom,
        lots=[_lot(one, line.uom) for one in counted if one.lot or one.serial],
    )


def _lot(line: ReceiptLine, uom: str) -> str:
    parts = [f"lot {line.lot}"] if line.lot else []
    parts += [f"serial {line.serial}"] if line.serial else []
    parts += [f"expires {day(line.expires_on)}"] if line.expires_on else []
    return f"{plain(line.quantity)} {uom}: {', '.join(parts)}"
