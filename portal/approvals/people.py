"""Who may decide a step: by role, place and limit, by name, and for somebody absent."""

from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, false, or_, select, true
from sqlalchemy.orm import joinedload

from portal.approvals.models import ApprovalDelegation, ApprovalStep
from portal.approvals.rules import DECIDED_BY, DECIDES, Asked, StepKind, is_enough, may_decide
from portal.foundation import clock
from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.db import db
from portal.identity.models import Account
from portal.identity.queries import assignments_by_account, assignments_with, organization
from portal.identity.services import actor_with
from portal.masterdata.models import Location
from portal.requisitions.models import Requisition


def asked(step: ApprovalStep, requisition: Requisition) -> Asked:
    """What the step asks, as the rules want it."""
    return Asked(
        requester_id=requisition.requester_id,
        facility_id=requisition.location.facility_id,
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


def owner_limits(
    facility_id: int, cost_center_ids: Iterable[int], requester_id: int
) -> dict[int, Decimal | None]:
    """The highest limit among the people named for a cost center itself; None is no bound."""
    limits: dict[int, Decimal | None] = {}
    for center_id in cost_center_ids:
        held = assignments_with(Permission.APPROVE, facility_id=facility_id, cost_center_id=center_id)
        own = [
            one.approval_limit
            for one in held
            if one.cost_center_id == center_id and one.account_id != requester_id
        ]
        if own:
            known = [limit for limit in own if limit is not None]
            limits[center_id] = max(known) if len(known) == len(own) else None
    return limits


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


def _within(grant: Grant, permission: Permission) -> ColumnElement[bool]:
    kinds = [
        kind for kind, needed in DECIDED_BY.items() if needed is permission and kind is not StepKind.ADDED
    ]
    limit = grant.approval_limit
    return and_(
        ApprovalStep.kind.in_(kinds),
        true() if grant.facility_id is None else Location.facility_id == grant.facility_id,
        true() if grant.cost_center_id is None else ApprovalStep.cost_center_id == grant.cost_center_id,
        true()
        if limit is None
        else or_(ApprovalStep.limit_needed.is_(None), ApprovalStep.limit_needed <= limit),
    )
