"""What a line may be charged to: cost centers of the place and this person, and GL accounts."""

from datetime import date

from sqlalchemy import or_, select

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.masterdata.models import CostCenter, GlAccount, Location


def cost_centers(actor: Actor, location: Location, today: date) -> list[CostCenter]:
    """The cost centers valid today that this person may charge for the location, by code."""
    valid = db.session.scalars(
        select(CostCenter)
        .where(
            CostCenter.active,
            CostCenter.valid_from <= today,
            CostCenter.valid_to >= today,
            or_(CostCenter.facility_id.is_(None), CostCenter.facility_id == location.facility_id),
        )
        .order_by(CostCenter.code)
    )
    return [one for one in valid if _may_charge(actor, location, one)]


def _may_charge(actor: Actor, location: Location, center: CostCenter) -> bool:
    return actor.can(Permission.REQUEST, facility_id=location.facility_id, cost_center_id=center.id)


def gl_accounts() -> list[GlAccount]:
    """The GL accounts in use, by code."""
    return list(db.session.scalars(select(GlAccount).where(GlAccount.active).order_by(GlAccount.code)))


def in_words(dimension: CostCenter | GlAccount | None) -> str:
    """CC100 Emergency; empty for none."""
    return f"{dimension.code} {dimension.name}" if dimension else ""
