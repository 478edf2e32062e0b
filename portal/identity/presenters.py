"""What the pages of sign-in and people show."""

from typing import Any

from portal.identity.rules import ROLE_LABELS, Role
from portal.identity.saved_forms import Kept

# What a visitor of the demo can do as each role, in the order of the work.
DEMO_HINTS: dict[Role, tuple[str, str]] = {
    Role.CLINIC_MANAGER: ("shopping-cart", "Request supplies and receive them"),
    Role.APPROVER: ("checkbox", "Decide requests of a cost center"),
    Role.BUYER: ("truck-delivery", "Place and chase purchase orders"),
    Role.RECEIVER: ("package-import", "Receive by lot and expiry"),
    Role.CLINICIAN: ("stethoscope", "Request at the point of care"),
    Role.AP_ANALYST: ("receipt", "Match invoices"),
    Role.INTEGRATION_ENGINEER: ("plug-connected", "See and replay every message"),
    Role.AUDITOR: ("eye-check", "Read the trail of every change"),
    Role.ADMINISTRATOR: ("settings", "Manage people and master data"),
}


def demo_roles() -> list[dict[str, str]]:
    """The roles one can try, with what they come to do."""
    return [
        {"role": role.value, "label": ROLE_LABELS[role], "icon": icon, "hint": hint}
        for role, (icon, hint) in DEMO_HINTS.items()
    ]


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


def _in_words(name: str) -> str:
    """lines-0-needed_by → Lines 1 needed by"""
    words = [str(int(part) + 1) if part.isdigit() else part for part in name.replace("_", "-").split("-")]
    text = " ".join(word for word in words if word)
    return text[:1].upper() + text[1:]
