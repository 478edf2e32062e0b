"""What a line may be charged to: cost centers of the place and this person, and GL accounts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cache

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, or_, select

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.filters import money
from portal.foundation.quantity import plain
from portal.foundation.together import Columns, Read
from portal.masterdata.models import CostCenter, GlAccount
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import SplitBy


def cost_centers(
    actor: Actor, requisition: Requisition, today: date, facility_ids: Collection[int] = ()
) -> list[CostCenter]:
    """The cost centers valid today that this person may charge for the places of its lines, by code.

    Other facilities that are asked for are added.
    """
    places = {requisition.location.facility_id, *(line.ship_to.facility_id for line in requisition.lines)}
    places |= set(facility_ids)
    valid = db.session.scalars(
        select(CostCenter)
        .where(
            CostCenter.active,
            CostCenter.valid_from <= today,
            CostCenter.valid_to >= today,
            or_(CostCenter.facility_id.is_(None), CostCenter.facility_id.in_(places)),
        )
        .order_by(CostCenter.code)
    )
    return [one for one in valid if any(may_charge(actor, one, place) for place in places)]


def may_charge(actor: Actor, center: CostCenter, facility_id: int) -> bool:
    """Whether the cost center belongs to a facility, or to all, and the person may request on it there."""
    is_there = center.facility_id in (None, facility_id)
    return is_there and actor.can(Permission.REQUEST, facility_id=facility_id, cost_center_id=center.id)


def gl_accounts() -> list[GlAccount]:
    """The GL accounts in use, by code."""
    return list(db.session.scalars(select(GlAccount).where(GlAccount.active).order_by(GlAccount.code)))


def accounts_in_words(account_ids: Iterable[int]) -> Read[dict[int, str]]:
    """4000 Supplies, for each of the GL accounts in use."""
    return Read(
        _accounts(),
        {"charged_accounts": sorted(account_ids)},
        lambda rows: {account_id: f"{code} {name}" for account_id, code, name in rows},
    )


@cache
def _accounts() -> Columns:
    account_ids = bindparam("charged_accounts", type_=ARRAY(BigInteger))
    return select(GlAccount.id, GlAccount.code, GlAccount.name).where(
        GlAccount.id == any_(account_ids), GlAccount.active
    )


def in_words(dimension: CostCenter | GlAccount | None) -> str:
    """CC100 Emergency; empty for none."""
    return f"{dimension.code} {dimension.name}" if dimension else ""


def center_of(requisition: Requisition, line: RequisitionLine) -> CostCenter | None:
    """The line's own cost center, else the usual one."""
    return line.cost_center or usual_center(requisition, line)


def usual_center(requisition: Requisition, line: RequisitionLine) -> CostCenter | None:
    """That of the place it is requested for; what goes to another facility is paid there."""
    place = line.ship_to
    is_elsewhere = place.facility_id != requisition.location.facility_id
    return (place.cost_center if is_elsewhere else None) or requisition.location.cost_center


def account_id_of(line: RequisitionLine) -> int | None:
    """The line's own GL account, else the item's."""
    return line.gl_account_id or line.item.gl_account_id


def paid_by(requisition: Requisition, line: RequisitionLine, amount: Decimal) -> dict[int, Decimal]:
    """What each cost center (by id) pays of an amount of a line; nobody where no cost center is set."""
    if line.split_by is None:
        center = None if line.cost_center_id else usual_center(requisition, line)
        center_id = center.id if center else line.cost_center_id
        return {} if center_id is None else {center_id: amount}
    found: dict[int, Decimal] = defaultdict(Decimal)
    for share, part in zip(line.payers, line.paid(amount), strict=True):
        found[share.cost_center_id] += part
    return dict(found)


def shares_in_words(line: RequisitionLine, currency: str, amount: Decimal | None = None) -> Sequence[str]:
    """60 % CC100 Emergency ($12.00), of the line or a part of it; none where one cost center pays all"""
    return [
        f"{_said(line.split_by, share.weight)}{in_words(share.cost_center)} ({money(part, currency)})"
        for share, part in zip(line.payers, line.paid(line.amount if amount is None else amount), strict=True)
    ]


def _said(split_by: SplitBy | None, weight: Decimal) -> str:
    return f"{plain(weight)} % " if split_by is SplitBy.PERCENT else ""
