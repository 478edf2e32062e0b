"""What the point-of-care page asks, stops and understands, whatever the item: plain rules."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from integrations.clinical import UsageStatus
from portal.foundation import clock
from portal.foundation.quantity import plain

UNDO_WITHIN = timedelta(minutes=15)
MOST_PER_LINE = Decimal(999)
LONGEST_SCAN = 400
MARK = "."
"""What commands begin with: no item number, word or barcode does, and Code 39 can print it."""


class Do(StrEnum):
    """What a person wants done with what the page shows."""

    LOOK = "look"
    RECORD = "record"
    REQUEST = "request"
    RUSH = "rush"
    CLEAR = "clear"
    UNDO = "undo"
    CARD = "card"
    FINISH = "finish"
    NOTHING = "nothing"


OUTCOME_LABELS: dict[UsageStatus, str] = {
    UsageStatus.USED: "Used",
    UsageStatus.IMPLANTED: "Implanted",
    UsageStatus.OPENED_UNUSED: "Opened, not used",
    UsageStatus.WASTED: "Wasted",
    UsageStatus.EXPLANTED: "Explanted",
    UsageStatus.RETURNED: "Returned to the shelf",
}
IN_PATIENT = frozenset({UsageStatus.USED, UsageStatus.IMPLANTED})
"""Only what is used in a patient must be in date, not recalled and not used before."""
SIDES = ("Left", "Right", "Both sides", "No side")

WORDS: dict[str, Do] = {
    "ok": Do.RECORD,
    "record": Do.RECORD,
    "request": Do.REQUEST,
    "clear": Do.CLEAR,
    "undo": Do.UNDO,
    "card": Do.CARD,
    "done": Do.FINISH,
}
OUTCOME_WORDS: dict[str, UsageStatus] = {
    "used": UsageStatus.USED,
    "implanted": UsageStatus.IMPLANTED,
    "opened": UsageStatus.OPENED_UNUSED,
    "wasted": UsageStatus.WASTED,
    "explanted": UsageStatus.EXPLANTED,
    "returned": UsageStatus.RETURNED,
}
SIDE_WORDS = {"left": "Left", "right": "Right", "both": "Both sides", "noside": "No side"}
REQUESTS = re.compile(r"request|requisition|reorder|order", re.IGNORECASE)
QUANTITY = re.compile(r"[1-9][0-9]{0,2}")


@dataclass(frozen=True)
class Command:
    """What was meant by a typed or scanned command; what it does not set is None."""

    do: Do = Do.LOOK
    outcome: UsageStatus | None = None
    quantity: Decimal | None = None
    side: str | None = None
    in_packs: bool | None = None
    is_unknown: bool = False


def prefers_request(intent: str) -> bool:
    """Whether a launch was opened to ask for supplies, by its intent (SMART 2.2); else use is recorded."""
    return REQUESTS.search(intent) is not None


def command_of(text: str) -> Command | None:
    """The command a text is, None for anything that has to be looked up."""
    if not text.startswith(MARK):
        return None
    word = text[len(MARK) :].strip().lower()
    if word in WORDS:
        return Command(WORDS[word])
    if word in OUTCOME_WORDS:
        return Command(outcome=OUTCOME_WORDS[word])
    if word in SIDE_WORDS:
        return Command(side=SIDE_WORDS[word])
    if word in ("box", "piece"):
        return Command(in_packs=word == "box")
    if QUANTITY.fullmatch(word):
        return Command(quantity=Decimal(word))
    return Command(is_unknown=True)


@dataclass(frozen=True)
class Tracking:
    """What has to be known of an item before it counts as used."""

    is_implant: bool = False
    lot: bool = False
    serial: bool = False
    expiry: bool = False


@dataclass(frozen=True)
class Known:
    """What is known of the thing in the hand."""

    outcome: UsageStatus
    di: str = ""
    lot: str = ""
    serial: str = ""
    expires_on: date | None = None
    side: str = ""


QUESTIONS = {
    "di": "Scan the UDI barcode of the implant, or type the device identifier below it.",
    "lot": "Which lot? Scan it, choose it or type it from the label.",
    "serial": "Which serial number? Scan it, choose it or type it from the label.",
    "expires_on": "When does it expire? It stands beside the hourglass on the label.",
    "side": "Which side of the body?",
}


def questions(tracking: Tracking, known: Known) -> dict[str, str]:
    """The fields still to be filled, with what to ask.

    An implant needs what 21 CFR 821 (tracking) and a registry ask: device identifier, lot, serial and expiry
    as far as its label has them, and the side. Of the rest a lot is wanted where the item is kept by lot.
    """
    if known.outcome is UsageStatus.RETURNED:
        wanted = {"lot": tracking.lot, "serial": tracking.serial}
    elif known.outcome is UsageStatus.EXPLANTED:
        wanted = {"side": tracking.is_implant}  # its label went into the bin years ago
    else:
        is_put_in = tracking.is_implant and known.outcome is UsageStatus.IMPLANTED
        wanted = {
            "di": is_put_in,
            "lot": tracking.lot,
            "serial": tracking.serial,
            "expires_on": is_put_in and tracking.expiry,
            "side": is_put_in,
        }
    return {
        name: QUESTIONS[name] for name, is_wanted in wanted.items() if is_wanted and not getattr(known, name)
    }


class StopKind(StrEnum):
    """Why something must not be used."""

    EXPIRED = "expired"
    RECALLED = "recalled"
    QUARANTINED = "quarantined"
    USED_BEFORE = "used_before"


@dataclass(frozen=True)
class Stop:
    """Why something must not be used, and what to do."""

    kind: StopKind
    title: str
    sentence: str


def expired(expires_on: date | None, today: date, shown: str) -> Stop | None:
    """A lot may be used up to and including the day it expires on; `shown` is that day in words."""
    if expires_on is None or expires_on >= today:
        return None
    return Stop(
        StopKind.EXPIRED,
        "Expired",
        f"It expired on {shown}. Take another one and put this one aside for the storeroom.",
    )


def default_outcome(tracking: Tracking) -> UsageStatus:
    """What is most likely meant."""
    return UsageStatus.IMPLANTED if tracking.is_implant else UsageStatus.USED


def outcome_of(text: str) -> UsageStatus | None:
    """The outcome a form names, None for anything else."""
    return UsageStatus(text) if text in set(UsageStatus) else None


def outcomes(tracking: Tracking) -> list[UsageStatus]:
    """What may become of an item, the most likely first."""
    first = default_outcome(tracking)
    rest = [UsageStatus.OPENED_UNUSED, UsageStatus.WASTED, UsageStatus.RETURNED]
    return [first, *rest, UsageStatus.EXPLANTED] if tracking.is_implant else [first, *rest]


@dataclass(frozen=True)
class OnShelf:
    """A lot or serial that may be taken here, in base units; `id` names the stock row."""

    id: int
    lot: str
    serial: str
    expires_on: date | None
    on_hand: Decimal
    is_consignment: bool = False
    is_quarantined: bool = False


def usable(shelf: Sequence[OnShelf], today: date) -> list[OnShelf]:
    """What may be taken, the first to expire first."""
    allowed = (
        one for one in shelf if not one.is_quarantined and (one.expires_on is None or one.expires_on >= today)
    )
    return sorted(allowed, key=lambda one: (one.expires_on or date.max, one.lot, one.serial))


def chosen_lots(
    shelf: Sequence[OnShelf], quantity: Decimal, today: date
) -> tuple[list[tuple[OnShelf, Decimal]], Decimal]:
    """Which lots a quantity comes from, first to expire first, expired ones never; and what is missing."""
    taken: list[tuple[OnShelf, Decimal]] = []
    for one in usable(shelf, today):
        part = min(one.on_hand, quantity)
        if part > 0:
            taken.append((one, part))
            quantity -= part
    return taken, quantity


def pack_words(uom: str, factor: Decimal, base_uom: str) -> str:
    """A pack as a nurse says it: box of 10 pieces."""
    return f"{unit_word(uom)} of {plain(factor)} {unit_word(base_uom, factor)}"


# ANSI X12 355 codes as people say them: one, many.
UNIT_WORDS = {
    "EA": ("piece", "pieces"), "BX": ("box", "boxes"), "CA": ("case", "cases"), "PK": ("pack", "packs"),
    "PR": ("pair", "pairs"), "RL": ("roll", "rolls"), "BG": ("bag", "bags"), "BT": ("bottle", "bottles"),
    "CT": ("carton", "cartons"), "DZ": ("dozen", "dozens"), "KT": ("kit", "kits"), "TB": ("tube", "tubes"),
    "VL": ("vial", "vials"), "ST": ("set", "sets"), "PC": ("piece", "pieces"), "CN": ("can", "cans"),
    "TR": ("tray", "trays"), "JR": ("jar", "jars"), "CR": ("crate", "crates"), "SP": ("set", "sets"),
}  # fmt: skip


def unit_word(uom: str, quantity: Decimal = Decimal(1)) -> str:
    """A unit of measure in words; an unknown one as it is written."""
    one, many = UNIT_WORDS.get(uom, (uom, uom))
    return one if quantity == 1 else many


def amount(quantity: Decimal, uom: str) -> str:
    """3 boxes, 1 piece."""
    return f"{plain(quantity)} {unit_word(uom, quantity)}"


def may_undo(at: datetime) -> bool:
    """Whether what was done then may still be taken back at the point of care."""
    return clock.now() - at <= UNDO_WITHIN
