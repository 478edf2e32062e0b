"""Chooses the offer of an approved line, and places by itself what needs nobody."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from sqlalchemy.dialects.postgresql import insert

from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, DomainError
from portal.identity.queries import accounts_with
from portal.orders import dealing, services
from portal.orders.models import PurchaseOrder, SourcingChoice
from portal.orders.queries import lock_lines, workbench
from portal.orders.workbench.deciding import groups
from portal.requisitions import services as requisitions
from portal.requisitions.models import RequisitionLine
from portal.requisitions.rules import LineState, RequisitionSource

BY_ITSELF = "nothing to decide"


def choose(actor: Actor, line_id: int, offer_id: int) -> RequisitionLine:
    """The line will be ordered from this offer; choosing the requested one confirms it.

    Raises NotFound for an offer of another item, Invalid above what was approved,
    Conflict when the line was ordered meanwhile.
    """
    line = found(next(iter(lock_lines([line_id])), None), "line")
    actor.require(Permission.BUY, facility_id=line.ship_to.facility_id)
    if line.state is not LineState.APPROVED or requisitions.open_quantity(line) <= 0:
        raise Conflict(f"{line.item.name} was ordered or closed meanwhile. Look at the list again.")
    values = {"offer_id": offer_id, "account_id": actor.account_id, "at": clock.now()}
    db.session.execute(
        insert(SourcingChoice)
        .values(requisition_line_id=line.id, **values)
        .on_conflict_do_update(index_elements=["requisition_line_id"], set_=values)
    )
    deal = dealing.agreed([line])[line.id]
    found(deal.offer if deal.offer.item_id == line.item_id and deal.offer.active else None, "offer")
    dealing.check(line, deal)
    audit.record(
        actor, "requisition_line.source", line,
        after={"supplier": deal.offer.supplier.name, "unit_price": deal.unit_price},
    )  # fmt: skip
    return line


def place_ready(organization_id: int, *, rested: timedelta) -> list[PurchaseOrder]:
    """Places every line that needs nobody and was approved at least `rested` ago.

    What was approved later for the same supplier and place goes along. The first buyer of the facility
    stands on the order; bill-only requests are ordered where they come from.
    """
    portal = system(organization_id, BY_ITSELF)
    lines = [line for line in workbench(portal) if line.requisition.source is not RequisitionSource.BILL_ONLY]
    placed: list[PurchaseOrder] = []
    for group in groups(lines):
        ready = [one.line for one in group.ready if one.line.cost_center_id and one.line.gl_account_id]
        if not any(_has_rested(line, rested) for line in ready):
            continue
        buyers = accounts_with(Permission.BUY, facility_id=ready[0].ship_to.facility_id)
        if buyers:
            actor = Actor(organization_id, "Portal", account_id=buyers[0].id, system_reason=BY_ITSELF)
            placed += _placed(actor, ready)
    return placed


def _placed(actor: Actor, lines: Sequence[RequisitionLine]) -> list[PurchaseOrder]:
    """The orders of these lines; none when somebody changed one meanwhile: the next run looks again."""
    with suppress(DomainError), db.session.begin_nested():
        return services.place(actor, [line.id for line in lines])
    return []


def _has_rested(line: RequisitionLine, rested: timedelta) -> bool:
    decided = line.requisition.decided_at
    return decided is not None and decided <= clock.now() - rested
