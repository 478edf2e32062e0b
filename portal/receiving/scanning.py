"""Counts what is scanned at the dock into a receipt that is checked afterwards; each scan once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.numbering import next_number
from portal.foundation.quantity import plain
from portal.foundation.trace import follow_trace
from portal.inventory.rules import Owner
from portal.masterdata.scanning import AmbiguousScan, Pack, Scanned, resolve
from portal.orders import queries as orders
from portal.orders import services as order_services
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving import packages, queries
from portal.receiving.models import Receipt, ReceiptLine, ReceiptScan
from portal.receiving.packages import Opened
from portal.receiving.rules import Entry, Verdict, as_sscc, in_order_unit, is_sscc, room_for
from portal.receiving.services import entry_of, every_problem, line_of

BARCODE = re.compile(r"[\]+=&(*]|\d{8}")  # how the text of one begins
PLACE = re.compile(r" \(character \d+\)$")
LOOK_AGAIN = "Look again:"
ON_LABEL = ("lot", "expires_on", "serial")


class Tone(StrEnum):
    """How an answer sounds and looks: counted, counted but look at it, something is needed, set it aside."""

    GOOD = "good"
    LOOK = "look"
    ASK = "ask"
    STOP = "stop"


@dataclass(frozen=True)
class Given:
    """One scan; `key` names it for ever, `before` is the first barcode of a label that has two.

    Lot, expiry and serial are what a person typed because the barcode does not say it.
    """

    key: str
    text: str
    before: str = ""
    owner: Owner = Owner.OWN
    lot: str = ""
    expires_on: date | None = None
    serial: str = ""


@dataclass(frozen=True)
class Told:
    """The answer to a scan; `before` is kept for the next one, `missing` is what a person can type."""

    tone: Tone
    sentence: str
    before: str = ""
    missing: tuple[str, ...] = ()


class _Refused(Exception):
    """The scan counts nothing; says why."""

    def __init__(self, tone: Tone, sentence: str, before: str = "", missing: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.told = Told(tone, sentence, before, missing)


def count(actor: Actor, order_id: int, given: Given) -> Told:
    """Adds a scan to what the person counts of the order; the same scan again changes nothing.

    Nothing is written for what cannot be counted: the answer says why.
    """
    order = found(orders.find(order_id, lock=True), "order")
    actor.require(Permission.RECEIVE, facility_id=order.location.facility_id)
    follow_trace(order.trace_id)
    known = queries.scan_named(given.key)
    if known is not None:
        return _counted(known.told)
    draft = queries.draft_of(order.id, actor.account_id)
    try:
        entries, doubts = _entries(order, draft, given)
    except _Refused as refused:
        return refused.told
    told = " ".join(_sentence(order, draft, one) for one in entries)
    told += f" {LOOK_AGAIN} {' '.join(doubts)}" if doubts else ""
    receipt = draft or _begin(actor, order, given)
    for one in entries:
        _add(receipt, one)
        db.session.add(_scan_of(receipt, given, one, told))
        given = replace(given, key=f"{given.key}+")  # a parcel is many; the first one bears its name
    db.session.flush()
    return _counted(told)


def _counted(told: str) -> Told:
    return Told(Tone.LOOK if LOOK_AGAIN in told else Tone.GOOD, told)


def _entries(order: PurchaseOrder, draft: Receipt | None, given: Given) -> tuple[list[Entry], Sequence[str]]:
    """What the scan counts, and what of it to compare with the label."""
    package = packages.opened(order.id, given.text)
    doubts: Sequence[str] = ()
    if package:
        entries = _of_package(order, package, given)
    else:
        scanned = _resolved(given)
        entries, doubts = [_of_item(order, draft, given, scanned)], scanned.warnings
    before = _drafted(draft)
    refused = [one for one in every_problem(order, [*before, *entries]) if one.index >= len(before)]
    lacking = [one for one in refused if _lacks(entries[one.index - len(before)], one.field)]
    for problem in refused:  # what must not come in is said before what the label lacks
        if problem not in lacking:
            raise _Refused(Tone.STOP, problem.sentence)
    if lacking and package:
        raise _Refused(Tone.ASK, f"{lacking[0].sentence} Scan the items in the parcel one by one.")
    if lacking:
        both = f"{lacking[0].sentence} Or scan the second barcode of the label."
        raise _Refused(Tone.ASK, both, given.text, tuple(one.field for one in lacking))
    return entries, doubts


def _lacks(entry: Entry, field: str) -> bool:
    return field in ON_LABEL and not getattr(entry, field)


def _drafted(draft: Receipt | None) -> list[Entry]:
    return [entry_of(line) for line in draft.lines] if draft else []


def _of_package(order: PurchaseOrder, package: Opened, given: Given) -> list[Entry]:
    counted, name = queries.scanned(order.id), f"Parcel {package.sscc}"
    if package.sscc in counted:
        raise _Refused(Tone.ASK, f"{name} is counted already. Scan the next one.")
    if package.around & counted:
        raise _Refused(Tone.ASK, f"{name} is counted already with the pallet it is on. Scan the next one.")
    if package.inside & counted:
        raise _Refused(Tone.ASK, f"A part of {name} is counted already. Scan the others in it one by one.")
    if not package.entries:
        raise _Refused(Tone.ASK, f"The ship notice does not say what is in {name}. Scan the items in it.")
    return [replace(entry, owner=given.owner) for entry in package.entries]


def _of_item(order: PurchaseOrder, draft: Receipt | None, given: Given, scanned: Scanned) -> Entry:
    pack = scanned.pack
    if pack is None and given.text.strip().upper() in (order.number, order.erp_number):
        raise _Refused(Tone.ASK, f"This is the number of {order.number} itself. Scan what came of it.")
    if pack is None and scanned.is_half:
        raise _Refused(Tone.ASK, "This barcode names no item. Scan the other one of the label.", given.text)
    if pack is None:
        raise _Refused(Tone.STOP, _unknown(scanned))
    lines = [line for line in order.lines if line.item_id == pack.item.id]
    if not lines:
        sentence = (
            f"{pack.item.name} is not on {order.number}. Set it aside: it belongs to another order, "
            "or it is the wrong item."
        )
        raise _Refused(Tone.STOP, sentence)
    scan = scanned.scan
    # A number that was typed says nothing of a pack: one of what was ordered is meant.
    is_pack = scan is not None or pack.item.serial_tracked
    pieces = scanned.base_quantity(whole=True) if is_pack else None
    line = _line_with_room(lines, _drafted(draft), pieces)
    quantity = Decimal(1) if pieces is None else in_order_unit(pieces, line.factor)
    if quantity is None:
        raise _Refused(Tone.STOP, _no_part(line, pack, pieces or Decimal()))
    serial = (scan.serial if scan else None) or given.serial if pack.item.serial_tracked else ""
    return Entry(
        line.id, quantity, (scan.lot if scan else None) or given.lot,
        (scan.expires_on if scan else None) or given.expires_on, serial, given.owner,
    )  # fmt: skip


def _resolved(given: Given) -> Scanned:
    try:
        return resolve(given.text, before=given.before)
    except AmbiguousScan as several:
        raise _Refused(Tone.ASK, f"{several} Type it below instead.") from several


def _unknown(scanned: Scanned) -> str:
    if scanned.scan is not None and scanned.scan.di:
        return f"Nobody here knows the item {scanned.scan.di}. Look for its name, and count it by hand."
    text = scanned.raw.strip()
    return unreadable(text, scanned.reason) or (
        f"“{text[:60]}” is no item, parcel or barcode known here. "
        "Scan the barcode of the box again, or count it by hand."
    )


def unreadable(text: str, reason: str) -> str:
    """Why a barcode cannot be read, by the reason its reader gave; empty where the text looks like none."""
    if not reason or not BARCODE.match(text) or is_sscc(as_sscc(text)):
        return ""
    why = PLACE.sub("", reason)
    then = "" if why.endswith(".") else ". Scan it again, or count it by hand."
    return f"The barcode {text[:60]} cannot be read. {why}{then}"


def _line_with_room(
    lines: Sequence[PurchaseOrderLine], before: Sequence[Entry], pieces: Decimal | None
) -> PurchaseOrderLine:
    """The first line of the item that still waits for so much (None: for one of its unit).

    Else the last one, whose limit then speaks.
    """
    for line in lines:
        counted = [one.quantity for one in before if one.order_line_id == line.id]
        if room_for(line.quantities.outstanding, counted, line.factor) >= (pieces or line.factor):
            return line
    return lines[-1]


def _no_part(line: PurchaseOrderLine, pack: Pack, pieces: Decimal) -> str:
    return (
        f"The barcode means {plain(pieces)} {pack.item.base_uom} of {pack.item.name}, but it is ordered in "
        f"{line.uom} of {plain(line.factor)}, and that is no exact part. Scan the barcode of the {line.uom}."
    )


def _sentence(order: PurchaseOrder, draft: Receipt | None, entry: Entry) -> str:
    line = next(one for one in order.lines if one.id == entry.order_line_id)
    same = [one for one in _drafted(draft) if (one.order_line_id, one.verdict) == (line.id, Verdict.GOOD)]
    counted = entry.quantity + sum((one.quantity for one in same), Decimal())
    of = f", lot {entry.lot}" if entry.lot else ""
    of += f", serial {entry.serial}" if entry.serial else ""
    return (
        f"{plain(entry.quantity)} {line.uom} {line.description}{of}. "
        f"{plain(counted)} of {plain(line.quantities.outstanding)} {line.uom} counted."
    )


def _begin(actor: Actor, order: PurchaseOrder, given: Given) -> Receipt:
    receipt = Receipt(
        number=next_number("GR"),
        form_key=f"scan-{given.key}",
        order=order,
        receiver_id=actor.account_id,
        trace_id=order.trace_id,
        lines=[],
    )
    db.session.add(receipt)
    db.session.flush()  # the audit row names it by its id
    order_services.touch(order)
    audit.record(actor, "receipt.enter", receipt, after={"state": receipt.state, "order": order.number})
    return receipt


def _add(receipt: Receipt, entry: Entry) -> None:
    line = _like(receipt, entry)
    if line is None:
        receipt.lines.append(line_of(entry))
    else:
        line.quantity += entry.quantity


def _like(receipt: Receipt, entry: Entry) -> ReceiptLine | None:
    return next((one for one in receipt.lines if entry_of(one).place == entry.place), None)


def _scan_of(receipt: Receipt, given: Given, entry: Entry, told: str) -> ReceiptScan:
    return ReceiptScan(
        key=given.key, receipt_id=receipt.id, order_line_id=entry.order_line_id, text=given.text, told=told,
        quantity=entry.quantity, lot=entry.lot, expires_on=entry.expires_on, serial=entry.serial,
        owner=entry.owner,
    )  # fmt: skip


def take_back(actor: Actor, order_id: int, scan_id: int | None) -> Told:
    """Takes one scan of the person out again; a repeat changes nothing."""
    order = found(orders.find(order_id, lock=True), "order")
    actor.require(Permission.RECEIVE, facility_id=order.location.facility_id)
    draft = queries.draft_of(order.id, actor.account_id)
    scan = queries.scan_of(draft.id, scan_id) if draft and scan_id else None
    if draft is None or scan is None:
        return Told(Tone.ASK, "There is no scan to take back.")
    if scan.undone:
        return Told(Tone.ASK, "This scan is taken back already.")
    gone = Entry(scan.order_line_id, scan.quantity, scan.lot, scan.expires_on, scan.serial, scan.owner)
    line = _like(draft, gone)
    if line is None or line.quantity < gone.quantity:
        return Told(Tone.ASK, "This scan was corrected by hand since. Correct it by hand again.")
    line.quantity -= gone.quantity
    if not line.quantity:
        draft.lines.remove(line)
    scan.undone = True
    return Told(Tone.ASK, f"Taken back: {scan.told.partition('. ')[0]}.")
