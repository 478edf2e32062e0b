"""Requests for what is not in the catalog as pages show them."""

from decimal import Decimal
from typing import Any

from portal.catalog.models import Offer
from portal.catalog.rules import pack
from portal.foundation.access import Actor
from portal.foundation.audit import AuditEvent, history_of
from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.requisitions.wishes.models import Wish
from portal.requisitions.wishes.rules import WishState
from portal.requisitions.wishes.services import may_answer

STATUSES = {
    WishState.OPEN: Status("With a buyer", "info", "clock"),
    WishState.FOUND: Status("Found", "success", "check"),
    WishState.ALTERNATIVE: Status("Another item proposed", "success", "arrows-exchange"),
    WishState.REFUSED: Status("Refused", "danger", "x"),
    WishState.WITHDRAWN: Status("Withdrawn", "neutral", "arrow-back-up"),
}
TITLES = {
    "wish.ask": "Asked",
    "wish.find": "Found",
    "wish.propose": "Another item proposed",
    "wish.refuse": "Refused",
    "wish.withdraw": "Withdrawn",
    "wish.ask_again": "Asked again",
}


def row(wish: Wish) -> dict[str, Any]:
    """A row of the list."""
    return {
        "id": wish.id,
        "what": wish.what,
        "maker": " ".join(filter(None, (wish.maker, wish.part_number))),
        "place": wish.location.name,
        "requester": wish.requester.name,
        "at": wish.created_at,
        "status": STATUSES[wish.state],
        "tone": "warning" if wish.state is WishState.OPEN else "",
    }


def page(actor: Actor, wish: Wish) -> dict[str, Any]:
    """The values of its page."""
    is_mine = wish.requester_id == actor.account_id
    is_open = wish.state is WishState.OPEN
    return {
        "wish": wish,
        "offer_pack": _pack(wish.offer) if wish.offer else "",
        "zone": wish.location.facility.time_zone,
        "status": STATUSES[wish.state],
        "facts": _facts(wish),
        "history": [_event(event) for event in history_of("wish", wish.id)],
        "may_answer": is_open and may_answer(actor, wish),
        "may_withdraw": is_open and is_mine,
        "may_take": is_mine and wish.state in (WishState.FOUND, WishState.ALTERNATIVE),
        "may_ask_again": is_mine and wish.state not in (WishState.OPEN, WishState.WITHDRAWN),
    }


def _pack(offer: Offer) -> str:
    return pack(offer.uom, offer.factor, offer.item.base_uom)


def item_of(wish: Wish) -> dict[str, Any]:
    """What the form of an item begins with."""
    return {
        "name": wish.what,
        "maker": wish.maker,
        "part_number": wish.part_number,
        "base_uom": "EA",
        "uom": "EA",
        "factor": Decimal(1),
        "list_price": wish.price,
    }


def _facts(wish: Wish) -> list[dict[str, str]]:
    known = {
        "How many": plain(wish.quantity),
        "For": wish.location.name,
        "Asked by": wish.requester.name,
        "Manufacturer": wish.maker,
        "Part number": wish.part_number,
        "Supplier": wish.supplier,
        "Price of one": unit_price(wish.price) if wish.price is not None else "",
        "What it is for": wish.why,
    }
    return [{"label": label, "value": value} for label, value in known.items() if value]


def _event(event: AuditEvent) -> dict[str, Any]:
    after = event.after or {}
    text = " ".join(filter(None, (str(after.get("item", "")), str(after.get("words", "")))))
    return {
        "title": TITLES.get(event.action, event.action),
        "at": event.at,
        "actor": event.actor,
        "text": text,
    }
