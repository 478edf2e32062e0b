"""Packs that come with who pays for them and where they go: kept of a line, and put into a cart again."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from portal.catalog.models import Offer
from portal.catalog.queries import find_offers
from portal.foundation.access import Actor
from portal.foundation.errors import Invalid
from portal.foundation.quantity import plain
from portal.masterdata.models import Location
from portal.requisitions import charging, paying, services, shipping
from portal.requisitions.edits import LineEdit, ShareEdit
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import SplitBy

LINE_OF_BOX = re.compile(r"[a-z]-(\d+)")


def terms_of(requisition: Requisition, line: RequisitionLine) -> dict[str, Any]:
    """What of a line is not as usual, by codes: place, cost center, GL account, shares."""
    usual = charging.usual_center(requisition, line)
    center = line.cost_center if line.cost_center is not usual else None
    account = line.gl_account if line.gl_account_id != line.item.gl_account_id else None
    terms = {
        "place": shipping.in_words(line.location, requisition),
        "center": center.code if center and not line.payers else "",
        "account": account.code if account and not line.payers else "",
        "split_by": line.split_by or "",
        "shares": [
            [one.cost_center.code, one.gl_account.code if one.gl_account else "", plain(one.weight)]
            for one in line.payers
        ],
    }
    return {name: value for name, value in terms.items() if value}


def edit_of(offer_id: int, quantity: Decimal, terms: dict[str, Any]) -> LineEdit:
    """A line to be put into a cart, with the terms that were kept of another."""
    return LineEdit(
        quantity=quantity,
        offer_id=offer_id,
        ship_to=terms.get("place", ""),
        cost_center=terms.get("center", ""),
        gl_account=terms.get("account", ""),
        split_by=SplitBy(terms["split_by"]) if "split_by" in terms else None,
        shares=[
            ShareEdit(row, center, account, Decimal(weight))
            for row, (center, account, weight) in enumerate(terms.get("shares", ()))
        ],
    )


def fill(actor: Actor, requisition: Requisition, packs: Sequence[LineEdit]) -> list[str]:
    """Puts packs into a cart; lines it has already keep who pays for them.

    What is not valid any more is as usual, and said in a sentence. Raises as `services.put`.
    """
    said: list[str] = []
    places = shipping.places_for(actor, requisition) if any(one.ship_to for one in packs) else ()
    lines, edits = [], []
    offers = {offer.id: offer for offer in find_offers(one.offer_id for one in packs)}
    for edit in packs:
        offer = offers[edit.offer_id]
        place = _place(requisition, offer, edit, places, said)
        present = len(requisition.lines)
        lines.append(services.put(requisition, offer, edit.quantity, place))
        if len(requisition.lines) > present and (edit.cost_center or edit.gl_account or edit.shares):
            edits.append((lines[-1], edit))
    services.reprice(requisition, lines)  # gives new lines their ids, too
    _charge(actor, requisition, {line.id: edit for line, edit in edits}, said)
    for line, edit in edits:
        if edit.split_by is SplitBy.AMOUNT and line.payers:  # what each pays of today's price
            for share, part in zip(line.payers, line.paid(line.amount), strict=True):
                share.weight = part
    return said


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
