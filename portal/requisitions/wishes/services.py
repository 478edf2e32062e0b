"""Asking for what is not in the catalog, and a buyer's answer to it."""

from dataclasses import asdict, dataclass
from decimal import Decimal

from portal.catalog import adding
from portal.catalog.adding import NewItem
from portal.catalog.coding import meanings
from portal.catalog.models import Offer
from portal.catalog.presenters import refusal_of
from portal.catalog.queries import priced
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.requisitions import services
from portal.requisitions.models import RequisitionLine
from portal.requisitions.wishes import queries
from portal.requisitions.wishes.models import Wish
from portal.requisitions.wishes.rules import TRANSITIONS, WishState
from portal.requisitions.wishes.telling import tell_requester


@dataclass(frozen=True)
class Wanted:
    """What somebody knows of the thing they need."""

    what: str
    quantity: Decimal
    why: str
    maker: str = ""
    part_number: str = ""
    supplier: str = ""
    price: Decimal | None = None
    link: str = ""


def ask(actor: Actor, location_id: int, wanted: Wanted) -> Wish:
    """Puts it on the buyers' list."""
    location = services.requestable(actor, location_id)
    wish = Wish(requester_id=actor.account_id, location_id=location.id, **asdict(wanted))
    db.session.add(wish)
    db.session.flush()
    audit.record(actor, "wish.ask", wish, after={"what": wish.what, "quantity": wish.quantity})
    return wish


def may_answer(actor: Actor, wish: Wish) -> bool:
    """Buyers of the facility; nobody answers their own."""
    is_buyer = actor.can(Permission.BUY, facility_id=wish.location.facility_id)
    return is_buyer and wish.requester_id != actor.account_id


def answer(actor: Actor, wish_id: int, code: str, words: str, *, is_alternative: bool) -> Wish:
    """Links it to what a code means; Invalid (code) when that is nothing, several or not requestable."""
    wish = _to_answer(actor, wish_id)
    wish.offer = _offer(wish, code)
    return _decide(actor, wish, "propose" if is_alternative else "find", words)


def _offer(wish: Wish, code: str) -> Offer:
    meaning = meanings([code])[code]
    if len(meaning.item_names) != 1:
        advice = "Use the item number or the supplier's number" if meaning.offers else "Set the item up first"
        sentence = "means several items" if meaning.offers else "is no item that a supplier offers"
        raise Invalid(f"“{code[:60]}” {sentence}. {advice}, then answer.", field="code")
    offers = priced(meaning.offers, services.today_at(wish.location))
    best = min(offers, key=lambda one: (bool(refusal_of(one)), one.contract_line is None, one.each_price))
    if refusal_of(best):
        raise Invalid(f"{best.offer.item.name}: {refusal_of(best)}", field="code")
    return best.offer


def set_up(actor: Actor, wish_id: int, new: NewItem, words: str) -> Wish:
    """Makes it an item of the catalog, and answers with it; raises Invalid as `adding.set_up`."""
    wish = _to_answer(actor, wish_id)
    wish.offer_id = adding.set_up(actor, new).id
    db.session.flush()
    return _decide(actor, queries.wish(actor, wish_id, lock=True), "find", words)


def refuse(actor: Actor, wish_id: int, reason: str) -> Wish:
    """Says why not."""
    wish = _to_answer(actor, wish_id)
    if not reason.strip():
        raise Invalid("Say why it is refused.", field="reason")
    return _decide(actor, wish, "refuse", reason)


def _to_answer(actor: Actor, wish_id: int) -> Wish:
    wish = queries.wish(actor, wish_id, lock=True)
    if not may_answer(actor, wish):
        raise NotAllowed("A buyer of this facility answers it, and nobody their own.")
    return wish


def _decide(actor: Actor, wish: Wish, action: str, words: str) -> Wish:
    _move(actor, wish, action, words)
    wish.answer, wish.decided_by_id, wish.decided_at = words.strip(), actor.account_id, clock.now()
    tell_requester(wish, actor.name)
    return wish


def _move(actor: Actor, wish: Wish, action: str, words: str) -> None:
    before = wish.state
    after = TRANSITIONS.get((before, action))
    if after is None:
        raise Conflict("Somebody answered or withdrew it meanwhile. Look at it again.")
    wish.state = after
    said = {"state": after, "words": words.strip(), "item": wish.offer.item.code if wish.offer else ""}
    audit.record(actor, f"wish.{action}", wish, before={"state": before}, after=said)


def withdraw(actor: Actor, wish_id: int) -> Wish:
    """The person who asked needs it no more."""
    wish = _own(actor, wish_id)
    _move(actor, wish, "withdraw", "")
    return wish


def ask_again(actor: Actor, wish_id: int, words: str) -> Wish:
    """The answer does not help: back to the buyers, with what they did not know."""
    wish = _own(actor, wish_id)
    if not words.strip():
        raise Invalid("Say what the buyer did not know.", field="again")
    _move(actor, wish, "ask_again", words)
    wish.why = f"{wish.why}\n{words.strip()}"
    wish.offer, wish.offer_id = None, None
    return wish


def take(actor: Actor, wish_id: int) -> RequisitionLine:
    """Puts what the buyer found into the cart of the location."""
    wish = _own(actor, wish_id)
    if wish.state not in (WishState.FOUND, WishState.ALTERNATIVE) or wish.offer is None:
        raise Conflict("The buyer has not found it yet. Look at it again.")
    return services.add(actor, wish.location_id, wish.offer.id, wish.quantity)


def _own(actor: Actor, wish_id: int) -> Wish:
    wish = queries.wish(actor, wish_id, lock=True)
    if wish.requester_id != actor.account_id:
        raise NotAllowed("Only the person who asked may do this.")
    return wish
