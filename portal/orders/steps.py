"""The way of an order: each step says who has it, since when, what is pending, why, and what comes next."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from portal.exchange.models import Message, WorkItem
from portal.exchange.rules import UNFINISHED_STATES, Direction, MessageState
from portal.foundation.access import Permission
from portal.foundation.filters import day, moment
from portal.foundation.quantity import plain
from portal.orders.differences.rules import KINDS
from portal.orders.expecting import next_expected
from portal.orders.models import OrderConfirmation, PurchaseOrder, PurchaseOrderLine, ShipNoticeLine
from portal.orders.presenters import next_expected as next_due
from portal.orders.presenters import totals
from portal.orders.punctuality import History
from portal.orders.rules import OrderStatus

Facts = list[dict[str, str]]


@dataclass(frozen=True)
class Linked:
    """A document of a higher feature that belongs to the order, such as a receipt or an invoice."""

    kind: str
    number: str
    endpoint: str
    arguments: dict[str, int]
    at: datetime
    note: str
    permission: Permission
    needs_attention: bool = False


@dataclass(frozen=True)
class Known:
    """Everything the steps are told from; messages and confirmations come newest first."""

    order: PurchaseOrder
    items: Sequence[WorkItem]
    messages: Sequence[Message]
    confirmations: Sequence[OrderConfirmation]
    shipments: Sequence[ShipNoticeLine]
    linked: Sequence[Linked]
    history: History
    owners: Mapping[int, str]  # names of who took a decision upon themselves
    today: date

    def moment(self, at: datetime) -> str:
        """An instant at the place the order goes to."""
        return moment(at, self.order.location.facility.time_zone)

    def day(self, at: datetime) -> str:
        """The day of an instant there."""
        return day(at.astimezone(ZoneInfo(self.order.location.facility.time_zone)).date())

    def of_kind(self, kind: str) -> list[Linked]:
        """The receipts, or the invoices."""
        return [one for one in self.linked if one.kind == kind]


@dataclass
class Step:
    """A step before it is known which one is the present one; an open one says who has it since when."""

    label: str
    done: bool
    text: str
    holder: str = ""
    since: datetime | None = None
    pending: str = ""
    then: str = ""
    facts: Facts = field(default_factory=list)
    note: str = ""
    trouble: bool = False


def steps(known: Known) -> list[dict[str, Any]]:
    """The steps as the stepper draws them; the one in trouble, or else the present one, is open.

    What is cancelled in full goes no further.
    """
    told = _way(known)
    is_cancelled = known.order.status is OrderStatus.CANCELLED
    if is_cancelled:
        told = [*(step for step in told if step.done and not step.trouble), _cancelled(known)]
    present = next((step for step in told if not step.done), told[-1] if is_cancelled else None)
    opened = next((step for step in told if step.trouble), present)
    return [_drawn(known, step, is_present=step is present, is_open=step is opened) for step in told]


def _way(known: Known) -> list[Step]:
    return [
        _placed(known),
        *(
            []
            if _goes_past_erp(known)
            else [_handed(known, "erp", "Posted in the ERP", known.order.posted_at)]
        ),
        _handed(known, "network", "Sent to the supplier", known.order.sent_at),
        _confirmed(known),
        _shipped(known),
        _received(known),
        _invoiced(known),
    ]


def _cancelled(known: Known) -> Step:
    left = [one for one in known.messages if one.direction == Direction.OUTBOUND]
    return Step(
        "Cancelled",
        done=True,
        text="All of it was cancelled, and its budget given back. Nothing comes any more.",
        facts=_facts(
            ("Still to be told", _joined(one.partner.name for one in left if one.state in UNFINISHED_STATES))
        ),
    )


def _drawn(known: Known, step: Step, *, is_present: bool, is_open: bool) -> dict[str, Any]:
    state = "problem" if step.trouble else "done" if step.done else "current" if is_present else "pending"
    return {
        "label": step.label,
        "state": state,
        "note": step.note,
        "text": step.text,
        "facts": step.facts if step.done and not step.trouble else _open_facts(known, step),
        "open": is_open,
    }


def _open_facts(known: Known, step: Step) -> Facts:
    """Who has it, since when, what is pending; what else is known; what happens next."""
    before = _facts(
        ("With", step.holder),
        ("Since", known.moment(step.since) if step.since else None),
        ("Pending", step.pending),
    )
    return before + step.facts + _facts(("Next", step.then))


def _facts(*pairs: tuple[str, str | None]) -> Facts:
    return [{"label": label, "value": value} for label, value in pairs if value]


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))


def _placed(known: Known) -> Step:
    order = known.order
    requests = _joined(
        source.requisition_line.requisition.number or "" for line in order.lines for source in line.sources
    )
    return Step(
        "Placed",
        done=True,
        note=known.day(order.ordered_at),
        text="The portal hands the order to the ERP and to the supplier by itself.",
        facts=_facts(
            ("By", order.buyer.name), ("At", known.moment(order.ordered_at)), ("Requested in", requests)
        ),
    )


# Handing over


def _goes_past_erp(known: Known) -> bool:
    """Whether the supplier has it and no ERP ever will: its orders take another route."""
    order = known.order
    return order.sent_at is not None and order.posted_at is None and not _outbound(known, "erp")


def _outbound(known: Known, kind: str) -> Message | None:
    matching = (one for one in known.messages if one.partner.kind == kind)
    return next((one for one in matching if one.direction == Direction.OUTBOUND), None)


def _handed(known: Known, kind: str, label: str, at: datetime | None) -> Step:
    message = _outbound(known, kind)
    if at is not None:
        facts = _facts(
            ("Partner", message.partner.name if message else None),
            ("At", known.moment(at)),
            ("Number there", known.order.erp_number if kind == "erp" else None),
            ("Supplier", known.order.supplier.name if kind == "network" else None),
        )
        return Step(label, done=True, note=known.day(at), text="The partner has the order.", facts=facts)
    if message is None:
        return Step(label, done=False, text="Follows by itself once the step before is done.")
    return _waiting(known, label, message, kind)


def _waiting(known: Known, label: str, message: Message, kind: str) -> Step:
    step = Step(label, done=False, text="The portal is handing it over; this takes a few seconds.")
    step.holder, step.since = message.partner.name, message.created_at
    step.then = "It goes to the supplier." if kind == "erp" else "The supplier confirms it."
    item = next((one for one in known.items if one.message_id == message.id), None)
    if message.state is MessageState.NEEDS_ATTENTION:
        step.trouble, step.note, step.holder = True, "Stopped", "A person, among the work items"
        step.text = item.sentence if item else message.cause
        step.holder = known.owners.get(item.owner_id or 0, step.holder) if item else step.holder
        step.facts = _facts(
            ("Stopped", known.moment(item.opened_at) if item else None),
            ("What to do", item.suggestion if item else "Retry the message."),
        )
    elif message.state is MessageState.WITHDRAWN:
        step.trouble, step.note, step.then = True, "Withdrawn", ""
        step.text = "The message was withdrawn: the order does not leave."
    elif message.partner.paused_at is not None:
        step.note = "Paused"
        step.text = f"Deliveries to {message.partner.name} are paused. It leaves when they are resumed."
    elif message.tries and message.cause:
        step.note = f"Tried {message.tries} times" if message.tries > 1 else "Tried once"
        step.text = f"It did not get through yet: {message.cause}"
        step.facts = _facts(("Next try", known.moment(message.available_at)))
    return step


# The supplier's answer


def _confirmed(known: Known) -> Step:
    order = known.order
    live = [line for line in order.lines if line.quantities.wanted > 0]
    answered = [line for line in live if line.quantities.answered >= line.quantities.wanted]
    came = all(line.quantities.outstanding == 0 for line in live)
    decisions = [item for item in known.items if item.kind in KINDS]
    newest = known.confirmations[0] if known.confirmations else None
    step = Step("Confirmed", done=bool(live) and (came or len(answered) == len(live)), text="")
    step.trouble = bool(decisions)
    is_refused = _is_refused(order)
    if newest is not None:
        step.note = "Rejected" if is_refused else f"{len(answered)} of {len(live)} lines"
    step.text = _told_of_answer(order.supplier.name, step, newest, decisions)
    step.holder = f"{_deciders(known, decisions)}, to decide" if decisions else order.supplier.name
    step.since = min((item.opened_at for item in decisions), default=order.sent_at)
    step.pending = _counted(len(decisions), "decision") or _counted(
        len(live) - len(answered), "line without an answer", "lines without an answer"
    )
    step.done = step.done and not is_refused
    step.then = "What is rejected is ordered elsewhere or cancelled." if is_refused else "The supplier ships."
    step.facts = _facts(
        ("Last answer", f"{newest.number}, {known.moment(newest.noticed_at)}" if newest else None),
        ("Backordered", _sum(line.backordered for line in live)),
        ("Rejected", _sum(line.rejected for line in live)),
        ("Promised", day(max((line.promised_on for line in live if line.promised_on), default=None))),
        ("What to do", decisions[0].suggestion if len(decisions) == 1 else None),
    )
    return step


def _is_refused(order: PurchaseOrder) -> bool:
    """Whether the supplier rejected all that is still wanted."""
    live = [line for line in order.lines if line.quantities.wanted > 0]
    return bool(live) and all(line.rejected >= line.quantities.wanted for line in live)


def _deciders(known: Known, decisions: Sequence[WorkItem]) -> str:
    """Who took the decisions upon themselves; the buyer of the order for those nobody took."""
    return _joined(known.owners.get(item.owner_id or 0, known.order.buyer.name) for item in decisions)


def _told_of_answer(
    supplier: str, step: Step, newest: OrderConfirmation | None, decisions: Sequence[WorkItem]
) -> str:
    if decisions:
        return f"The answer differs from the order. {' '.join(item.sentence for item in decisions)}"
    if step.done:
        said = "confirms what was ordered" if newest else "sent the goods without a confirmation"
        return f"{supplier} {said}."
    return f"{supplier} has not answered {'every line ' if newest else ''}yet."


def _counted(number: int, one: str, many: str = "") -> str:
    if not number:
        return ""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _sum(values: Iterable[Decimal]) -> str:
    total = sum(values, Decimal())
    return plain(total) if total else ""


def _rest(values: Iterable[Decimal], ordered: Decimal) -> str:
    rest = _sum(values)
    return f"{rest} of {plain(ordered)}" if rest else ""


def _all_lines(order: PurchaseOrder, came: Callable[[PurchaseOrderLine], Decimal]) -> bool:
    """Whether every line came as far: more of one never stands for less of another."""
    live = [line for line in order.lines if line.quantities.wanted > 0]
    return bool(live) and all(came(line) >= line.quantities.wanted for line in live)


def _shipped(known: Known) -> Step:
    if _is_refused(known.order):
        return Step("Shipped", done=False, text="The supplier rejected it: nothing is shipped.")
    counted = totals(known.order.lines)
    rows = known.shipments
    step = Step(
        "Shipped",
        done=_all_lines(known.order, lambda line: max(line.shipped, line.received)),
        text="No ship notice has come yet.",
        note=_share(counted.shipped, counted.ordered),
    )
    if rows:
        step.text = f"{known.order.supplier.name} says what is on its way; lots and parcels stand below."
    elif counted.received:
        step.text = "Goods came without a ship notice."
    step.holder = known.order.supplier.name
    step.since = known.confirmations[0].noticed_at if known.confirmations else known.order.sent_at
    step.pending = _rest((line.quantities.unshipped for line in known.order.lines), counted.ordered)
    rest = "The supplier announces the rest." if step.pending else "The storeroom receives it."
    step.then = rest if rows else "The supplier announces the delivery."
    arrivals = [row.notice.delivery_expected_at for row in rows if row.notice.delivery_expected_at]
    step.facts = _facts(
        ("Ship notices", _joined(row.notice.number for row in rows)),
        ("Carrier", _joined(row.notice.carrier for row in rows)),
        ("Tracking", _joined(row.notice.tracking for row in rows)),
        ("Arrives", known.moment(max(arrivals)) if arrivals else None),
    )
    return step


def _share(value: Decimal, whole: Decimal) -> str:
    return f"{plain(value)} of {plain(whole)}" if value else ""


def _received(known: Known) -> Step:
    order = known.order
    if _is_refused(order):
        return Step("Received", done=False, text="The supplier rejected it: nothing comes.")
    counted = totals(order.lines)
    due = next_due(order)
    pending = _rest((line.quantities.outstanding for line in order.lines), counted.ordered)
    step = Step(
        "Received",
        done=_all_lines(order, lambda line: line.received),
        text=f"{order.location.name} counts it when it arrives.",
        note=_share(counted.received, counted.ordered),
    )
    receipts = known.of_kind("Receipt")
    if step.done:
        step.text = "Everything is counted into the stock."
    elif due is not None and due < known.today:
        step.note = f"{_counted((known.today - due).days, 'day')} late"
        here = f"but {pending} are not" if counted.received else "and not"
        step.text = f"Expected on {day(due)} {here} here yet. Ask {order.supplier.name}."
        step.trouble = order.sent_at is not None
    step.holder = f"{order.location.name}, {order.location.facility.name}"
    step.since = max((row.notice.noticed_at for row in known.shipments), default=None)
    step.pending = pending
    step.then = "Accounts payable compares the invoice."
    expected = next_expected(known.history, order)
    judged = known.history.of(order.supplier_id)
    step.facts = _facts(
        ("Due", day(due) if due != expected else None),
        ("Expected", day(expected)),
        ("Why", judged.told(order.supplier.name) if judged and not step.done else None),
        ("Receipts", _joined(f"{one.number} ({one.note})" for one in receipts)),
    )
    return step


def _invoiced(known: Known) -> Step:
    counted = totals(known.order.lines)
    invoices = known.of_kind("Invoice")
    differs = [one for one in invoices if one.needs_attention]
    step = Step(
        "Invoiced",
        done=_all_lines(known.order, lambda line: line.invoiced),
        text="The invoice is compared with order and receipt when it comes.",
        note=_share(counted.invoiced, counted.ordered),
        trouble=bool(differs),
    )
    if differs:
        step.text = f"{_joined(one.number for one in differs)} differs from order or receipt. AP decides."
    elif step.done:
        step.text = "Order, receipt and invoice fit."
    step.holder = "Accounts payable"
    since = differs or known.of_kind("Receipt")
    step.since = min((one.at for one in since), default=None)
    step.pending = _sum(max(line.received - line.invoiced, Decimal()) for line in known.order.lines)
    step.then = "What fits is paid; what it costs less comes back to the budget."
    step.facts = _facts(("Invoices", _joined(f"{one.number} ({one.note})" for one in invoices)))
    return step
