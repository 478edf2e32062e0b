"""Reading what was bought before, templates and standing orders."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from portal.catalog.models import Offer
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.masterdata.models import Location
from portal.requisitions.before import ASKED
from portal.requisitions.lists.models import RequisitionTemplate, StandingOrder, TemplateLine
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.queries import completed
from portal.requisitions.rules import RequisitionSource

MOST_BEFORE = 50
BY_PEOPLE = (RequisitionSource.CART, RequisitionSource.STANDING)


@dataclass(frozen=True)
class Bought:
    """An offer a location asked for, its last line with the quantity, when, and whether this person did."""

    line_id: int
    offer_id: int
    quantity: Decimal
    at: datetime
    is_mine: bool


def bought_before(actor: Actor, location_id: int) -> list[Bought]:
    """The last offers that people requested for a location, this person's first, then the newest."""
    latest = (
        select(
            RequisitionLine.id,
            RequisitionLine.offer_id,
            RequisitionLine.quantity,
            Requisition.submitted_at,
            func.bool_or(Requisition.requester_id == actor.account_id)
            .over(partition_by=RequisitionLine.offer_id)
            .label("is_mine"),
            func.row_number()
            .over(
                partition_by=RequisitionLine.offer_id,
                order_by=(Requisition.submitted_at.desc(), RequisitionLine.id.desc()),
            )
            .label("place"),
        )
        .join(RequisitionLine.requisition)
        .where(
            Requisition.location_id == location_id,
            Requisition.state.in_(ASKED),
            Requisition.source.in_(BY_PEOPLE),
            Requisition.id.in_(
                select(Requisition.id)
                .where(Requisition.location_id == location_id, Requisition.state.in_(ASKED))
                .order_by(Requisition.submitted_at.desc())
                .limit(100)
            ),
        )
        .subquery()
    )
    rows = db.session.execute(
        select(latest)
        .where(latest.c.place == 1)
        .order_by(latest.c.is_mine.desc(), latest.c.submitted_at.desc(), latest.c.offer_id)
        .limit(MOST_BEFORE)
    )
    return [Bought(row.id, row.offer_id, row.quantity, row.submitted_at, row.is_mine) for row in rows]


def past_lines(location_id: int, line_ids: Collection[int]) -> list[RequisitionLine]:
    """Lines (by id) that were requested for a location, with who pays for them and where they went."""
    statement = (
        select(RequisitionLine)
        .join(RequisitionLine.requisition)
        .where(
            RequisitionLine.id.in_(line_ids),
            Requisition.location_id == location_id,
            Requisition.state.in_(ASKED),
        )
        .options(
            contains_eager(RequisitionLine.requisition)
            .joinedload(Requisition.location)
            .options(joinedload(Location.facility), joinedload(Location.cost_center)),
            joinedload(RequisitionLine.offer).joinedload(Offer.supplier),
            joinedload(RequisitionLine.item),
            joinedload(RequisitionLine.cost_center),
            joinedload(RequisitionLine.gl_account),
        )
    )
    return completed(db.session.scalars(statement))


def _seen_by(actor: Actor) -> ColumnElement[bool]:
    is_own = RequisitionTemplate.owner_id == actor.account_id
    return and_(RequisitionTemplate.removed_at.is_(None), or_(is_own, RequisitionTemplate.is_shared))


def _lines() -> tuple[ORMOption, ...]:
    offer = selectinload(RequisitionTemplate.lines).joinedload(TemplateLine.offer)
    return (
        offer.joinedload(Offer.item),
        offer.joinedload(Offer.supplier),
        joinedload(RequisitionTemplate.owner),
        joinedload(RequisitionTemplate.location).joinedload(Location.facility),
    )


def templates(actor: Actor, location_id: int) -> list[RequisitionTemplate]:
    """The person's own and the shared templates of a location, by name, with their lines."""
    statement = (
        select(RequisitionTemplate)
        .where(RequisitionTemplate.location_id == location_id, _seen_by(actor))
        .options(*_lines())
        .order_by(RequisitionTemplate.name, RequisitionTemplate.id)
    )
    return list(db.session.scalars(statement))


def template(actor: Actor, template_id: int) -> RequisitionTemplate:
    """A template with its lines; raises NotFound for what this person may not see."""
    statement = (
        select(RequisitionTemplate)
        .where(RequisitionTemplate.id == template_id, _seen_by(actor))
        .options(*_lines())
    )
    return found(db.session.scalar(statement), "template")


def standing_orders(actor: Actor, location_id: int) -> list[StandingOrder]:
    """The person's standing orders for a location."""
    statement = (
        select(StandingOrder)
        .join(StandingOrder.template)
        .where(
            RequisitionTemplate.location_id == location_id,
            StandingOrder.owner_id == actor.account_id,
        )
        .options(joinedload(StandingOrder.template), joinedload(StandingOrder.last_requisition))
        .order_by(StandingOrder.due_on, StandingOrder.id)
    )
    return list(db.session.scalars(statement))


def standing_order(actor: Actor, order_id: int) -> StandingOrder:
    """One of the person's own, locked; raises NotFound."""
    statement = (
        select(StandingOrder)
        .where(StandingOrder.id == order_id, StandingOrder.owner_id == actor.account_id)
        .options(joinedload(StandingOrder.template).joinedload(RequisitionTemplate.location))
        .with_for_update(of=StandingOrder)
    )
    return found(db.session.scalar(statement), "standing order")


def due(latest: date) -> list[int]:
    """Ids of standing orders that are due by a day."""
    is_due = (StandingOrder.due_on <= latest, StandingOrder.is_paused.is_(False))
    statement = select(StandingOrder.id).where(*is_due)
    return list(db.session.scalars(statement.order_by(StandingOrder.due_on, StandingOrder.id)))


def claimed(order_id: int) -> StandingOrder | None:
    """A standing order for the job that runs it; None while another one has it."""
    statement = (
        select(StandingOrder)
        .where(StandingOrder.id == order_id, StandingOrder.is_paused.is_(False))
        .options(
            joinedload(StandingOrder.owner),
            joinedload(StandingOrder.template)
            .selectinload(RequisitionTemplate.lines)
            .joinedload(TemplateLine.offer)
            .joinedload(Offer.item),
            joinedload(StandingOrder.template)
            .joinedload(RequisitionTemplate.location)
            .joinedload(Location.facility),
        )
        .with_for_update(of=StandingOrder, skip_locked=True)
    )
    return db.session.scalar(statement)


def problems(actor: Actor) -> Select[int]:
    """Selects how many of the person's standing orders wait for them."""
    own = (StandingOrder.owner_id == actor.account_id, StandingOrder.problem != "")
    return select(func.count()).select_from(StandingOrder).where(*own)
