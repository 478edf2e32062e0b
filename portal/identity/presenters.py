"""What the pages of sign-in and people show."""

from collections.abc import Iterable, Mapping
from typing import Any

from portal.foundation import clock
from portal.identity.models import Account, IdentityProvider, Organization, RoleAssignment, WebSession
from portal.identity.rules import ROLE_LABELS, Role
from portal.identity.saved_forms import Kept

BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Windows", "Windows"),
    ("iPad", "iPad"),
    ("iPhone", "iPhone"),
    ("Android", "Android"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

# What a visitor of the demo can do as each role, in the order of the work.
DEMO_ROLES: dict[Role, dict[str, str]] = {
    Role.CLINIC_MANAGER: {"icon": "shopping-cart", "hint": "Request supplies and receive them"},
    Role.APPROVER: {"icon": "checks", "hint": "Decide requests of a cost center"},
    Role.FINANCE_DIRECTOR: {"icon": "scale", "hint": "Set the rules, decide beyond budgets"},
    Role.BUYER: {"icon": "truck-delivery", "hint": "Place and chase purchase orders"},
    Role.RECEIVER: {"icon": "package-import", "hint": "Receive by lot and expiry"},
    Role.CLINICIAN: {"icon": "stethoscope", "hint": "Request at the point of care"},
    Role.AP_ANALYST: {"icon": "receipt", "hint": "Match invoices"},
    Role.INTEGRATION_ENGINEER: {"icon": "plug-connected", "hint": "See and replay every message"},
    Role.AUDITOR: {"icon": "history", "hint": "Read the trail of every change"},
    Role.ADMINISTRATOR: {"icon": "settings", "hint": "Manage people and master data"},
}


def organization(row: Organization, providers: Iterable[IdentityProvider]) -> dict[str, Any]:
    """An organization and its own ways to sign in."""
    return {
        "slug": row.slug,
        "name": row.name,
        "providers": [{"code": one.code, "name": one.name} for one in providers],
    }


def demo_roles() -> list[dict[str, str]]:
    """The roles one can try, with what they come to do."""
    return [{"role": role.value, "label": ROLE_LABELS[role], **shown} for role, shown in DEMO_ROLES.items()]


def kept(form: Kept) -> dict[str, Any]:
    """A kept form: its fields as they go back, and in words as the person typed them."""
    typed = form.typed
    shown = [(name, value) for name, value in typed.fields if value.strip()]
    return {
        "id": form.id,
        "saved_at": form.saved_at,
        "fields": typed.fields,
        "answers": [{"label": _in_words(name), "value": value} for name, value in shown],
        "files": typed.files,
    }


def device(user_agent: str) -> str:
    """Mozilla/5.0 (Windows NT …) … Firefox/145.0 → Firefox on Windows"""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "an unknown device")
    return f"{browser} on {system}"


def sessions(rows: Iterable[WebSession], present_id: int | None = None) -> list[dict[str, Any]]:
    """Open sessions, the one of this browser marked."""
    return [
        {
            "id": row.id,
            "device": device(row.user_agent),
            "started": row.created_at,
            "seen": row.last_seen_at,
            "is_this": row.id == present_id,
        }
        for row in rows
    ]


def roles(
    assignments: Iterable[RoleAssignment], facilities: Mapping[int, str], cost_centers: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Roles with the places they hold in."""
    return [
        {
            "id": one.id,
            "label": ROLE_LABELS[one.role],
            "facility": _place(one.facility_id, facilities, "All facilities"),
            "cost_center": _place(one.cost_center_id, cost_centers, "All cost centers"),
            "limit": one.approval_limit,
        }
        for one in assignments
    ]


def people(accounts: Iterable[Account], held: Mapping[int, Iterable[RoleAssignment]]) -> list[dict[str, Any]]:
    """Rows of the list of people."""
    return [
        {
            "id": account.id,
            "name": account.name,
            "email": account.email,
            "roles": ", ".join(dict.fromkeys(ROLE_LABELS[one.role] for one in held[account.id])),
            "state": state(account),
        }
        for account in accounts
    ]


def state(account: Account) -> dict[str, str]:
    """Whether the person can sign in."""
    if not account.active:
        return {"label": "Deactivated", "tone": "neutral", "icon": "user-off"}
    if is_locked(account):
        return {"label": "Locked", "tone": "warning", "icon": "lock"}
    return {"label": "Active", "tone": "success", "icon": "circle-check"}


def is_locked(account: Account) -> bool:
    """Whether too many wrong passwords keep the person out just now."""
    return account.locked_until is not None and account.locked_until > clock.now()


def _place(place_id: int | None, places: Mapping[int, str], everywhere: str) -> str:
    return everywhere if place_id is None else places.get(place_id, "No longer active")


def _in_words(name: str) -> str:
    """lines-0-needed_by → Lines 1 needed by"""
    words = [str(int(part) + 1) if part.isdigit() else part for part in name.replace("_", "-").split("-")]
    text = " ".join(word for word in words if word)
    return text[:1].upper() + text[1:]
