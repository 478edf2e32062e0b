"""Budgets as pages show them: the formula as a sum, each term a list of documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from portal.budgets.models import Budget
from portal.budgets.queries import Held
from portal.budgets.rules import Balance, Control, Outlook, Term
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.audit import AuditEvent
from portal.foundation.db import Json
from portal.foundation.filters import day, money
from portal.foundation.spreadsheets import as_csv

LABELS = {
    Term.REQUESTED: "Requested, not ordered yet",
    Term.ORDERED: "Ordered, not invoiced yet",
    Term.INVOICED: "Invoiced",
}
SPENT = "Spent: it does not come back"
CONTROLS = {
    Control.NONE: "A request beyond it goes on; the approver sees it.",
    Control.WARN: "A request beyond it is warned.",
    Control.BLOCK: "A request beyond it needs an override.",
}
TONES = {Term.REQUESTED: "success", Term.ORDERED: "info", Term.INVOICED: "neutral"}
DOCUMENTS = {
    "requisition": ("Requisition", "requisitions.show", "requisition_id", None),
    "purchase_order": ("Order", "orders.show", "order_id", Permission.VIEW_ORDERS),
    "invoice": ("Invoice", "invoices.show", "invoice_id", Permission.MATCH_INVOICES),
}


@dataclass(frozen=True)
class BudgetRow:
    """A budget in the list."""

    id: int
    cost_center: str
    code: str
    period: str
    currency: str
    category: str
    control: str
    balance: Balance
    parts: list[dict[str, Any]]
    tone: str


def row(budget: Budget, balance: Balance) -> BudgetRow:
    """The budget with its balance; one that is overspent is marked."""
    return BudgetRow(
        id=budget.id,
        cost_center=budget.cost_center.name,
        code=budget.cost_center.code,
        period=period(budget.period_start, budget.period_end),
        currency=budget.currency,
        category=budget.category,
        control=CONTROLS[budget.control],
        balance=balance,
        parts=parts(balance),
        tone="danger" if balance.available < 0 else "",
    )


HEADER = (
    "cost center", "name", "category", "from", "to", "currency", "budget", "requested", "ordered", "invoiced",
    "available",
)  # fmt: skip


def file(budgets: Sequence[Budget], balances: Mapping[int, Balance]) -> bytes:
    """The budgets as a CSV file."""
    return as_csv(HEADER, (_file_line(budget, balances[budget.id]) for budget in budgets))


def _file_line(budget: Budget, balance: Balance) -> Sequence[object]:
    center = budget.cost_center
    return (
        center.code, center.name, budget.category, budget.period_start, budget.period_end, budget.currency,
        balance.budget, balance.requested, balance.ordered, balance.invoiced, balance.available,
    )  # fmt: skip


def period(start: date, end: date) -> str:
    """Jan 1, 2026 to Dec 31, 2026"""
    return f"{day(start)} to {day(end)}"


def parts(balance: Balance) -> list[dict[str, Any]]:
    """The terms as parts of a bar, what is spent first."""
    return [
        {"label": LABELS[term], "value": balance.held(term), "tone": TONES[term]}
        for term in (Term.INVOICED, Term.ORDERED, Term.REQUESTED)
    ]


def formula(balance: Balance) -> list[dict[str, Any]]:
    """The sum line by line; terms carry the key of their list."""
    return [
        {"label": "Budget", "sign": "", "value": balance.budget, "term": ""},
        *(
            {"label": LABELS[term], "sign": "−", "value": balance.held(term), "term": term.value}
            for term in Term
        ),
        {"label": "Available", "sign": "=", "value": balance.available, "term": ""},
    ]


@dataclass(frozen=True)
class DocumentRow:
    """A document that holds money of a budget; without an endpoint the person may not open it."""

    kind: str
    number: str
    endpoint: str
    arguments: dict[str, int]
    term: str
    since: datetime
    amount: Decimal
    outlook: str
    when: date | None
    is_late: bool


def document_rows(
    actor: Actor, held: Sequence[Held], outlooks: Mapping[tuple[str, int], Outlook]
) -> list[DocumentRow]:
    """The documents with what becomes of their money, and links for those the person may open."""
    return [_document_row(actor, one, outlooks.get((one.document_type, one.document_id))) for one in held]


def _document_row(actor: Actor, held: Held, outlook: Outlook | None) -> DocumentRow:
    kind, endpoint, argument, permission = DOCUMENTS[held.document_type]
    when = outlook.on if outlook and held.term is not Term.INVOICED else None
    may_open = permission is None or actor.can(permission)
    return DocumentRow(
        kind=kind,
        number=held.document,
        endpoint=endpoint if may_open else "",
        arguments={argument: held.document_id},
        term=LABELS[held.term],
        since=held.since,
        amount=held.amount,
        outlook=SPENT if held.term is Term.INVOICED else outlook.words if outlook else "",
        when=when,
        is_late=when is not None and when < clock.today(),
    )


def history(events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """Who set and changed the budget, newest first."""
    return [
        {
            "title": "Set" if event.action == "budget.set" else "Changed",
            "text": _said(event.before, event.after or {}),
            "icon": "wallet",
            "at": event.at,
            "actor": event.actor,
        }
        for event in events
    ]


def _said(before: Json | None, after: Json) -> str:
    """$1,000.00 to $1,200.00, until Dec 31, 2026, Warn. Reason."""
    had = f"{_amount(before)} to " if before and before["amount"] != after["amount"] else ""
    until = day(date.fromisoformat(after["period_end"]))
    control = CONTROLS[Control(after["control"])]
    return f"{had}{_amount(after)}, until {until}. {control} {after['reason']}".strip()


def _amount(said: Json) -> str:
    return money(Decimal(said["amount"]))
