"""The left navigation: what each permission opens, in one table."""

from dataclasses import dataclass
from typing import Any

from flask import Flask, request, url_for
from flask_login import current_user

from portal.foundation.access import Actor
from portal.foundation.access import Permission as P


@dataclass(frozen=True)
class Entry:
    """A page in the navigation, shown to whoever holds one of the permissions."""

    label: str
    endpoint: str
    icon: str
    permissions: tuple[P, ...]


NAVIGATION: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Request",
        (
            Entry("Order guide", "catalog.guide", "clipboard-list", (P.REQUEST,)),
            Entry("Catalog", "catalog.search", "search", (P.VIEW_CATALOG,)),
            Entry("Cart", "requisitions.cart", "shopping-cart", (P.REQUEST,)),
            Entry("Requisitions", "requisitions.listing", "file-text", (P.REQUEST, P.VIEW_ORDERS)),
        ),
    ),
    (
        "Decide",
        (
            Entry("Approvals", "approvals.inbox", "checks", (P.APPROVE,)),
            Entry("Budgets", "budgets.listing", "wallet", (P.APPROVE, P.REQUEST)),
        ),
    ),
    (
        "Order",
        (
            Entry("Workbench", "orders.workbench", "tools", (P.BUY,)),
            Entry("Orders", "orders.listing", "truck-delivery", (P.VIEW_ORDERS,)),
            Entry("Work items", "operations.work_items", "alert-circle", (P.RESOLVE_WORK_ITEMS,)),
        ),
    ),
    (
        "Storeroom",
        (
            Entry("Receive", "receiving.listing", "package-import", (P.RECEIVE,)),
            Entry("Stock", "inventory.stock", "building-warehouse", (P.VIEW_STOCK,)),
        ),
    ),
    ("Pay", (Entry("Invoices", "invoices.listing", "receipt", (P.MATCH_INVOICES,)),)),
    (
        "Operate",
        (
            Entry("Overview", "operations.dashboard", "activity", (P.OPERATE_EXCHANGE,)),
            Entry("Messages", "operations.messages", "mail", (P.OPERATE_EXCHANGE,)),
            Entry("Partners", "operations.partners", "plug-connected", (P.OPERATE_EXCHANGE,)),
            Entry("Audit trail", "operations.audit", "history", (P.AUDIT,)),
        ),
    ),
    (
        "Set up",
        (
            Entry("Items", "masterdata.items", "box", (P.MANAGE_MASTER_DATA,)),
            Entry("Contracts", "masterdata.contracts", "file-dollar", (P.MANAGE_MASTER_DATA,)),
            Entry("Imports", "masterdata.imports", "upload", (P.MANAGE_MASTER_DATA,)),
            Entry("ERP sync", "masterdata.syncs", "refresh", (P.MANAGE_MASTER_DATA,)),
            Entry("People", "identity.people", "users", (P.ADMINISTER,)),
        ),
    ),
)


def init_navigation(app: Flask) -> None:
    """Gives every template the navigation of the signed-in person."""
    app.context_processor(_context)


def _context() -> dict[str, Any]:
    if not current_user.is_authenticated:
        return {"navigation": [], "search_url": "", "person": None}
    actor: Actor = current_user.actor
    sections = (_section(actor, label, entries) for label, entries in NAVIGATION)
    return {
        "navigation": [section for section in sections if section["items"]],
        "search_url": url_for("catalog.search") if actor.can(P.VIEW_CATALOG) else "",
        "person": current_user,
    }


def _section(actor: Actor, label: str, entries: tuple[Entry, ...]) -> dict[str, Any]:
    return {
        "label": label,
        "items": [
            {
                "label": entry.label,
                "url": url_for(entry.endpoint),
                "icon": entry.icon,
                "active": request.endpoint == entry.endpoint,
                "count": 0,
            }
            for entry in entries
            if any(actor.can(permission) for permission in entry.permissions)
        ],
    }
