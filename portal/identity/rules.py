"""Roles as sets of permissions."""

import re
from enum import StrEnum

from portal.foundation.access import Permission


class Role(StrEnum):
    """What a person is in the organization."""

    CLINIC_MANAGER = "clinic_manager"
    APPROVER = "approver"
    BUYER = "buyer"
    RECEIVER = "receiver"
    CLINICIAN = "clinician"
    AP_ANALYST = "ap_analyst"
    INTEGRATION_ENGINEER = "integration_engineer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


ROLE_LABELS: dict[Role, str] = {
    Role.CLINIC_MANAGER: "Clinic manager",
    Role.APPROVER: "Approver",
    Role.BUYER: "Buyer",
    Role.RECEIVER: "Receiver",
    Role.CLINICIAN: "Clinician",
    Role.AP_ANALYST: "AP analyst",
    Role.INTEGRATION_ENGINEER: "Integration engineer",
    Role.AUDITOR: "Auditor",
    Role.ADMINISTRATOR: "Administrator",
}

_P = Permission
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.CLINIC_MANAGER: frozenset({_P.VIEW_CATALOG, _P.REQUEST, _P.VIEW_ORDERS, _P.RECEIVE, _P.VIEW_STOCK}),
    Role.APPROVER: frozenset({_P.VIEW_CATALOG, _P.APPROVE, _P.VIEW_ORDERS}),
    Role.BUYER: frozenset({_P.VIEW_CATALOG, _P.BUY, _P.VIEW_ORDERS, _P.VIEW_STOCK}),
    Role.RECEIVER: frozenset({_P.RECEIVE, _P.VIEW_ORDERS, _P.VIEW_STOCK}),
    Role.CLINICIAN: frozenset({_P.VIEW_CATALOG, _P.REQUEST, _P.VIEW_STOCK}),
    Role.AP_ANALYST: frozenset({_P.MATCH_INVOICES, _P.VIEW_ORDERS}),
    Role.INTEGRATION_ENGINEER: frozenset({_P.OPERATE_EXCHANGE, _P.VIEW_ORDERS}),
    Role.AUDITOR: frozenset({_P.AUDIT, _P.VIEW_ORDERS, _P.VIEW_STOCK}),
    Role.ADMINISTRATOR: frozenset(
        {_P.ADMINISTER, _P.MANAGE_MASTER_DATA, _P.VIEW_CATALOG, _P.OPERATE_EXCHANGE}
    ),
}

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3
EMAIL = re.compile(r"[^\s@<>\"(),:;\[\]\\]+@[a-z0-9-]+(\.[a-z0-9-]+)*")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RESERVED_SLUGS = frozenset({"callback", "organization"})


def roles_with(permission: Permission) -> frozenset[Role]:
    """The roles that hold a permission."""
    return frozenset(role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions)


def tidy_email(text: str) -> str:
    """The form in which an e-mail address is stored and compared."""
    return text.strip().lower()


def is_email(text: str) -> bool:
    """Whether a tidy text can be an e-mail address."""
    return len(text) <= LONGEST_EMAIL and EMAIL.fullmatch(text) is not None
