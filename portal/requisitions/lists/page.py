"""What the page of shopping lists shows."""

from typing import Any

from portal.catalog import queries as catalog
from portal.catalog.favorites import favorites
from portal.catalog.presenters import OfferRow, best_offers, offer_row
from portal.foundation.access import Actor
from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.masterdata.models import Location
from portal.requisitions import services as requisitions
from portal.requisitions.filling import in_words as terms_in_words
from portal.requisitions.filling import terms_of
from portal.requisitions.lists import queries, services
from portal.requisitions.lists.models import RequisitionTemplate, StandingOrder
from portal.requisitions.lists.rules import in_words


def context(actor: Actor, location: Location) -> dict[str, Any]:
    """The values of the template, with a constant number of queries."""
    bought = queries.bought_before(actor, location.id)
    marked = favorites(actor)
    past = {line.id: line for line in queries.past_lines(location.id, [one.line_id for one in bought])}
    offers = catalog.find_offers(one.offer_id for one in bought)
    today = requisitions.today_at(location)
    item_ids = {offer.item_id for offer in offers} | marked
    shelves = catalog.shelves(actor, location.id, item_ids, usage=True)
    priced = {one.offer.id: one for one in catalog.priced(offers, today)}
    best = best_offers(catalog.priced(catalog.offers_of(marked), today))
    return {
        "place": location,
        "again": [
            {
                "row": offer_row(priced[one.offer_id], shelves[priced[one.offer_id].offer.item_id]),
                "quantity": plain(one.quantity),
                "by": f"{'You' if one.is_mine else 'Here'}, {day(one.at)}",
                "line_id": one.line_id,
                "terms": terms_in_words(terms_of(past[one.line_id].requisition, past[one.line_id])),
            }
            for one in bought
        ],
        "favorites": _favorites([offer_row(one, shelves[one.offer.item_id]) for one in best.values()]),
        "templates": [_template(actor, one) for one in queries.templates(actor, location.id)],
        "standing": [_standing(one, location) for one in queries.standing_orders(actor, location.id)],
    }


def _favorites(rows: list[OfferRow]) -> list[OfferRow]:
    return sorted(rows, key=lambda row: (row.name, row.id))


def _template(actor: Actor, template: RequisitionTemplate) -> dict[str, Any]:
    return {
        "id": template.id,
        "name": template.name,
        "items": services.names(line.offer.item.name for line in template.lines),
        "lines": len(template.lines),
        "owner": "You" if template.owner_id == actor.account_id else template.owner.name,
        "is_shared": template.is_shared,
        "is_mine": template.owner_id == actor.account_id,
    }


def _standing(order: StandingOrder, location: Location) -> dict[str, Any]:
    runs = services.next_run(order, location)
    last = order.last_requisition
    return {
        "id": order.id,
        "name": order.template.name,
        "rhythm": in_words(order.rhythm, order.day),
        "next": "paused" if order.is_paused else day(runs) if runs else "no open day within a year",
        "moved": runs is not None and runs != order.due_on and not order.is_paused,
        "is_paused": order.is_paused,
        "problem": order.problem,
        "last_on": day(order.last_on) if order.last_on else "",
        "last": {"id": last.id, "number": last.number} if last else None,
        "tone": "warning" if order.problem else "",
    }
