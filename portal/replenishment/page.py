"""What the pages of replenishment need, gathered with a constant number of queries."""

from collections.abc import Mapping
from typing import Any

from flask import url_for

from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.paging import paginate
from portal.identity.queries import accounts_with
from portal.masterdata.models import Location
from portal.replenishment import facts, presenters, queries
from portal.replenishment.forms import AcceptForm, ParFilter
from portal.replenishment.rules import EVERY_DAY


def suggestions(actor: Actor, location: Location, refused: Mapping[int, AcceptForm]) -> dict[str, Any]:
    """The open suggestions of a location; `refused` are forms that were sent and not taken."""
    today = clock.today(location.facility.time_zone)
    found = queries.open_at(location.id)
    pars = queries.par_ids(location.id, {line.item_id for one in found for line in one.lines})
    return {
        "cards": presenters.cards(found, pars, refused, today),
        "place": location,
        "elsewhere": [
            {
                "label": name,
                "count": count,
                "url": url_for("replenishment.suggestions", location=location_id),
                "active": location_id == location.id,
            }
            for location_id, name, count in queries.waiting(actor)
        ],
    }


def par_levels(location: Location, form: ParFilter, number: int) -> dict[str, Any]:
    """One page of par lines."""
    today = clock.today(location.facility.time_zone)
    page = paginate(queries.levels(location.id, form.q.data or "", low_only=form.low.data), number)
    pars = facts.pars_of(location.id, page.rows, today)
    return {
        "page": page,
        "rows": presenters.par_rows(page.rows, pars, today),
        "place": location,
        "policy": queries.policy_of(location.id),
    }


def requesters(location: Location) -> list[tuple[int, str]]:
    """Who may request for a location: (account id, name)."""
    found = accounts_with(
        Permission.REQUEST, facility_id=location.facility_id, cost_center_id=location.cost_center_id
    )
    return [(account.id, account.name) for account in found]


def policy_values(location_id: int) -> dict[str, Any]:
    """The policy of a location as its form takes it; without one every day is a review day."""
    policy = queries.policy_of(location_id)
    days = policy.review_days if policy else EVERY_DAY
    requester = str(policy.requester_id) if policy and policy.requester_id else ""
    return {
        "review_days": [str(day) for day in days],
        "auto_submit": policy.auto_submit if policy else False,
        "requester": requester,
    }
