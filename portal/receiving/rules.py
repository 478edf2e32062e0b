"""States of a receipt, how much may be received, and what stops an entry."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from hashlib import sha256

from portal.foundation.quantity import plain
from portal.inventory.rules import Owner


class ReceiptState(StrEnum):
    """Entered and being checked, posted to stock, thrown away before posting, or taken back after it."""

    ENTERED = "entered"
    POSTED = "posted"
    DISCARDED = "discarded"
    REVERSED = "reversed"


TRANSITIONS: dict[tuple[ReceiptState, str], ReceiptState] = {
    (ReceiptState.ENTERED, "correct"): ReceiptState.ENTERED,
    (ReceiptState.ENTERED, "post"): ReceiptState.POSTED,
    (ReceiptState.ENTERED, "discard"): ReceiptState.DISCARDED,
    (ReceiptState.POSTED, "roll back"): ReceiptState.REVERSED,
}


class ReturnState(StrEnum):
    """What a return waits for: the ERP, the supplier's credit (of late too long), or nothing any more.

    Without credit is what was never paid for, as consignment.
    """

    OPEN = "open"
    SENT = "sent"
    LATE = "late"
    CREDITED = "credited"
    WITHOUT_CREDIT = "without_credit"


CREDIT_WITHIN = timedelta(days=30)


class Verdict(StrEnum):
    """What became of a counted quantity: only what is good is put to stock and told to the ERP."""

    GOOD = "good"
    DAMAGED = "damaged"
    WRONG_ITEM = "wrong_item"
    SHORT = "short"


def most_receivable(wanted: Decimal, received: Decimal, percent: Decimal) -> Decimal:
    """What may still be received of a line, so many percent above the total of all deliveries included."""
    most = (wanted * (1 + percent / 100)).quantize(Decimal("0.001"), rounding=ROUND_DOWN)
    return max(most - received, Decimal())


def percent_over(received: Decimal, wanted: Decimal) -> Decimal | None:
    """By how many percent more came than is wanted; None where it is not more."""
    if received <= wanted:
        return None
    return (received / wanted - 1) * 100 if wanted else Decimal("Infinity")


@dataclass(frozen=True)
class Entry:
    """What was counted of an order line, in the order's unit."""

    order_line_id: int
    quantity: Decimal
    lot: str = ""
    expires_on: date | None = None
    serial: str = ""
    owner: Owner = Owner.OWN
    verdict: Verdict = Verdict.GOOD

    @property
    def place(self) -> tuple[int, str, str, date | None, Owner, Verdict]:
        """What entries that are counted together have in common."""
        return (self.order_line_id, self.lot, self.serial, self.expires_on, self.owner, self.verdict)


THOUSANDTH = Decimal("0.001")


def in_order_unit(pieces: Decimal, factor: Decimal) -> Decimal | None:
    """So many base units in the unit of the order, which holds `factor` of them; None where not exact."""
    quantity = (pieces / factor).quantize(THOUSANDTH)
    return quantity if quantity * factor == pieces else None


def room_for(outstanding: Decimal, counted: Sequence[Decimal], factor: Decimal) -> Decimal:
    """How many base units a line still waits for, besides what is counted already."""
    return (outstanding - sum(counted, Decimal())) * factor


def fingerprint(entries: Sequence[Entry]) -> str:
    """Changes with anything that is counted: who has seen it knows whether it is still so."""
    told = sorted(f"{plain(one.quantity)} {one.place}" for one in entries)
    return sha256(repr(told).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Receivable:
    """An order line as the receiving desk sees it."""

    name: str
    uom: str
    wanted: Decimal
    received: Decimal
    needs_lot: bool
    needs_expiry: bool
    needs_serial: bool = False
    tolerance: Decimal | None = Decimal(10)  # percent above what is ordered; None: whatever comes
    factor: Decimal = Decimal(1)
    base_uom: str = "EA"


@dataclass(frozen=True)
class Problem:
    """Why an entry is refused: its position, the field and a sentence that says what to do."""

    index: int
    field: str
    sentence: str


def problems(lines: dict[int, Receivable], entries: Sequence[Entry], today: date) -> list[Problem]:
    """Everything that is wrong with the entries, in their order; `today` is the day at the location.

    What is damaged, wrong or missing needs a quantity only: it is neither put to stock nor counted as come.
    """
    found = [
        problem
        for index, entry in enumerate(entries)
        for problem in _problems_of(index, lines[entry.order_line_id], entry, today)
    ]
    good = [(at, one) for at, one in enumerate(entries) if one.verdict is Verdict.GOOD]
    found += _two_expiries(good)
    found += _same_serial(good)
    for line_id, line in lines.items():
        found += _too_much(line, [(at, one) for at, one in good if one.order_line_id == line_id])
    return sorted(found, key=lambda one: one.index)


def _problems_of(index: int, line: Receivable, entry: Entry, today: date) -> Iterator[Problem]:
    if entry.quantity <= 0:
        yield Problem(index, "quantity", "Enter a quantity above zero, or leave the whole row empty.")
    if entry.verdict is not Verdict.GOOD:
        return
    yield from _untracked(index, line, entry)
    if entry.expires_on is not None and entry.expires_on < today:
        sentence = (
            f"{line.name} expired on {entry.expires_on:%b %-d, %Y}. Do not receive it: set it aside and tell "
            "the buyer."
        )
        yield Problem(index, "expires_on", sentence)


def _untracked(index: int, line: Receivable, entry: Entry) -> Iterator[Problem]:
    if line.needs_lot and not entry.lot:
        yield Problem(index, "lot", f"{line.name} is tracked by lot. Enter the lot printed on the pack.")
    if line.needs_expiry and entry.expires_on is None:
        yield Problem(index, "expires_on", f"{line.name} expires. Enter the date printed on the pack.")
    if line.needs_serial and not entry.serial:
        sentence = f"{line.name} is tracked by serial number. Enter or scan each one in a row of its own."
        yield Problem(index, "serial", sentence)
    elif entry.serial and entry.quantity * line.factor != 1:
        sentence = (
            f"A serial number names one {line.base_uom}. Enter {plain(1 / line.factor)} {line.uom} for each."
        )
        yield Problem(index, "quantity", sentence)


def names(lots: Collection[str], entry: Entry) -> bool:
    """Whether a recall of these lots and serials means the entry; none of them means all of the item."""
    return not lots or entry.lot in lots or bool(entry.serial and entry.serial in lots)


def _same_serial(entries: Sequence[tuple[int, Entry]]) -> Iterator[Problem]:
    seen: set[tuple[int, str]] = set()
    for index, entry in entries:
        key = (entry.order_line_id, entry.serial)
        if entry.serial and key in seen:
            yield Problem(index, "serial", f"Serial number {entry.serial} is entered twice. Check the packs.")
        seen.add(key)


def _two_expiries(entries: Sequence[tuple[int, Entry]]) -> Iterator[Problem]:
    dates: dict[tuple[int, str], date | None] = {}
    for index, entry in entries:
        first = dates.setdefault((entry.order_line_id, entry.lot), entry.expires_on)
        if first != entry.expires_on:
            sentence = (
                f"Lot {entry.lot or 'without number'} is entered with two expiry dates. Check the packs."
            )
            yield Problem(index, "expires_on", sentence)


def _too_much(line: Receivable, entries: Sequence[tuple[int, Entry]]) -> Iterator[Problem]:
    if line.tolerance is None and line.wanted > 0:
        return
    total = sum((entry.quantity for _, entry in entries), Decimal())
    most = most_receivable(line.wanted, line.received, line.tolerance or Decimal())
    if entries and total > most:
        yield Problem(entries[-1][0], "quantity", _too_much_told(line, total, most))


def _too_much_told(line: Receivable, total: Decimal, most: Decimal) -> str:
    if line.wanted <= 0:
        return f"{line.name} is cancelled. Set it aside and ask the buyer."
    if most <= 0:
        return (
            f"{line.name} is here in full: {plain(line.received)} of {plain(line.wanted)} {line.uom} "
            "received. Set it aside and ask the buyer."
        )
    before = f", {plain(line.received)} received before" if line.received else ""
    return (
        f"{line.name}: {plain(total)} {line.uom} entered, but at most {plain(most)} {line.uom} can be "
        f"received ({plain(line.wanted)} ordered{before}). Count again, or ask the buyer to order more."
    )


def still_to_come(shipped: Sequence[Entry], received: Sequence[Entry]) -> list[Entry]:
    """What of the shipped lots was not received yet: the same serial and lot count first, then the oldest."""
    left = [entry.quantity for entry in shipped]
    rest = [entry.quantity for entry in received]
    alike: tuple[Callable[[Entry, Entry], bool], ...] = (
        lambda sent, came: (sent.lot, sent.serial) == (came.lot, came.serial),
        lambda sent, came: sent.lot == came.lot,
        lambda _sent, _came: True,
    )
    for is_alike in alike:
        for at, entry in enumerate(received):
            for index, sent in enumerate(shipped):
                is_same = is_alike(sent, entry)
                if sent.order_line_id == entry.order_line_id and is_same:
                    taken = min(left[index], rest[at])
                    left[index] -= taken
                    rest[at] -= taken
    return [replace(entry, quantity=open_) for entry, open_ in zip(shipped, left, strict=True) if open_ > 0]


def chain(sscc: str, parents: Mapping[str, str]) -> frozenset[str]:
    """The packages around a package, from the next one to the outermost."""
    found: list[str] = []
    while (parent := parents.get(sscc, "")) and parent not in found:
        found.append(parent)
        sscc = parent
    return frozenset(found)


# What scanners put before a GS1 code (GS1 General Specifications, symbology identifiers).
SYMBOLOGY = re.compile(r"^\](C1|d2|e0|Q3)")
SSCC_LENGTH = 18


def as_sscc(scanned: str) -> str:
    """The 18 digits of a Serial Shipping Container Code as typed or scanned, with or without its (00).

    Source: GS1 General Specifications, application identifier 00. Other texts come back as they are.
    """
    text = SYMBOLOGY.sub("", scanned.strip())
    digits = re.sub(r"[\s().-]", "", text)
    if digits.isascii() and digits.isdigit() and len(digits) == SSCC_LENGTH + 2 and digits.startswith("00"):
        return digits[2:]
    return digits if digits.isascii() and digits.isdigit() and len(digits) == SSCC_LENGTH else scanned.strip()


def is_sscc(text: str) -> bool:
    """Whether a text is the number of a package."""
    return text.isascii() and text.isdigit() and len(text) == SSCC_LENGTH
