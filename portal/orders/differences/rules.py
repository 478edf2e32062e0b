"""What of a supplier's answer a person must decide, and what is small enough to pass."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from integrations.canonical import ConfirmationStatus
from portal.exchange.rules import WorkItemKind
from portal.foundation.filters import day, unit_price
from portal.foundation.quantity import plain
from portal.orders.rules import Answer, Quantities

KINDS = frozenset(
    {
        WorkItemKind.BACKORDERED,
        WorkItemKind.REJECTED,
        WorkItemKind.DELETED,
        WorkItemKind.ON_HOLD,
        WorkItemKind.NOT_ON_CONFIRMATION,
        WorkItemKind.QUANTITY,
        WorkItemKind.UNIT,
        WorkItemKind.PRICE,
        WorkItemKind.CONTRACT_PRICE,
        WorkItemKind.DATE_CHANGED,
        WorkItemKind.DATE_PENDING,
        WorkItemKind.SUBSTITUTION,
        WorkItemKind.PART_NUMBER,
        WorkItemKind.OVER_RECEIPT,
    }
)
"""What `deviations` may find of a line; each stands until it is decided or its cause is gone."""
SHORTAGES = frozenset(
    {
        WorkItemKind.BACKORDERED,
        WorkItemKind.REJECTED,
        WorkItemKind.DELETED,
        WorkItemKind.ON_HOLD,
        WorkItemKind.NOT_ON_CONFIRMATION,
    }
)
DELAYS = frozenset({WorkItemKind.BACKORDERED, WorkItemKind.DATE_CHANGED})
"""What comes later than needed: whoever asked for it is told and may choose."""
REFUSALS = frozenset({WorkItemKind.REJECTED, WorkItemKind.DELETED})
TO_CHOOSE = SHORTAGES | DELAYS
TIME_TO_CHOOSE = timedelta(days=1)  # for who asked, from the supplier's last word on; then the buyer decides
PRICES = frozenset({WorkItemKind.PRICE, WorkItemKind.CONTRACT_PRICE})
PARTS = frozenset({WorkItemKind.SUBSTITUTION, WorkItemKind.PART_NUMBER})
DATES = frozenset({WorkItemKind.DATE_CHANGED, WorkItemKind.DATE_PENDING})


class Act(StrEnum):
    """What a person does about a difference."""

    ACCEPT = "accept"
    DISPUTE = "dispute"
    SPLIT = "split"
    CANCEL = "cancel"
    REORDER = "reorder"


class Choice(StrEnum):
    """What a requester wants while the supplier cannot deliver."""

    WAIT = "wait"
    SUBSTITUTE = "substitute"
    CANCEL = "cancel"
    OTHER_SUPPLIER = "other_supplier"


def acts_for(kind: WorkItemKind, counted: Quantities) -> list[Act]:
    """What can be done about a difference, what is suggested first."""
    if kind in PRICES | DATES | PARTS | {WorkItemKind.QUANTITY, WorkItemKind.UNIT}:
        return [Act.ACCEPT, Act.DISPUTE, *_instead(counted)]
    if kind is WorkItemKind.BACKORDERED:
        is_part = short_by(kind, counted) < counted.outstanding
        return [Act.ACCEPT, *([Act.SPLIT] if is_part else []), *_instead(counted), Act.DISPUTE]
    return [*_instead(counted), Act.DISPUTE] if kind in SHORTAGES else []


def _instead(counted: Quantities) -> list[Act]:
    return [Act.REORDER, Act.CANCEL] if counted.unshipped > 0 else []


@dataclass(frozen=True)
class Pack:
    """What a unit holds: so many of it are so many order units."""

    units: Decimal
    order_units: Decimal


@dataclass(frozen=True)
class Cover:
    """How long what is on the shelf lasts: days until usage or a scheduled case finds too little, and why."""

    item_id: int
    days: int
    on_hand: Decimal
    a_day: Decimal
    cases: int = 0


@dataclass(frozen=True)
class PriceTolerance:
    """By how much a confirmed price may differ without a word: percent of the unit price, and money over the
    line; None is no bound.
    """

    percent: Decimal | None
    amount: Decimal | None

    def covers(self, ordered: Decimal, said: Decimal, quantity: Decimal) -> bool:
        """Whether a unit price differs so little over a quantity that nobody is asked."""
        difference = abs(said - ordered)
        share = None if self.percent is None else ordered * self.percent / 100
        bounds = ((difference, share), (difference * quantity, self.amount))
        return all(measure <= bound for measure, bound in bounds if bound is not None)


EXACT = PriceTolerance(Decimal(), Decimal())


@dataclass(frozen=True)
class Ordered:
    """A line as it is ordered now, and what has become of it.

    `numbers` are other part numbers of the same item, `contract_price` is the one of today per order unit.
    `unread` is what the supplier says in a unit nobody knows, `uneven` in a known one that makes no exact
    number of the ordered one.
    """

    name: str
    uom: str
    unit_price: Decimal
    needed_on: date
    quantities: Quantities
    part: str = ""
    numbers: frozenset[str] = frozenset()
    contract_price: Decimal | None = None
    was_confirmed: bool = False
    is_left_out: bool = False
    unread: tuple[str, ...] = ()
    uneven: tuple[str, ...] = ()
    currency: str = "USD"
    tolerance: PriceTolerance = EXACT

    @property
    def price(self) -> str:
        """The ordered price in words."""
        return f"{unit_price(self.unit_price, self.currency)} per {self.uom}"


@dataclass(frozen=True)
class Deviation:
    """A difference between what was ordered and what the supplier answered."""

    kind: WorkItemKind
    sentence: str
    suggestion: str


def is_same_part(one: str, other: str) -> bool:
    """Part numbers as people read them: case, spaces and hyphens do not count."""
    return bare(one) == bare(other)


def bare(part: str) -> str:
    """A part number without what people write differently."""
    return re.sub(r"[\s\-_./]", "", part).upper()


def deviations(line: Ordered, answers: Sequence[Answer]) -> list[Deviation]:
    """Only the differences of a line that still need a decision, at most one of a kind."""
    found: dict[WorkItemKind, Deviation] = {}
    for deviation in (*_shortages(line, answers), *_excess(line), *_changes(line, answers)):
        found.setdefault(deviation.kind, deviation)
    return list(found.values())


def short_of(counted: Quantities) -> Decimal:
    """What the supplier will not bring as ordered, and what has not come all the same."""
    return max(counted.wanted - max(counted.confirmed, counted.shipped, counted.received), Decimal())


def _shortages(line: Ordered, answers: Sequence[Answer]) -> Iterator[Deviation]:
    """What is backordered, rejected or undecided and has neither been cancelled nor come all the same."""
    counted = line.quantities
    short = short_of(counted)
    backordered = min(counted.backordered, short)
    rejected = min(counted.rejected, short - backordered)
    unknown = sum((one.quantity for one in answers if one.status is ConfirmationStatus.UNKNOWN), Decimal())
    on_hold = min(unknown, short - backordered - rejected)
    if backordered:
        days = [one.promised_on for one in answers if one.status is ConfirmationStatus.BACKORDERED]
        named = max((day for day in days if day), default=None)
        until = f" until {day(named)}, needed on {day(line.needed_on)}" if named else ", and no day is named"
        yield Deviation(
            WorkItemKind.BACKORDERED,
            f"{_told(backordered, line)} backordered{until}.",
            "Wait for the supplier, or cancel the rest and order elsewhere.",
        )
    if rejected and line.was_confirmed:
        yield Deviation(
            WorkItemKind.DELETED,
            f"{_told(rejected, line)} confirmed first and rejected since.",
            "Cancel the rest and order elsewhere; tell the requester.",
        )
    elif rejected:
        yield Deviation(
            WorkItemKind.REJECTED,
            f"{_told(rejected, line)} rejected by the supplier.",
            "Cancel the rest and order elsewhere; tell the requester.",
        )
    if on_hold:
        yield Deviation(
            WorkItemKind.ON_HOLD,
            f"{_told(on_hold, line)} on hold: the supplier has not decided.",
            "Ask the supplier, or order elsewhere.",
        )
    if line.is_left_out and short:
        yield Deviation(
            WorkItemKind.NOT_ON_CONFIRMATION,
            f"{line.name} is missing on the confirmation that replaces the earlier ones.",
            "Ask the supplier whether it still comes.",
        )


def _told(quantity: Decimal, line: Ordered) -> str:
    return f"{plain(quantity)} {line.uom} of {line.name} {'is' if quantity == 1 else 'are'}"


def _excess(line: Ordered) -> Iterator[Deviation]:
    answered, ordered = line.quantities.answered, line.quantities.ordered
    received, wanted = line.quantities.received, line.quantities.wanted
    if received > wanted:
        yield Deviation(
            WorkItemKind.OVER_RECEIPT,
            f"{line.name}: {plain(received)} {line.uom} received, {plain(wanted)} wanted.",
            "Send the surplus back, or keep it and expect a higher invoice.",
        )
    if answered > ordered:
        yield Deviation(
            WorkItemKind.QUANTITY,
            f"{line.name}: {plain(answered)} {line.uom} confirmed, {plain(ordered)} ordered.",
            "Ask the supplier to confirm the ordered quantity.",
        )


def short_by(kind: WorkItemKind, counted: Quantities) -> Decimal:
    """How much of a line a difference leaves open: what may be ordered elsewhere or cancelled."""
    short = min(short_of(counted), counted.unshipped)
    if kind is WorkItemKind.BACKORDERED:
        return min(counted.backordered, short)
    if kind in (WorkItemKind.REJECTED, WorkItemKind.DELETED):
        return min(counted.rejected, short)
    return short if kind in SHORTAGES else counted.unshipped


def _changes(line: Ordered, answers: Sequence[Answer]) -> Iterator[Deviation]:
    if line.quantities.unshipped > 0:
        yield from _other_unit(line)
    if line.quantities.wanted > 0:
        yield from _other_price(line, answers)
    if line.quantities.outstanding > 0:
        yield from _other_day(line, answers)
        yield from _other_part(line, answers)


def _other_unit(line: Ordered) -> Iterator[Deviation]:
    ordered = f"{plain(line.quantities.wanted)} {line.uom} ordered"
    if line.unread:
        yield Deviation(
            WorkItemKind.UNIT,
            f"{line.name}: {_all(line.unread)}, {ordered}; nobody knows what that unit holds.",
            "Ask the supplier what it holds, then accept it with that number.",
        )
    elif line.uneven:
        yield Deviation(
            WorkItemKind.UNIT,
            f"{line.name}: {_all(line.uneven)}, {ordered}; by its packaging that is no exact number of "
            f"{line.uom}.",
            f"Ask the supplier to count in {line.uom}, or accept it rounded to thousandths.",
        )


def _all(words: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(words))


def _other_price(line: Ordered, answers: Sequence[Answer]) -> Iterator[Deviation]:
    said = {one.unit_price for one in answers if one.unit_price is not None}
    wanted = line.quantities.wanted
    prices = sorted(one for one in said if not line.tolerance.covers(line.unit_price, one, wanted))
    if not prices:
        return
    told = f"{line.name}: {' and '.join(unit_price(one, line.currency) for one in prices)} confirmed, "
    if line.contract_price is not None and prices == [line.contract_price]:
        yield Deviation(
            WorkItemKind.CONTRACT_PRICE,
            f"{told}the contract price of today; {line.price} ordered.",
            "Accept it: the order carries a price that is no longer valid.",
        )
        return
    yield Deviation(
        WorkItemKind.PRICE,
        f"{told}{line.price} ordered.",
        "Accept the price, or dispute it with the contract in hand.",
    )


def _other_day(line: Ordered, answers: Sequence[Answer]) -> Iterator[Deviation]:
    # A backorder tells its day itself.
    promised = [one.promised_on for one in answers if one.status is not ConfirmationStatus.BACKORDERED]
    days = {one for one in promised if one and one > line.needed_on}
    if days:
        yield Deviation(
            WorkItemKind.DATE_CHANGED,
            f"{line.name} is promised for {day(max(days))}, needed on {day(line.needed_on)}.",
            "Accept the date, or order elsewhere.",
        )
    elif any(_says_nothing(one) for one in answers):
        yield Deviation(
            WorkItemKind.DATE_PENDING,
            f"{line.name} is accepted with a change, but no day and no change is named.",
            "Ask the supplier for the day.",
        )


def _says_nothing(answer: Answer) -> bool:
    named = (answer.promised_on, answer.unit_price, answer.substitute_part, answer.comments)
    return answer.status is ConfirmationStatus.CHANGED and not any(named)


def _other_part(line: Ordered, answers: Sequence[Answer]) -> Iterator[Deviation]:
    said = {one.substitute_part for one in answers if one.substitute_part}
    parts = sorted(part for part in said if not is_same_part(part, line.part))
    same = {bare(part) for part in line.numbers}
    if parts and all(bare(part) in same for part in parts):
        yield Deviation(
            WorkItemKind.PART_NUMBER,
            f"{line.name}: the supplier calls it {' and '.join(parts)}, ordered as {line.part}.",
            "It is the same item: accept the number.",
        )
    elif parts:
        yield Deviation(
            WorkItemKind.SUBSTITUTION,
            f"{line.name}: the supplier offers {' and '.join(parts)} instead.",
            "Accept the substitute, or reject it and order elsewhere.",
        )
