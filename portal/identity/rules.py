"""Roles as sets of permissions; what an e-mail, a password, a session and a local address may be."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from portal.foundation.access import Permission


class Role(StrEnum):
    """What a person is in the organization."""

    CLINIC_MANAGER = "clinic_manager"
    APPROVER = "approver"
    FINANCE_DIRECTOR = "finance_director"
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
    Role.FINANCE_DIRECTOR: "Finance director",
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
    Role.CLINIC_MANAGER: frozenset(
        {
            _P.VIEW_CATALOG,
            _P.REQUEST,
            _P.VIEW_ORDERS,
            _P.RECEIVE,
            _P.VIEW_STOCK,
            _P.COUNT_STOCK,
            _P.MANAGE_PAR,
            _P.RECORD_USAGE,
        }
    ),
    Role.APPROVER: frozenset({_P.VIEW_CATALOG, _P.APPROVE, _P.VIEW_ORDERS}),
    Role.FINANCE_DIRECTOR: frozenset(
        {_P.VIEW_CATALOG, _P.VIEW_ORDERS, _P.OVERRIDE_BUDGET, _P.MANAGE_BUDGETS, _P.MANAGE_RULES}
    ),
    Role.BUYER: frozenset(
        {
            _P.VIEW_CATALOG,
            _P.BUY,
            _P.VIEW_ORDERS,
            _P.VIEW_STOCK,
            _P.MANAGE_RECALLS,
            _P.RESOLVE_WORK_ITEMS,
        }
    ),
    Role.RECEIVER: frozenset(
        {
            _P.RECEIVE,
            _P.VIEW_ORDERS,
            _P.VIEW_STOCK,
            _P.COUNT_STOCK,
            _P.MANAGE_RECALLS,
            _P.RESOLVE_WORK_ITEMS,
        }
    ),
    Role.CLINICIAN: frozenset(
        {_P.VIEW_CATALOG, _P.REQUEST, _P.VIEW_STOCK, _P.RECORD_USAGE, _P.VIEW_PATIENTS}
    ),
    Role.AP_ANALYST: frozenset({_P.MATCH_INVOICES, _P.VIEW_ORDERS, _P.RESOLVE_WORK_ITEMS}),
    Role.INTEGRATION_ENGINEER: frozenset({_P.OPERATE_EXCHANGE, _P.VIEW_ORDERS, _P.RESOLVE_WORK_ITEMS}),
    Role.AUDITOR: frozenset({_P.AUDIT, _P.VIEW_ORDERS, _P.VIEW_STOCK}),
    Role.ADMINISTRATOR: frozenset(
        {
            _P.ADMINISTER,
            _P.MANAGE_MASTER_DATA,
            _P.MANAGE_RULES,
            _P.VIEW_CATALOG,
            _P.OPERATE_EXCHANGE,
            _P.RESOLVE_WORK_ITEMS,
        }
    ),
}

LOCK_AFTER = 8  # wrong passwords in a row
LOCK_FOR = timedelta(minutes=15)
SEEN_EVERY = timedelta(minutes=1)
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200
LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3
EMAIL = re.compile(r"[^\s@<>\"(),:;\[\]\\\x00-\x1f\x7f]+@[a-z0-9-]+(\.[a-z0-9-]+)*")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RESERVED_SLUGS = frozenset({"callback", "organization"})


class Ended(StrEnum):
    """Why a session is over."""

    IDLE = "idle"
    TOO_OLD = "too_old"
    SIGNED_OUT = "signed_out"
    REPLACED = "replaced"
    REVOKED = "revoked"
    DEACTIVATED = "deactivated"
    CREDENTIALS_CHANGED = "credentials_changed"


# After these the same person may go on where they were.
TIMED_OUT = frozenset({Ended.IDLE, Ended.TOO_OLD})


def time_out(
    *, started: datetime, seen: datetime, now: datetime, idle: timedelta, absolute: timedelta
) -> Ended | None:
    """Whether a session has timed out, and by which limit."""
    if now - started >= absolute:
        return Ended.TOO_OLD
    if now - seen >= idle:
        return Ended.IDLE
    return None


def local_path(text: str) -> str:
    """The text if it is a path of this site that no browser reads as another site's address, else "/"."""
    # Browsers drop tabs and line ends and read a backslash as a slash (WHATWG URL, 4.4).
    is_odd = any(character <= " " or character == "\\" or character == "\x7f" for character in text)
    if is_odd or not text.startswith("/") or text.startswith("//"):
        return "/"
    parts = urlsplit(text)
    return "/" if parts.scheme or parts.netloc else text


def roles_with(permission: Permission) -> frozenset[Role]:
    """The roles that hold a permission."""
    return frozenset(role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions)


def tidy_email(text: str) -> str:
    """The form in which an e-mail address is stored and compared."""
    return text.strip().lower()


def is_email(text: str) -> bool:
    """Whether a tidy text can be an e-mail address."""
    return len(text) <= LONGEST_EMAIL and EMAIL.fullmatch(text) is not None
