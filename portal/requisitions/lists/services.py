"""Buying again, templates, and standing orders with the one that runs when it is due."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from portal.catalog import queries as catalog
from portal.catalog.models import Offer
from portal.catalog.presenters import best_offers, refusal_of
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import DomainError, Invalid
from portal.identity.services import actor_of
from portal.masterdata.models import Location
from portal.masterdata.receiving_days import closings_of
from portal.masterdata.rules import closing_on, next_open
from portal.requisitions import carts, services
from portal.requisitions import queries as requisitions
from portal.requisitions.carts import LONGEST_NAME
from portal.requisitions.edits import LineEdit
from portal.requisitions.filling import edit_of, fill, terms_of
from portal.requisitions.lists import queries
from portal.requisitions.lists.models import RequisitionTemplate, StandingOrder, TemplateLine
from portal.requisitions.lists.rules import Rhythm, in_words, is_day, next_due
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import MOST_QUANTITY, RequisitionSource

MOST_TEMPLATES = 100
Packs = Sequence[tuple[Offer, LineEdit]]


@dataclass(frozen=True)
class Loaded:
    """What was put into a cart, and the items that nobody offers now."""

    added: int
    missing: Sequence[str]
    said: Sequence[str] = ()  # what is as usual now, since it is not valid any more


def _available(location: Location, packs: Packs) -> tuple[list[LineEdit], list[str]]:
    """The packs, where an offer is gone of the best other one of the same pack; and what is left out."""
    offers = catalog.offers_of({offer.item_id for offer, _ in packs})
    priced = catalog.priced(offers, services.today_at(location))
    own = {one.offer.id: one for one in priced}
    best = best_offers(priced)
    wanted: dict[LineEdit, Decimal] = {}
    missing = []
    for offer, edit in packs:
        chosen = own.get(offer.id)
        if chosen is None or refusal_of(chosen):
            chosen = best.get((offer.item_id, offer.uom))
        if chosen is None or refusal_of(chosen):
            missing.append(offer.item.name)
        else:
            kind = replace(edit, offer_id=chosen.offer.id, quantity=Decimal())
            wanted[kind] = min(wanted.get(kind, Decimal()) + edit.quantity, MOST_QUANTITY)
    return [replace(kind, quantity=quantity) for kind, quantity in wanted.items()], missing


def _load(actor: Actor, location_id: int, packs: Packs) -> Loaded:
    wanted, missing = _available(services.requestable(actor, location_id), packs)
    said: Sequence[str] = ()
    if wanted:
        cart = services.locked_cart(actor, services.cart(actor, location_id).id)
        said = fill(actor, cart, wanted)
    return Loaded(len(wanted), missing, said)


def request_again(actor: Actor, requisition_id: int) -> tuple[Requisition, Loaded]:
    """Puts the lines of a past requisition into the cart of its location."""
    past = requisitions.for_person(actor, requisition_id)
    today = services.today_at(past.location)
    packs = [_as_before(past, line, today) for line in past.lines]
    return past, _load(actor, past.location_id, packs)


def line_again(actor: Actor, location_id: int, line_id: int, quantity: Decimal) -> Loaded:
    """Puts packs of a line the location once asked for into the cart: for its place, paid as it was."""
    location = services.requestable(actor, location_id)
    line = found(next(iter(queries.past_lines(location_id, [line_id])), None), "line")
    offer, edit = _as_before(line.requisition, line, services.today_at(location))
    return _load(actor, location_id, [(offer, replace(edit, quantity=services.whole(quantity, "quantity")))])


def _as_before(past: Requisition, line: RequisitionLine, today: date) -> tuple[Offer, LineEdit]:
    return line.offer, edit_of(line.offer_id, line.quantity, terms_of(past, line), today)


# Templates


def save_template(actor: Actor, cart_id: int, name: str, *, is_shared: bool) -> RequisitionTemplate:
    """Keeps the lines of a cart under a name; Invalid without a name of its own, or without lines."""
    cart = requisitions.own(actor, cart_id)
    name = " ".join(name.split())
    known = queries.templates(actor, cart.location_id)
    if not name or len(name) > LONGEST_NAME:
        raise Invalid(f"Give the template a name of at most {LONGEST_NAME} characters.", field="name")
    if name.lower() in {one.name.lower() for one in known}:
        raise Invalid(f"There is a template named {name} already. Choose another name.", field="name")
    if not cart.lines:
        raise Invalid("The cart is empty. Add an item first.")
    if len(known) >= MOST_TEMPLATES:
        raise Invalid(f"This place has {MOST_TEMPLATES} templates. Delete one first.")
    template = RequisitionTemplate(
        name=name, location_id=cart.location_id, owner_id=actor.account_id, is_shared=is_shared
    )
    template.lines = [
        TemplateLine(
            position=number, offer_id=line.offer_id, quantity=line.quantity, terms=terms_of(cart, line)
        )
        for number, line in enumerate(cart.lines, 1)
    ]
    db.session.add(template)
    db.session.flush()
    after = {"name": name, "shared": is_shared, "lines": len(template.lines)}
    audit.record(actor, "template.save", template, after=after)
    return template


def load_template(actor: Actor, template_id: int) -> tuple[RequisitionTemplate, Loaded]:
    """Puts the lines of a template into the cart of its location."""
    template = queries.template(actor, template_id)
    return template, _load(actor, template.location_id, _packs(template))


def _packs(template: RequisitionTemplate) -> Packs:
    today = services.today_at(template.location)
    return [(line.offer, edit_of(line.offer_id, line.quantity, line.terms, today)) for line in template.lines]


def delete_template(actor: Actor, template_id: int) -> RequisitionTemplate:
    """Takes a template of one's own away; Invalid while a standing order of it runs."""
    template = queries.template(actor, template_id)
    if template.owner_id != actor.account_id:
        raise Invalid(f"Only {template.owner.name} may delete this template.")
    if any(one.template_id == template.id for one in queries.standing_orders(actor, template.location_id)):
        raise Invalid("End its standing order first.")
    template.removed_at = clock.now()
    audit.record(actor, "template.delete", template, before={"name": template.name})
    return template


# Standing orders


def begin_standing(actor: Actor, template_id: int, rhythm: Rhythm, day: int) -> StandingOrder:
    """Requests a template by itself from the next day of the rhythm on; Invalid for a day without one."""
    template = queries.template(actor, template_id)
    location = services.requestable(actor, template.location_id)
    if not is_day(rhythm, day):
        raise Invalid("Choose a day from Monday to Sunday, or from 1 to 31 of the month.", field="day")
    order = StandingOrder(
        template_id=template.id, owner_id=actor.account_id, rhythm=rhythm, day=day,
        due_on=next_due(rhythm, day, services.today_at(location)),
    )  # fmt: skip
    db.session.add(order)
    db.session.flush()
    after = {"template": template.name, "rhythm": in_words(rhythm, day), "due": order.due_on}
    audit.record(actor, "standing_order.begin", order, after=after)
    return order


def pause_standing(actor: Actor, order_id: int, *, is_paused: bool) -> StandingOrder:
    """Stops a standing order for a while, or lets it go on from its next day."""
    order = queries.standing_order(actor, order_id)
    location = services.requestable(actor, order.template.location_id)
    if order.is_paused != is_paused:
        order.is_paused = is_paused
        order.due_on = next_due(order.rhythm, order.day, services.today_at(location))
        audit.record(actor, "standing_order.pause" if is_paused else "standing_order.resume", order)
    return order


def end_standing(actor: Actor, order_id: int) -> int:
    """Ends a standing order for good; gives the id of its location."""
    order = queries.standing_order(actor, order_id)
    audit.record(actor, "standing_order.end", order, before={"rhythm": in_words(order.rhythm, order.day)})
    db.session.delete(order)
    return order.template.location_id


def next_run(order: StandingOrder, location: Location) -> date | None:
    """The day it is requested: the due one, or the first open day after it."""
    return next_open(order.due_on, closings_of(location))


def run(order_id: int) -> Requisition | None:
    """Requests a standing order if it is due on an open day; once, whoever repeats it.

    What cannot be submitted stays as a cart of its owner, with the reason; the next day of the rhythm follows
    in any case.
    """
    order = queries.claimed(order_id)
    if order is None:
        return None
    location = order.template.location
    today = services.today_at(location)
    if order.due_on > today or closing_on(today, closings_of(location)):
        return None
    owner, template = actor_of(order.owner), order.template
    order.problem, order.last_on = "", today
    order.due_on = next_due(order.rhythm, order.day, today)
    wanted, missing = _available(location, _packs(template))
    if missing:
        order.problem = f"Left out, as nobody offers it now: {names(missing)}."
    requisition = None
    try:
        with db.session.begin_nested():
            note = f"Standing order {template.name}, {in_words(order.rhythm, order.day)}"
            requisition, said = _request(owner, location, wanted, note)
            order.problem = " ".join([*filter(None, [order.problem]), *said])
    except DomainError as error:
        order.problem = f"{order.problem} {error}".strip()
        _leave_cart(owner, location, wanted, f"{template.name[: LONGEST_NAME - 11]}, {today}")
    order.last_requisition_id = requisition.id if requisition else None
    after = {"requisition": requisition.number if requisition else None, "problem": order.problem}
    audit.record(owner, "standing_order.run", order, after=after)
    return requisition


def _request(
    owner: Actor, location: Location, wanted: Sequence[LineEdit], note: str
) -> tuple[Requisition, list[str]]:
    if not wanted:
        raise Invalid("Nothing of it can be requested now. Change the template.")
    requisition = services.begin(owner, location.id, RequisitionSource.STANDING)
    requisition.note = note
    said = fill(owner, requisition, wanted)
    db.session.flush()
    return services.submit(owner, requisition.id, seen_version=requisition.version), said


def _leave_cart(owner: Actor, location: Location, wanted: Sequence[LineEdit], name: str) -> None:
    """What could not be submitted waits for its owner, if that person may still request here."""
    with suppress(DomainError), db.session.begin_nested():
        cart = carts.begin(owner, location.id, name)
        if wanted:
            fill(owner, services.locked_cart(owner, cart.id), wanted)
        services.describe(owner, cart.id, need_by=None, note=name)


def names(items: Iterable[str]) -> str:
    """Some names in a sentence."""
    listed = list(items)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return f"{', '.join(listed[:3])}{more}"
