"""The cart as it is edited: quantity, pack, day, cost center and account of each line, and of the whole."""

from collections.abc import Mapping
from datetime import date, timedelta

from portal.catalog.models import Offer
from portal.catalog.queries import find_offers
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid
from portal.requisitions import paying, services, shipping
from portal.requisitions.edits import Edited, LineEdit
from portal.requisitions.models import Requisition, RequisitionLine

LATEST_NEED = timedelta(days=365)


def save(actor: Actor, requisition_id: int, edited: Edited, *, seen_version: int) -> Requisition:
    """Changes the cart as it was edited.

    Raises Conflict when the cart changed since the page was shown, Invalid with the name of the box (need_by,
    line-<id>, offer-<id>, need-<id>, center-<id>, account-<id>, place-<id>, payer-<id>-<row>,
    pays-from-<id>-<row>) for what cannot be.
    """
    requisition = services.locked_cart(actor, requisition_id)
    if requisition.version != seen_version:
        raise Conflict("This cart was changed in another window. Check it, then go on.")
    today = services.today_at(requisition.location)
    _check_need_by(edited.need_by, today, "need_by")
    shipping.send(actor, requisition, edited.lines)
    paying.charge(actor, requisition, edited.lines, today)
    _repack(requisition, edited.lines)
    changed = [line for line in list(requisition.lines) if _change(requisition, line, edited, today)]
    if changed:
        services.reprice(requisition, [line for line in changed if line in requisition.lines])
    requisition.need_by, requisition.note = edited.need_by, edited.note.strip()
    requisition.is_rush, requisition.rush_reason = edited.is_rush, edited.rush_reason.strip()
    requisition.override_reason = edited.override_reason.strip()
    db.session.flush()  # the version rises, and the page shows it
    return requisition


def _change(requisition: Requisition, line: RequisitionLine, edited: Edited, today: date) -> bool:
    """Whether the price of the line has to be found anew."""
    wanted = edited.lines.get(line.id)
    if wanted is None:
        return False
    _check_need_by(wanted.need_by, today, f"need-{line.id}")
    line.need_by = wanted.need_by if wanted.need_by != edited.need_by else None
    line.quantity_reason = wanted.reason.strip()
    box = f"line-{line.id}"
    if wanted.quantity == 0:
        requisition.lines.remove(line)
        db.session.delete(line)
    elif wanted.quantity != line.quantity:
        services.set_quantity(line, services.whole(wanted.quantity, box), box)
    elif wanted.offer_id == line.offer_id and line.uom == line.offer.uom:
        return False
    line.uom = line.offer.uom
    return True


def _repack(requisition: Requisition, lines: Mapping[int, LineEdit]) -> None:
    """Another pack or supplier of the same item."""
    moved = [
        line for line in requisition.lines if line.id in lines and lines[line.id].offer_id != line.offer_id
    ]
    offers = {offer.id: offer for offer in find_offers(lines[line.id].offer_id for line in moved)}
    for line in moved:
        offer = offers.get(lines[line.id].offer_id)
        box = f"offer-{line.id}"
        if offer is None or offer.item_id != line.item_id or not _is_offered(offer):
            raise Invalid("This pack is not offered any more. Choose another.", field=box)
        if any((one.offer_id, one.location_id) == (offer.id, line.location_id) for one in requisition.lines):
            raise Invalid("The cart has a line of this pack already. Change its quantity.", field=box)
        line.offer, line.offer_id = offer, offer.id


def _is_offered(offer: Offer) -> bool:
    return offer.active and not offer.supplier.blocked


def _check_need_by(need_by: date | None, today: date, box: str) -> None:
    if need_by is not None and need_by < today:
        raise Invalid("This day is in the past. Choose today or later.", field=box)
    if need_by is not None and need_by > today + LATEST_NEED:
        raise Invalid("Choose a day within the next year.", field=box)
