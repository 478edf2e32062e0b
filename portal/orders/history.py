"""What happened to an order, in words."""

from collections.abc import Callable, Sequence
from typing import Any

from integrations.canonical import ConfirmationStatus, ConfirmationType
from portal.foundation.audit import AuditEvent
from portal.foundation.filters import day, unit_price
from portal.foundation.quantity import plain
from portal.orders.models import OrderConfirmation, PurchaseOrder, Said, ShipNoticeLine
from portal.orders.presenters import STATUSES
from portal.orders.rules import OrderStatus

ANSWERS = {
    ConfirmationType.ACCEPT: "accepts the whole order",
    ConfirmationType.REJECT: "rejects the whole order",
    ConfirmationType.BACKORDERED: "has the whole order on backorder",
}
OPERATIONS = {"new": "sent", "update": "corrected", "delete": "withdrawn"}
PARTS = {
    ConfirmationStatus.ACCEPTED: "accepted",
    ConfirmationStatus.CHANGED: "accepted with changes",
    ConfirmationStatus.BACKORDERED: "backordered",
    ConfirmationStatus.REJECTED: "rejected",
    ConfirmationStatus.UNKNOWN: "not decided yet",
}
Told = Callable[[dict[str, Any], dict[str, Any]], str]


def _answer(after: dict[str, Any]) -> str:
    return ANSWERS.get(after["type"], "answers line by line")


# action: title, tone, icon, and a sentence from what changed and the evidence
EVENTS: dict[str, tuple[str, str, str, Told]] = {
    "order.place": ("Order placed", "info", "file-text",
        lambda after, _: f"{after['lines']} {'line' if after['lines'] == 1 else 'lines'}",
    ),
    "order.posted": (
        "Posted in the ERP", "success", "check", lambda _, evidence: f"As {evidence['erp_number']}",
    ),
    "order.sent": ("Sent to the supplier", "success", "send", lambda _, evidence: ""),
    "order.stopped": (
        "Stopped: a partner did not take it", "danger", "alert-triangle",
        lambda _, evidence: evidence["cause"],
    ),
    "order.confirm": (
        "The supplier answered", "info", "checks",
        lambda after, _: f"Confirmation {after['confirmation']} {_answer(after)}",
    ),
    "order.tolerate_price": (
        "Another price within tolerance", "neutral", "scale",
        lambda after, evidence: f"Line {after['line']}: {after['confirmed']} confirmed, {after['ordered']} "
        f"ordered. {'. '.join(evidence['rules'])}",
    ),
    "order.ship": (
        "The supplier shipped", "info", "truck-delivery",
        lambda after, _: f"Ship notice {after['ship_notice']} {OPERATIONS[after['operation']]}",
    ),
    "order.receive": (
        "Goods received", "success", "package-import", lambda after, _: f"Receipt {after['receipt']}",
    ),
    "order.invoice": (
        "Invoiced", "info", "receipt",
        lambda after, _: f"Invoice {after['invoice']} {'fits' if after['matched'] else 'differs'}",
    ),
    "order.cancel": (
        "Rest of a line cancelled", "warning", "ban",
        lambda after, _: f"{after['quantity']} {after['uom']} of line {after['line']}: {after['reason']}",
    ),
    "order.change": (
        "Order changed", "info", "edit", lambda after, _: f"Version {after['version']}: {after['reason']}",
    ),
    "order.decide": (
        "Difference decided", "info", "scale",
        lambda after, _: f"Line {after['line']}: {after['words']}",
    ),
    "order.ask_price": (
        "Approver asked about a price", "info", "help",
        lambda after, _: f"Line {after['line']}",
    ),
    "order.decide_price": (
        "Price decided by an approver", "info", "scale",
        lambda after, _: f"Line {after['line']}: {after['state']}. {after['comment']}".strip(),
    ),
    "order.ask_change": (
        "Approver asked", "info", "help",
        lambda after, _: f"{after['asked']}: {after['reason']}",
    ),
    "order.decide_change": (
        "Decided by an approver", "info", "scale",
        lambda after, _: f"{after['state'].capitalize()}. {after['comment']}".strip(),
    ),
    "order.withdraw_change": (
        "Withdrawn from the approver", "neutral", "arrow-back-up", lambda after, _: after["reason"],
    ),
    "order.choose": (
        "Requester chose", "info", "user-check",
        lambda after, _: f"Line {after['line']}: {after['choice'].replace('_', ' ')}",
    ),
    "order.status": (
        "Status", "neutral", "point", lambda after, _: STATUSES[OrderStatus(after["status"])].label,
    ),
}  # fmt: skip


def history(events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """The audit events of an order as a timeline, newest first."""
    return [_event(event) for event in events if event.action in EVENTS]


def _event(event: AuditEvent) -> dict[str, Any]:
    title, tone, icon, told = EVENTS[event.action]
    text = told(event.after or {}, event.evidence or {})
    return {
        "title": f"{title}: {text}" if event.action == "order.status" else title,
        "text": "" if event.action == "order.status" else text,
        "tone": tone,
        "icon": icon,
        "at": event.at,
        "actor": event.actor,
    }


def answers(confirmations: Sequence[OrderConfirmation], order: PurchaseOrder) -> list[dict[str, Any]]:
    """Every part of every confirmation as the supplier sent it, newest first."""
    lines = {line.id: line for line in order.lines}
    return [
        {
            "number": one.number,
            "at": one.noticed_at,
            "is_update": one.operation == "update",
            "line": lines[part.line_id].line_number,
            "item": lines[part.line_id].description,
            "said": f"{_counted(part, lines[part.line_id].uom)} {PARTS[part.status]}",
            "promised": day(part.promised_on),
            "price": unit_price(part.unit_price, order.currency) if part.unit_price is not None else "",
            "comment": "; ".join(text for text in (part.substitute_part, part.comments) if text),
        }
        for one in confirmations
        for part in sorted(one.parts, key=lambda each: (lines[each.line_id].line_number, each.id))
    ]


def _counted(row: Said, uom: str) -> str:
    """In the order's unit, with the supplier's own count where that is another one."""
    if row.is_unread:
        return row.said
    return f"{plain(row.quantity)} {uom}{f' (said as {row.said})' if row.said else ''}"


def shipments(rows: Sequence[ShipNoticeLine], order: PurchaseOrder) -> list[dict[str, Any]]:
    """What is on its way, a row a lot."""
    lines = {line.id: line for line in order.lines}
    return [
        {
            "notice": one.notice.number,
            "item": lines[one.line_id].description,
            "quantity": one.said_quantity if one.is_unread else one.quantity,
            "uom": one.said_uom if one.is_unread else lines[one.line_id].uom,
            "said": "" if one.is_unread else one.said,
            "lot": one.lot,
            "expires_on": one.expires_on,
            "sscc": one.sscc,
            "carrier": one.notice.carrier,
            "tracking": one.notice.tracking,
            "arrives": one.notice.delivery_expected_at,
        }
        for one in rows
    ]
