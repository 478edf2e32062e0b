"""What a line may be charged to: cost centers of the place and this person, and GL accounts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cache

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, or_, select

from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.filters import money
from portal.foundation.quantity import plain
from portal.foundation.together import Columns, Read
from portal.masterdata.models import CostCenter, GlAccount, Location
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import SplitBy


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
    """The line's own cost center, else the location's."""
    return line.cost_center or requisition.location.cost_center


def account_id_of(line: RequisitionLine) -> int | None:
    """The line's own GL account, else the item's."""
    return line.gl_account_id or line.item.gl_account_id


def paid_by(requisition: Requisition, line: RequisitionLine, amount: Decimal) -> dict[int, Decimal]:
    """What each cost center (by id) pays of an amount of a line; nobody where no cost center is set."""
    if line.split_by is None:
        center_id = line.cost_center_id or requisition.location.cost_center_id
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
