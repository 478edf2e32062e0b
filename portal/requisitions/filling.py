"""Packs that come with who pays for them and where they go: kept of a line, and put into a cart again."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from portal.catalog.models import Offer
from portal.catalog.queries import find_offers
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.quantity import plain
from portal.masterdata.models import Location
from portal.requisitions import charging, paying, services, shipping
from portal.requisitions.edits import LineEdit, ShareEdit
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import SplitBy

LINE_OF_BOX = re.compile(r"[a-z]-(\d+)")


def terms_of(requisition: Requisition, line: RequisitionLine) -> dict[str, Any]:
    """What of a line is not as usual, by codes: place, cost center, GL account, shares, days until needed."""
    usual = charging.usual_center(requisition, line)
    center = line.cost_center if line.cost_center is not usual else None
    account = line.gl_account if line.gl_account_id != line.item.gl_account_id else None
    terms: dict[str, Any] = {
        "place": shipping.in_words(line.location, requisition),
        "center": center.code if center and not line.payers else "",
        "account": account.code if account and not line.payers else "",
        "split_by": line.split_by or "",
        "shares": [
            [one.cost_center.code, one.gl_account.code if one.gl_account else "", plain(one.weight)]
            for one in line.payers
        ],
    }
    zone = requisition.location.facility.time_zone
    asked_on = (requisition.submitted_at or clock.now()).astimezone(ZoneInfo(zone)).date()
    if line.need_by is not None:
        terms["need_in"] = max((line.need_by - asked_on).days, 0)
    return {name: value for name, value in terms.items() if value or name == "need_in"}


def in_words(terms: dict[str, Any]) -> str:
    """paid 60 % by CC100 and 40 % by CC200, deliver to ST01 Central storeroom; empty where all is as usual"""
    is_percent = terms.get("split_by") == SplitBy.PERCENT
    payers = [
        f"{f'{weight} % by ' if is_percent else ''}{code}" for code, _, weight in terms.get("shares", ())
    ]
    center, account, days = terms.get("center"), terms.get("account"), terms.get("need_in")
    soon = f"within {days} day{'s' if days != 1 else ''}" if days else "at once"
    words = (
        f"paid {'' if is_percent else 'by '}{' and '.join(payers)}" if payers else "",
        f"paid by {center}" if center else "",
        f"GL account {account}" if account else "",
        f"deliver to {terms['place']}" if "place" in terms else "",
        f"needed {soon}" if days is not None else "",
    )
    return ", ".join(filter(None, words))


def edit_of(offer_id: int, quantity: Decimal, terms: dict[str, Any], today: date) -> LineEdit:
    """A line to be put into a cart, with the terms that were kept of another."""
    return LineEdit(
        quantity=quantity,
        offer_id=offer_id,
        need_by=today + timedelta(days=terms["need_in"]) if "need_in" in terms else None,
        ship_to=terms.get("place", ""),
        cost_center=terms.get("center", ""),
        gl_account=terms.get("account", ""),
        split_by=SplitBy(terms["split_by"]) if "split_by" in terms else None,
        shares=tuple(
            ShareEdit(row, center, account, Decimal(weight))
            for row, (center, account, weight) in enumerate(terms.get("shares", ()))
        ),
    )


def fill(actor: Actor, requisition: Requisition, packs: Sequence[LineEdit]) -> list[str]:
    """Puts packs into a cart; they add to a line of the same place and payers, else are one of their own.

    What is not valid any more is as usual, and said in a sentence. Raises as `services.put`.
    """
    said: list[str] = []
    places = shipping.places_for(actor, requisition) if any(one.ship_to for one in packs) else ()
    offers = {offer.id: offer for offer in find_offers(one.offer_id for one in packs)}
    lines = []
    for edit in packs:
        offer = offers[edit.offer_id]
        lines.append(_put(requisition, offer, edit, _place(requisition, offer, edit, places, said)))
    services.reprice(requisition, lines)  # gives new lines their ids, too
    edits = {line.id: edit for line, edit in zip(lines, packs, strict=True) if _has_payers(edit)}
    if edits:
        _charge(actor, requisition, edits, said)
        lines = _joined(requisition, lines)
        services.reprice(requisition, lines)
        _keep_proportion(lines)
    return said


def _keep_proportion(lines: Sequence[RequisitionLine]) -> None:
    """Amounts that several pay make today's price."""
    for line in lines:
        if line.split_by is SplitBy.AMOUNT and line.payers:
            for share, part in zip(line.payers, line.paid(line.amount), strict=True):
                share.weight = part


def _has_payers(edit: LineEdit) -> bool:
    return bool(edit.cost_center or edit.gl_account or edit.shares)


def _put(requisition: Requisition, offer: Offer, edit: LineEdit, place: Location | None) -> RequisitionLine:
    place_id = place.id if place and place.id != requisition.location_id else None
    as_usual = (
        one
        for one in requisition.lines
        if (one.offer.id, one.location_id) == (offer.id, place_id) and services.is_paid_as_usual(one)
    )
    present = len(requisition.lines)
    anew = _has_payers(edit) or next(as_usual, None) is None
    line = services.put(requisition, offer, edit.quantity, place, anew=anew)
    if len(requisition.lines) > present:
        line.need_by = edit.need_by
    return line


def _joined(requisition: Requisition, filled: Sequence[RequisitionLine]) -> list[RequisitionLine]:
    """The lines that were filled, each joined with the first of the same place and payers."""
    first: dict[Any, RequisitionLine] = {}
    left = []
    for line in list(requisition.lines):
        same = first.setdefault(_kind(line), line)
        if line not in filled:
            continue
        left.append(same)
        if same is not line:
            services.set_quantity(same, same.quantity + line.quantity, f"q{line.offer_id}")
            line.shares.clear()  # they may not be written yet, and would outlive it
            requisition.lines.remove(line)
            db.session.delete(line)
    return list(dict.fromkeys(left))


def _kind(line: RequisitionLine) -> tuple[Any, ...]:
    shares = tuple((one.cost_center.id, one.gl_account, one.weight) for one in line.payers)
    return (line.offer_id, line.location_id, line.cost_center, line.gl_account, line.split_by, shares)


def _place(
    requisition: Requisition, offer: Offer, edit: LineEdit, places: Sequence[Location], said: list[str]
) -> Location | None:
    if not edit.ship_to:
        return None
    try:
        return shipping.meant(edit.ship_to, requisition, places, "place")
    except Invalid as error:
        said.append(f"{offer.item.name}: {_first(error)} It goes to {requisition.location.name}.")
        return None


def _charge(actor: Actor, requisition: Requisition, edits: dict[int, LineEdit], said: list[str]) -> None:
    names = {line.id: line.item.name for line in requisition.lines}
    today = services.today_at(requisition.location)
    left = dict(edits)
    while left:
        try:
            paying.charge(actor, requisition, left, today)
            return
        except Invalid as error:
            line_id = int(LINE_OF_BOX.findall(error.field or "")[0])
            said.append(f"{names[line_id]}: {_first(error)} The usual cost center and account pay.")
            left[line_id] = LineEdit(left[line_id].quantity, left[line_id].offer_id)


def _first(error: Invalid) -> str:
    return f"{str(error).partition('. ')[0].rstrip('.')}."
