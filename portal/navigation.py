"""The left navigation: what each permission opens, in one table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from flask import Flask, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import Select, select

from portal.approvals import queries as approval_queries
from portal.comments import queries as comment_queries
from portal.foundation import clock
from portal.foundation.access import Actor, Permission, signed_in
from portal.foundation.db import db
from portal.foundation.web import actor
from portal.operations import work_items
from portal.orders.proposals import queries as proposal_queries
from portal.receiving import return_queries
from portal.replenishment import queries as replenishment_queries
from portal.requisitions import queries as requisition_queries
from portal.requisitions.lists import queries as lists_queries
from portal.requisitions.wishes import queries as wishes_queries


@dataclass(frozen=True)
class Entry:
    """A page in the navigation, shown to whoever holds one of the permissions."""

    label: str
    endpoint: str
    permissions: tuple[Permission, ...]
    icon: str


_P = Permission
NAVIGATION: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Care",
        (
            Entry("Cases today", "clinical.care_cases", (_P.RECORD_USAGE,), icon="stethoscope"),
            Entry("Cards and favorites", "clinical.cards", (_P.RECORD_USAGE,), icon="star"),
        ),
    ),
    (
        "Request",
        (
            Entry("Order guide", "catalog.guide", (_P.REQUEST,), icon="clipboard-list"),
            Entry("Catalog", "catalog.search", (_P.VIEW_CATALOG,), icon="search"),
            Entry("Buy again", "requisitions.lists", (_P.REQUEST,), icon="refresh"),
            Entry("Cart", "requisitions.cart", (_P.REQUEST,), icon="shopping-cart"),
            Entry("Not in the catalog", "requisitions.wishes", (_P.REQUEST, _P.BUY), icon="help"),
            Entry("Requisitions", "requisitions.listing", (_P.REQUEST, _P.VIEW_ORDERS), icon="file-text"),
        ),
    ),
    (
        "Decide",
        (
            Entry("Approvals", "approvals.inbox", (_P.APPROVE, _P.OVERRIDE_BUDGET, _P.BUY), icon="checks"),
            Entry("Orders beyond approval", "proposals.questions", (_P.APPROVE,), icon="scale"),
            Entry(
                "Mailbox", "mailbox.show", (_P.APPROVE, _P.REQUEST, _P.OVERRIDE_BUDGET, _P.BUY), icon="mail"
            ),
            Entry("Budgets", "budgets.listing", (_P.APPROVE, _P.REQUEST, _P.OVERRIDE_BUDGET), icon="wallet"),
        ),
    ),
    (
        "Order",
        (
            Entry("Workbench", "orders.workbench", (_P.BUY,), icon="tools"),
            Entry("Orders", "orders.listing", (_P.VIEW_ORDERS,), icon="truck-delivery"),
            Entry("Blanket orders", "blanket.listing", (_P.BUY,), icon="file-dollar"),
            Entry("Order routes", "routing.listing", (_P.BUY, _P.MANAGE_MASTER_DATA), icon="send"),
            Entry("Expected deliveries", "calendar.show", (_P.VIEW_ORDERS,), icon="calendar"),
            Entry("Work items", "operations.work_items", (_P.RESOLVE_WORK_ITEMS,), icon="alert-circle"),
            Entry("Backorders", "differences.backorders", (_P.BUY,), icon="clock"),
            Entry("Price differences", "differences.prices", (_P.BUY,), icon="scale"),
            Entry("Mentions", "comments.mentions", (_P.VIEW_ORDERS, _P.REQUEST), icon="at"),
        ),
    ),
    (
        "Storeroom",
        (
            Entry("Receive", "receiving.listing", (_P.RECEIVE,), icon="package-import"),
            Entry(
                "Returns",
                "receiving.listing_returns",
                (_P.RECEIVE, _P.BUY, _P.MATCH_INVOICES),
                icon="truck-return",
            ),
            Entry("Stock", "inventory.stock", (_P.VIEW_STOCK,), icon="building-warehouse"),
            Entry("Counts", "inventory.counts", (_P.COUNT_STOCK,), icon="clipboard-list"),
            Entry("Par levels", "replenishment.par_levels", (_P.VIEW_STOCK,), icon="adjustments"),
            Entry("Replenishment", "replenishment.suggestions", (_P.MANAGE_PAR,), icon="bulb"),
            Entry("Empty bins", "replenishment.cards", (_P.COUNT_STOCK,), icon="box"),
            Entry("Recalls", "clinical.recall_list", (_P.MANAGE_RECALLS,), icon="alert-triangle"),
        ),
    ),
    ("Pay", (Entry("Invoices", "invoices.listing", (_P.MATCH_INVOICES,), icon="receipt"),)),
    (
        "Operate",
        (
            Entry("Overview", "operations.dashboard", (_P.OPERATE_EXCHANGE,), icon="activity"),
            Entry("Messages", "operations.messages", (_P.OPERATE_EXCHANGE,), icon="mail"),
            Entry("Partners", "operations.partners", (_P.OPERATE_EXCHANGE,), icon="plug-connected"),
            Entry("Interfaces", "clinical.show_feeds", (_P.OPERATE_EXCHANGE,), icon="transform"),
            Entry("Audit trail", "operations.audit", (_P.AUDIT,), icon="history"),
            Entry("Patient views", "clinical.accesses", (_P.AUDIT,), icon="eye"),
        ),
    ),
    (
        "Set up",
        (
            Entry("Items", "masterdata.items", (_P.MANAGE_MASTER_DATA,), icon="box"),
            Entry("Contracts", "masterdata.contracts", (_P.MANAGE_MASTER_DATA,), icon="file-dollar"),
            Entry("Imports", "masterdata.imports", (_P.MANAGE_MASTER_DATA,), icon="upload"),
            Entry("ERP sync", "masterdata.syncs", (_P.MANAGE_MASTER_DATA,), icon="refresh"),
            Entry("Rules", "rulebook.listing", (_P.MANAGE_RULES,), icon="scale"),
            Entry("EHR systems", "clinical.show_ehrs", (_P.ADMINISTER,), icon="heartbeat"),
            Entry("People", "identity.people", (_P.ADMINISTER,), icon="users"),
            Entry("Who approves what", "approvals.policy", (_P.MANAGE_RULES,), icon="checks"),
            Entry("Deciding for others", "approvals.delegations", (_P.ADMINISTER,), icon="user-check"),
        ),
    ),
)

# Selects how much waits behind a page, by its endpoint.
COUNTS: dict[str, Callable[[Actor], Select[int]]] = {
    "requisitions.cart": requisition_queries.lines_in_carts,
    "requisitions.lists": lists_queries.problems,
    "requisitions.wishes": wishes_queries.open_count,
    "approvals.inbox": approval_queries.waiting_count,
    "comments.mentions": comment_queries.unread_count,
    "operations.work_items": work_items.open_count,
    "proposals.questions": proposal_queries.waiting_count,
    "receiving.listing_returns": return_queries.late_count,
    "replenishment.suggestions": replenishment_queries.open_count,
}
# To select these, who stands in for whom is read first: never from a minute ago.
READ_FIRST = frozenset({"approvals.inbox"})

# Where a person's work begins: the first of these that their role opens.
HOMES = (
    "catalog.guide",
    "orders.workbench",
    "approvals.inbox",
    "budgets.listing",
    "receiving.listing",
    "invoices.listing",
    "operations.dashboard",
    "operations.audit",
    "masterdata.items",
)


# Side panels of 400 px show none, and a scan must not wait for its counts.
WITHOUT_NAVIGATION = frozenset(
    {
        "clinical.care",
        "clinical.care_act",
        "clinical.care_card",
        "clinical.care_offer",
        "clinical.care_place",
    }
)


def init_navigation(app: Flask) -> None:
    """Gives every template the navigation of the signed-in person."""
    app.context_processor(_context)
    app.add_url_rule("/", "home", home)


@signed_in
def home() -> ResponseReturnValue:
    """The page a person's work begins on."""
    return redirect(home_url(actor()))


def _context() -> dict[str, Any]:
    if not current_user.is_authenticated:
        return {}
    if request.endpoint in WITHOUT_NAVIGATION:
        return {"home_url": url_for("home")}
    person = actor()
    may_search = person.can(Permission.VIEW_CATALOG)
    return {
        "navigation": partial(_sections, person),
        "home_url": url_for("home"),
        "search_url": url_for("catalog.search") if may_search else url_for("operations.find"),
        "search_results_url": url_for("catalog.results") if may_search else None,
        "sign_out_url": url_for("identity.sign_out"),
        "organization_name": current_user.organization_name,
        "person_name": person.name,
        "person_role": ", ".join(current_user.role_labels),
    }


@dataclass(frozen=True)
class Shown:
    """An entry as it is drawn, with how much waits behind it."""

    label: str
    url: str
    icon: str
    active: bool
    count: int


@dataclass(frozen=True)
class Section:
    """Entries under one heading."""

    label: str
    entries: tuple[Shown, ...]


def _sections(actor: Actor) -> tuple[Section, ...]:
    """What the person may open; made when a page draws it, so that a part of a page pays nothing."""
    there = current_app.view_functions
    shown = [(label, [one for one in entries if one.endpoint in there]) for label, entries in _open_to(actor)]
    counts = _counts(actor, [entry.endpoint for _, entries in shown for entry in entries])
    return tuple(
        Section(
            label,
            tuple(
                Shown(
                    entry.label,
                    _address(entry.endpoint, request.script_root),
                    entry.icon,
                    request.endpoint == entry.endpoint,
                    counts.get(entry.endpoint, 0),
                )
                for entry in entries
            ),
        )
        for label, entries in shown
        if entries
    )


@cache
def _address(endpoint: str, root: str) -> str:
    """Made once: where the portal stands (`root`) is all that an address without parts depends on."""
    return url_for(endpoint)


@lru_cache(maxsize=1024)
def _open_to(actor: Actor) -> list[tuple[str, list[Entry]]]:
    return [
        (label, [entry for entry in entries if any(map(actor.can, entry.permissions))])
        for label, entries in NAVIGATION
    ]


def _counts(actor: Actor, endpoints: Iterable[str]) -> dict[str, int]:
    """What waits behind the pages, by one statement."""
    counted = tuple(endpoint for endpoint in endpoints if endpoint in COUNTS)
    if not counted:
        return {}
    build = _kept_counting if READ_FIRST.isdisjoint(counted) else _counting
    minute = int(clock.now().timestamp()) // 60
    return dict(zip(counted, db.session.execute(build(actor, counted, minute)).one(), strict=True))


def _counting(actor: Actor, endpoints: tuple[str, ...], minute: int) -> Select[Any]:
    return select(*(COUNTS[endpoint](actor).scalar_subquery() for endpoint in endpoints))


# Building the statement takes longer than running it; some ask for what is late by now.
_kept_counting = lru_cache(maxsize=1024)(_counting)


def home_url(actor: Actor) -> str:
    """The page a person's work begins on."""
    entries = {entry.endpoint: entry for _, entries in NAVIGATION for entry in entries}
    for endpoint in HOMES:
        if any(actor.can(permission) for permission in entries[endpoint].permissions):
            return url_for(endpoint)
    return url_for("identity.me")
