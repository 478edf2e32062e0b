"""Who may decide a step: by role, place and limit, by name, and for somebody absent."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    and_,
    any_,
    bindparam,
    false,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.orm import joinedload

from portal.approvals.models import ApprovalDelegation, ApprovalStep
from portal.approvals.rules import DECIDED_BY, DECIDES, Asked, StepKind, is_enough, may_decide
from portal.foundation import clock
from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.db import db
from portal.foundation.together import Columns, Read
from portal.identity.models import Account, RoleAssignment
from portal.identity.queries import assignments_by_account, assignments_with, organization
from portal.identity.rules import ROLE_PERMISSIONS, Role, roles_with
from portal.identity.services import actor_with
from portal.masterdata.models import CostCenter, Location
from portal.requisitions.models import Requisition


def asked(step: ApprovalStep, requisition: Requisition) -> Asked:
    """What the step asks, as the rules want it."""
    return Asked(
        requester_id=requisition.requester_id,
        facility_id=step.cost_center.facility_id or requisition.location.facility_id,
        cost_center_id=step.cost_center_id,
        amount=step.limit_needed,
        permission=DECIDED_BY[step.kind],
        assigned_to=step.assigned_to_id,
        anywhere=step.kind is StepKind.ADDED,
    )


def delegations_now() -> list[ApprovalDelegation]:
    """Who decides for whom today."""
    today = clock.today(organization().time_zone)
    statement = (
        select(ApprovalDelegation)
        .where(
            ApprovalDelegation.ended_at.is_(None),
            ApprovalDelegation.starts_on <= today,
            ApprovalDelegation.ends_on >= today,
        )
        .options(joinedload(ApprovalDelegation.account), joinedload(ApprovalDelegation.delegate))
        .order_by(ApprovalDelegation.id)
    )
    return [one for one in db.session.scalars(statement) if one.account.active and one.delegate.active]


def persons(actor: Actor) -> list[Actor]:
    """The person, then everybody absent for whom the person decides today."""
    absent = {one.account for one in delegations_now() if one.delegate_id == actor.account_id}
    held = assignments_by_account([account.id for account in absent]) if absent else {}
    others = [actor_with(account, held[account.id]) for account in absent]
    return [actor, *sorted(others, key=lambda one: one.account_id or 0)]


def standing_in() -> list[tuple[int, Actor]]:
    """Who stands in today (account), and the absent person with the rights that are used."""
    now = delegations_now()
    held = assignments_by_account([one.account_id for one in now]) if now else {}
    return [(one.delegate_id, actor_with(one.account, held[one.account_id])) for one in now]


def decides_as(actor: Actor, what: Asked) -> Actor | None:
    """Whose right the person uses: the own, or that of somebody absent; None when there is none."""
    if actor.account_id == what.requester_id:
        return None
    if may_decide(actor, what):
        return actor
    return next((one for one in persons(actor)[1:] if may_decide(one, what)), None)


def candidates(what: Asked) -> list[Account]:
    """The active people whose own role, place, cost center and limit cover it, by name."""
    places = (None, None) if what.anywhere else (what.facility_id, what.cost_center_id)
    held = assignments_with(what.permission, facility_id=places[0], cost_center_id=places[1])
    return list(
        dict.fromkeys(
            one.account
            for one in held
            if one.account_id != what.requester_id
            and what.assigned_to in (None, one.account_id)
            and is_enough(one.approval_limit, what)
        )
    )


def deciders(what: Asked) -> dict[int, str]:
    """Names of who may decide it today, by account; a delegate is named with whom they stand in for."""
    named = {account.id: account.name for account in candidates(what)}
    delegates = {
        one.delegate_id: f"{one.delegate.name} (for {one.account.name})"
        for one in delegations_now()
        if one.account_id in named and one.delegate_id not in {*named, what.requester_id}
    }
    return named | delegates


@dataclass(frozen=True)
class Right:
    """A role of an active person who may decide something; no cost center is all of the place."""

    account_id: int
    role: Role
    facility_id: int | None
    cost_center_id: int | None
    limit: Decimal | None

    def covers(self, what: Asked) -> bool:
        """Whether this role is enough to decide it."""
        return (
            what.permission in ROLE_PERMISSIONS[self.role]
            and self.facility_id in (None, what.facility_id)
            and self.cost_center_id in (None, what.cost_center_id)
            and self.account_id != what.requester_id
            and is_enough(self.limit, what)
        )


def rights(facility_ids: Iterable[int], cost_center_ids: Iterable[int]) -> Read[list[Right]]:
    """Who may decide anything for the cost centers at facilities."""
    values = {"decided_at": sorted(facility_ids), "decided_for": sorted(cost_center_ids)}
    return Read(_rights(), values, lambda rows: [Right(*row) for row in rows])


@cache
def _rights() -> Columns:
    """The columns of Right, in their order."""
    row = RoleAssignment
    facility_ids = bindparam("decided_at", type_=ARRAY(BigInteger))
    center_ids = bindparam("decided_for", type_=ARRAY(BigInteger))
    return (
        select(row.account_id, row.role, row.facility_id, row.cost_center_id, row.approval_limit)
        .join(row.account)
        .where(
            Account.active,
            row.role.in_({role for permission in DECIDES for role in roles_with(permission)}),
            or_(row.facility_id.is_(None), row.facility_id == any_(facility_ids)),
            or_(row.cost_center_id.is_(None), row.cost_center_id == any_(center_ids)),
        )
        .order_by(row.id)
    )


def owner_limits(held: Iterable[Right], requester_id: int) -> dict[int, Decimal | None]:
    """The highest limit among the people named for a cost center itself; None is no bound."""
    own: dict[int, list[Decimal | None]] = defaultdict(list)
    for one in held:
        is_approver = Permission.APPROVE in ROLE_PERMISSIONS[one.role] and one.account_id != requester_id
        if one.cost_center_id is not None and is_approver:
            own[one.cost_center_id].append(one.limit)
    return {
        center_id: None if None in limits else max(limit for limit in limits if limit is not None)
        for center_id, limits in own.items()
    }


def may_decide_sql(person: Actor) -> ColumnElement[bool]:
    """As rules.may_decide, for each step joined to its requisition and location."""
    named = and_(ApprovalStep.kind == StepKind.ADDED, ApprovalStep.assigned_to_id == person.account_id)
    by_role = or_(
        false(),
        *(
            _within(grant, permission)
            for grant in person.grants
            for permission in DECIDES & grant.permissions
        ),
    )
    unassigned = or_(ApprovalStep.assigned_to_id.is_(None), ApprovalStep.assigned_to_id == person.account_id)
    is_other = Requisition.requester_id != person.account_id
    return and_(is_other, or_(named, and_(unassigned, by_role)))


def _is_at(facility_id: int) -> ColumnElement[bool]:
    """By the cost center; one that belongs to all facilities is decided at the place of the request."""
    own = select(CostCenter.facility_id).where(CostCenter.id == ApprovalStep.cost_center_id)
    place: ColumnElement[int] = func.coalesce(own.scalar_subquery(), Location.facility_id)
    return place == facility_id


def _within(grant: Grant, permission: Permission) -> ColumnElement[bool]:
    kinds = [
        kind for kind, needed in DECIDED_BY.items() if needed is permission and kind is not StepKind.ADDED
    ]
    limit = grant.approval_limit
    return and_(
        ApprovalStep.kind.in_(kinds),
        true() if grant.facility_id is None else _is_at(grant.facility_id),
        true() if grant.cost_center_id is None else ApprovalStep.cost_center_id == grant.cost_center_id,
        true()
        if limit is None
        else or_(ApprovalStep.limit_needed.is_(None), ApprovalStep.limit_needed <= limit),
    )
