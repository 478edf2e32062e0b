"""Four weeks of use before the demo begins, so that every shelf has a day on which it runs out."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from sqlalchemy import func, update

from portal.demo import tables
from portal.demo.organizations import Organization
from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.db import db
from portal.inventory.models import ParLevel
from portal.inventory.rules import MovementKind, ParMethod
from portal.inventory.services import Move, move

WEEKS_AGO = (4, 3, 2, 1)
# A week's use as a share of the maximum; shelf after shelf takes the next one.
SHARES = tuple(Decimal(share) / 100 for share in (20, 45, 10, 30, 60, 15, 25))
CARD_EVERY = 12


def add_consumption(of: Organization) -> None:
    """Adds what was used and, before it, as much stock; what is on hand stays as it is."""
    actor = system(of.row.id, "use before the demo")
    used = list(_used(of))
    opening = [_move(one, MovementKind.OPENING, "before", -one.quantity * len(WEEKS_AGO)) for one in used]
    with clock.shifted(-timedelta(weeks=max(WEEKS_AGO) + 1)):
        move(actor, opening)
    for weeks in WEEKS_AGO:
        with clock.shifted(-timedelta(weeks=weeks) + timedelta(days=1)):
            move(actor, [_move(one, MovementKind.USAGE, f"week-{weeks}", one.quantity) for one in used])
    _set_levels(of)


def _used(of: Organization) -> Iterator[Move]:
    tracked = {
        row["code"]: row["lot_tracked"] == "yes" for row in tables.rows(of.slug, "items", today=of.today)
    }
    for number, row in enumerate(tables.rows(of.slug, "par_levels", today=of.today)):
        full = Decimal(row["maximum"]) * of.factors[row["item"], row["uom"]]
        week = (full * SHARES[number % len(SHARES)]).to_integral_value(rounding=ROUND_CEILING)
        yield Move(
            key=f"{row['location']}-{row['item']}",
            kind=MovementKind.USAGE,
            location_id=of.locations[row["location"]],
            item_id=of.items[row["item"]],
            quantity=-week,
            lot=f"L{row['item']}A" if tracked[row["item"]] else "",
        )


def _move(one: Move, kind: MovementKind, when: str, quantity: Decimal) -> Move:
    return Move(
        f"{when}-{one.key}", kind, one.location_id, one.item_id, quantity, lot=one.lot, document="Demo"
    )


def _set_levels(of: Organization) -> None:
    """A quarter of the minimum is critical; some items are kept in two bins with a card."""
    mine = ParLevel.organization_id == of.row.id
    db.session.execute(update(ParLevel).where(mine).values(critical=func.floor(ParLevel.minimum / 4)))
    in_bins = (ParLevel.id % CARD_EVERY == 0) & (ParLevel.minimum < ParLevel.maximum)
    db.session.execute(update(ParLevel).where(mine, in_bins).values(method=ParMethod.KANBAN))
