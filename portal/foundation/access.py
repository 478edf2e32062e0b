"""Who acts, with which permissions, and the marks every endpoint carries."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from portal.foundation.errors import NotAllowed

View = TypeVar("View", bound=Callable[..., Any])


class Permission(StrEnum):
    """What a person may do; roles are sets of these."""

    VIEW_CATALOG = "view_catalog"
    REQUEST = "request"
    APPROVE = "approve"
    BUY = "buy"
    VIEW_ORDERS = "view_orders"
    RECEIVE = "receive"
    MATCH_INVOICES = "match_invoices"
    RECORD_USAGE = "record_usage"
    VIEW_PATIENTS = "view_patients"
    MANAGE_RECALLS = "manage_recalls"
    VIEW_STOCK = "view_stock"
    COUNT_STOCK = "count_stock"
    MANAGE_PAR = "manage_par"
    OVERRIDE_BUDGET = "override_budget"
    MANAGE_BUDGETS = "manage_budgets"
    MANAGE_RULES = "manage_rules"
    MANAGE_MASTER_DATA = "manage_master_data"
    RESOLVE_WORK_ITEMS = "resolve_work_items"
    OPERATE_EXCHANGE = "operate_exchange"
    AUDIT = "audit"
    ADMINISTER = "administer"


@dataclass(frozen=True)
class Grant:
    """Permissions within a facility and a cost center, up to an approval limit; None means no bound."""

    permissions: frozenset[Permission]
    facility_id: int | None = None
    cost_center_id: int | None = None
    approval_limit: Decimal | None = None


@dataclass(frozen=True)
class Actor:
    """A person, or the system acting for a named reason, inside one organization."""

    organization_id: int
    name: str
    account_id: int | None = None
    grants: tuple[Grant, ...] = ()
    system_reason: str = ""

    def can(
        self, permission: Permission, *, facility_id: int | None = None, cost_center_id: int | None = None
    ) -> bool:
        """Whether a grant holds the permission for the given facility and cost center."""
        if self.system_reason:
            return True
        return any(
            permission in grant.permissions
            and (facility_id is None or grant.facility_id in (None, facility_id))
            and (cost_center_id is None or grant.cost_center_id in (None, cost_center_id))
            for grant in self.grants
        )

    def require(
        self, permission: Permission, *, facility_id: int | None = None, cost_center_id: int | None = None
    ) -> None:
        """Raises NotAllowed unless `can`."""
        if not self.can(permission, facility_id=facility_id, cost_center_id=cost_center_id):
            raise NotAllowed("Your role does not allow this here. Ask your administrator for access.")

    def facility_ids(self, permission: Permission) -> frozenset[int] | None:
        """The facilities the permission is limited to; None means all."""
        grants = [grant for grant in self.grants if permission in grant.permissions]
        if self.system_reason or any(grant.facility_id is None for grant in grants):
            return None
        return frozenset(grant.facility_id for grant in grants if grant.facility_id is not None)

    def cost_center_ids(self, permission: Permission) -> frozenset[int] | None:
        """The cost centers the permission is limited to; None means all."""
        grants = [grant for grant in self.grants if permission in grant.permissions]
        if self.system_reason or any(grant.cost_center_id is None for grant in grants):
            return None
        return frozenset(grant.cost_center_id for grant in grants if grant.cost_center_id is not None)


def system(organization_id: int, reason: str) -> Actor:
    """The portal itself acting, for a reason that stands in the audit trail."""
    return Actor(organization_id=organization_id, name="Portal", system_reason=reason)


def requires(permission: Permission) -> Callable[[View], View]:
    """Marks an endpoint as open to signed-in people with the permission (checked in `web`)."""

    def mark(view: View) -> View:
        view.__dict__["access"] = permission
        return view

    return mark


def signed_in(view: View) -> View:
    """Marks an endpoint as open to everybody who is signed in."""
    view.__dict__["access"] = "signed_in"
    return view


def public(view: View) -> View:
    """Marks an endpoint as open to everybody."""
    view.__dict__["access"] = "public"
    return view
