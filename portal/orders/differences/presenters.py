"""Differences as their pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from portal.exchange.models import WorkItem
from portal.exchange.rules import WorkItemKind
from portal.foundation.access import Actor, Permission
from portal.foundation.filters import day, money, unit_price
from portal.foundation.quantity import plain
from portal.orders.differences import counting, covering, queries
from portal.orders.differences.choosing import Shortage
from portal.orders.differences.grouping import PriceGroup
from portal.orders.differences.models import BackorderChoice, LineDecision
from portal.orders.differences.queries import Difference
from portal.orders.differences.rules import (
    DATES,
    PARTS,
    PRICES,
    Act,
    Choice,
    Cover,
    acts_for,
    short_by,
)
from portal.orders.presenters import told_packs
from portal.orders.proposals.presenters import proposal_row
from portal.orders.proposals.queries import proposal_about
from portal.orders.proposals.rules import ProposalKind

CHOICES = {
    Choice.WAIT: "Wait for it",
    Choice.SUBSTITUTE: "Take the substitute",
    Choice.CANCEL: "Cancel it",
    Choice.OTHER_SUPPLIER: "Order from another supplier",
}


# What nobody chooses again while an approver is asked about it.
ASKED = {ProposalKind.PRICE: (Act.ACCEPT,), ProposalKind.ELSEWHERE: (Act.REORDER,)}


@dataclass(frozen=True)
class Panel:
    """One difference: what is known, what was decided, and what can be done, the suggestion first."""

    item_id: int
    facts: list[dict[str, str]]
    acts: dict[str, str]
    offers: dict[str, str]
    decisions: Sequence[LineDecision]
    wishes: list[str]
    waiting: dict[str, Any] | None  # what was asked of an approver
    zone: str
    unit: str = ""  # the supplier's, which nobody knows
    order_unit: str = ""


def panel(actor: Actor, item: WorkItem) -> Panel | None:
    """The panel of a difference for a buyer of its facility; None for other work items and people."""
    case = queries.of_item(item)
    if case is None or not actor.can(Permission.BUY, facility_id=case.order.location.facility_id):
        return None
    return panel_of(case)


def panel_of(case: Difference) -> Panel:
    """What is known of a difference and what can be done about it."""
    item = case.item
    offers = _offers(case)
    asked = proposal_about(case.line.id)
    acts = [] if item.resolved_at else acts_for(item.kind, case.line.quantities)
    return Panel(
        item_id=item.id,
        facts=_facts(case),
        acts={
            act.value: _words(act, case)
            for act in acts
            if not (act is Act.REORDER and not offers) and not (asked and act in ASKED[asked.kind])
        },
        offers=offers,
        decisions=queries.decisions_of(case.line.id),
        wishes=wishes(queries.choices_of([case.line.id]).get(case.line.id, [])),
        waiting=proposal_row(asked) if asked else None,
        zone=case.order.location.facility.time_zone,
        unit=counting.unread_unit(case.line) if acts and item.kind is WorkItemKind.UNIT else "",
        order_unit=case.line.uom,
    )


def _offers(case: Difference) -> dict[str, str]:
    line, quantity = case.line, short_by(case.item.kind, case.line.quantities)
    return {
        str(one.offer.id): f"{one.offer.supplier.name}, {unit_price(one.unit_price, case.order.currency)} "
        f"per {one.offer.uom}: {told_packs(quantity, line.factor, one.offer, line.item.base_uom)}"
        f"{'' if one.contract_line else ' (no contract)'}"
        for one in queries.other_offers(case.order, line)
    }


def wishes(chosen: Sequence[BackorderChoice]) -> list[str]:
    """What requesters said they want."""
    return [f"{one.account.name}: {CHOICES[one.choice].lower()}" for one in chosen]


def _words(act: Act, case: Difference) -> str:
    line, kind = case.line, case.item.kind
    short = f"{plain(short_by(kind, line.quantities))} {line.uom}"
    if act is Act.ACCEPT and kind in PRICES and line.confirmed_price is not None:
        return f"Accept {unit_price(line.confirmed_price, case.order.currency)} per {line.uom}"
    if act is Act.ACCEPT and kind in PARTS:
        return f"Take {line.substitute_part} instead of {line.supplier_part}"
    if act is Act.ACCEPT and kind is WorkItemKind.UNIT:
        rounded = counting.rounded(case.order, line)
        if rounded is not None:
            return f"Accept it as {plain(rounded)} {line.uom}, or say below what the supplier's unit holds"
        return f"Accept it: say below what the supplier's unit holds in {line.uom}"
    if act is Act.ACCEPT and kind is WorkItemKind.QUANTITY:
        return f"Accept {plain(line.quantities.answered)} {line.uom}"
    if act is Act.ACCEPT:
        return "Accept the day" if kind in DATES else "Accept it and wait"
    return {
        Act.DISPUTE: "Dispute: tell the supplier that the order stands",
        Act.SPLIT: f"Split: {short} on a line of its own",
        Act.CANCEL: f"Cancel {short}",
        Act.REORDER: f"Order {short} from another supplier",
    }[act]


def _facts(case: Difference) -> list[dict[str, str]]:
    line, counted = case.line, case.line.quantities
    cover = covering.of_location(case.order.location_id, [line.item_id]).get(line.item_id)
    price = unit_price(line.unit_price, case.order.currency)
    pairs = (
        ("Line", f"{line.line_number} {line.description}"),
        ("Ordered", f"{plain(counted.wanted)} {line.uom} at {price}"),
        ("Confirmed", f"{plain(counted.confirmed)} {line.uom}"),
        ("Backordered", f"{plain(counted.backordered)} {line.uom}" if counted.backordered else ""),
        ("Rejected", f"{plain(counted.rejected)} {line.uom}" if counted.rejected else ""),
        ("Needed", day(line.needed_on)),
        ("Promised", day(line.promised_on)),
        ("On the shelf", told_cover(cover)),
    )
    return [{"label": label, "value": value} for label, value in pairs if value]


def told_cover(cover: Cover | None) -> str:
    """How long the shelf lasts, and by what that is reckoned."""
    if cover is None:
        return ""
    days = f"{cover.days} {'day' if cover.days == 1 else 'days'} left"
    reasons = [f"{plain(cover.on_hand)} on hand"]
    if cover.a_day:
        reasons.append(f"{plain(cover.a_day.quantize(Decimal('0.1')))} used a day")
    if cover.cases:
        reasons.append(f"{cover.cases} scheduled {'use' if cover.cases == 1 else 'uses'} in cases")
    return f"{days} ({', '.join(reasons)})"


@dataclass(frozen=True)
class ShortRow:
    """A shortage in the list of what does not come."""

    item_id: int
    order_id: int
    order: str
    supplier: str
    item: str
    place: str
    sentence: str
    promised: date | None
    cover: str
    tone: str
    wishes: list[str]


def short_rows(cases: Sequence[Difference]) -> list[ShortRow]:
    """Shortages, those first whose place runs out first; what is known of each shelf is read by place."""
    places: dict[int, set[int]] = {}
    for one in cases:
        places.setdefault(one.order.location_id, set()).add(one.line.item_id)
    covers = {place: covering.of_location(place, items) for place, items in places.items()}
    chosen = queries.choices_of({one.line.id for one in cases})
    rows = [
        (covers[one.order.location_id].get(one.line.item_id), one, chosen.get(one.line.id, []))
        for one in cases
    ]
    rows.sort(key=lambda row: (row[0] is None, row[0].days if row[0] else 0, row[1].item.opened_at))
    return [_short_row(*row) for row in rows]


def _short_row(cover: Cover | None, case: Difference, chosen: Sequence[BackorderChoice]) -> ShortRow:
    return ShortRow(
        item_id=case.item.id,
        order_id=case.order.id,
        order=case.order.number,
        supplier=case.order.supplier.name,
        item=case.line.description,
        place=case.order.location.name,
        sentence=case.item.sentence,
        promised=case.line.promised_on,
        cover=told_cover(cover),
        tone="danger" if cover and cover.days <= 2 else "warning",
        wishes=wishes(chosen),
    )


def group_rows(groups: Sequence[PriceGroup]) -> list[dict[str, Any]]:
    """Groups of the same price difference."""
    return [
        {
            "key": one.key,
            "item": one.cases[0].line.description,
            "supplier": one.cases[0].order.supplier.name,
            "uom": one.uom,
            "ordered": unit_price(one.ordered, one.cases[0].order.currency),
            "confirmed": unit_price(one.confirmed, one.cases[0].order.currency),
            "difference": money(one.difference, one.cases[0].order.currency),
            "orders": [(case.order.id, case.order.number) for case in one.cases],
        }
        for one in groups
    ]


def shortage_rows(shortages: Sequence[Shortage]) -> list[dict[str, Any]]:
    """What does not come of a requisition, for who asked for it."""
    return [
        {
            "line_id": one.case.line.id,
            "requested": one.requisition_line_id,
            "item": one.case.line.description,
            "sentence": one.case.item.sentence,
            "quantity": one.quantity,
            "supplier": one.case.order.supplier.name,
            "promised": one.case.line.promised_on,
            "cover": told_cover(one.cover),
            "until": one.until,
            "is_late": one.is_late,
            "chosen": CHOICES[one.chosen] if one.chosen else "",
            "choices": [(choice.value, CHOICES[choice]) for choice in one.choices],
            "alternatives": one.alternatives,
            "substitute": one.case.line.substitute_part,
        }
        for one in shortages
    ]
