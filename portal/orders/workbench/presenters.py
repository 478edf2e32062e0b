"""The workbench as a page: groups that would become one order, why each line waits, what it saves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from portal.foundation.filters import money, unit_price
from portal.foundation.money import extended
from portal.orders.dealing import too_dear
from portal.orders.presenters import told_packs
from portal.orders.proposals.presenters import proposal_row
from portal.orders.workbench import joining
from portal.orders.workbench.deciding import Group, Waiting
from portal.orders.workbench.queries import Candidate
from portal.orders.workbench.rules import WORDS, Why

MANY = 2  # contracted offers worth a look


@dataclass(frozen=True)
class BenchRow:
    """An approved line waiting to be ordered."""

    id: int
    item: str
    code: str
    requisition: str
    requisition_id: int
    requester: str
    need_by: date | None
    quantity: Decimal
    uom: str
    unit_price: Decimal
    amount: Decimal
    contract: str
    cover: str
    why: list[str]
    saving: str
    best: Decimal
    offers: int
    is_late: bool
    tone: str
    checked: bool


@dataclass(frozen=True)
class BenchGroup:
    """Approved lines of one supplier and ship-to, ready to become one order."""

    key: str
    supplier: str
    supplier_id: int
    location: str
    facility: str
    currency: str
    lines: list[BenchRow]
    total: Decimal
    minimum: Decimal
    blocked: bool
    notes: list[str] = field(default_factory=list)

    @property
    def missing(self) -> Decimal:
        """What is missing to the minimum order the supplier takes."""
        return max(self.minimum - self.total, Decimal())


def bench(
    groups: Sequence[Group], today: date, chosen: Collection[int] | None = None
) -> tuple[list[BenchGroup], list[BenchGroup]]:
    """What a buyer decides, and what goes by itself; all lines are chosen unless a form said which."""
    decide: list[BenchGroup] = []
    going: list[BenchGroup] = []
    for group in groups:
        ready = group.ready
        waiting = [one for one in group.lines if one not in ready]
        for members, why, into in ((waiting, group.why, decide), (ready, [], going)):
            if members:
                into.append(_group(members, why, today, chosen))
    return decide, going


def _group(members: list[Waiting], why: list[Why], today: date, chosen: Collection[int] | None) -> BenchGroup:
    supplier, location = members[0].deal.offer.supplier, members[0].line.ship_to
    shown = [_row(one, today, _is_checked(one, chosen)) for one in members]
    return BenchGroup(
        key=f"{supplier.id}-{location.id}",
        supplier=supplier.name,
        supplier_id=supplier.id,
        location=location.name,
        facility=location.facility.name,
        currency=members[0].line.requisition.currency,
        lines=shown,
        total=sum((one.amount for one in shown), Decimal()),
        minimum=supplier.minimum_order,
        blocked=supplier.blocked,
        notes=[text for reason in why if (text := _note(reason, supplier.name))],
    )


def _note(why: Why, supplier: str) -> str:
    """What is not shown by the supplier's own figures."""
    return {
        Why.NEW_SUPPLIER: f"Nothing was ever ordered from {supplier}. Check how its orders travel.",
        Why.NO_ROUTE: f"Orders for {supplier} reach nobody yet. Choose a route first.",
    }.get(why, "")


def _row(one: Waiting, today: date, checked: bool) -> BenchRow:
    line, deal = one.line, one.deal
    need_by, currency = line.wanted_by, line.requisition.currency
    is_late = need_by is not None and need_by < today
    return BenchRow(
        id=line.id,
        item=line.item.name,
        code=line.item.code,
        requisition=line.requisition.number or "",
        requisition_id=line.requisition_id,
        requester=line.requisition.requester.name,
        need_by=need_by,
        quantity=one.quantity,
        uom=deal.offer.uom,
        unit_price=deal.unit_price,
        amount=one.amount,
        contract=deal.contract,
        cover=_days(one.cover),
        why=[WORDS[reason] for reason in one.why],
        saving=_saving(one.saving, currency) if deal.is_chosen else "",
        best=one.best_saving,
        offers=len({candidate.offer.supplier_id for candidate in one.candidates}),
        is_late=is_late,
        tone="warning" if is_late or one.cover == 0 else "",
        checked=checked,
    )


def _is_checked(one: Waiting, chosen: Collection[int] | None) -> bool:
    """All are, unless a form said which; what an approver is asked about waits."""
    return one.proposal is None if chosen is None else one.line.id in chosen


def _days(cover: int | None) -> str:
    if cover is None:
        return ""
    return "none left" if cover <= 0 else f"{cover} day{'s' if cover != 1 else ''}"


def _saving(amount: Decimal, currency: str) -> str:
    if amount == 0:
        return "as approved"
    return f"saves {money(amount, currency)}" if amount > 0 else f"costs {money(-amount, currency)} more"


@dataclass(frozen=True)
class OfferRow:
    """An offer of the item beside the others."""

    id: int
    supplier: str
    part: str
    contract: str
    price: str
    pack: str
    saving: str
    together: str
    asks: bool
    is_current: bool
    may_choose: bool
    tone: str


def offers(one: Waiting, groups: Sequence[Group]) -> list[OfferRow]:
    """The offers of a line side by side, the cheapest first: what each saves, and what it would go with."""
    dear = too_dear(one.line, [one.cost(candidate) for candidate in one.candidates])
    return [
        _offer(one, candidate, joining.together(one, candidate, groups), asks=index in dear)
        for index, candidate in enumerate(one.candidates)
    ]


def asked(one: Waiting) -> dict[str, Any] | None:
    """What was asked of an approver about the line; None when nothing waits."""
    return proposal_row(one.proposal) if one.proposal else None


def _offer(one: Waiting, candidate: Candidate, together: str, *, asks: bool) -> OfferRow:
    line, offer = one.line, candidate.offer
    currency = line.requisition.currency
    approved = extended(one.asked, line.unit_price)
    is_current = offer.id == one.deal.offer.id
    return OfferRow(
        id=offer.id,
        supplier=offer.supplier.name,
        part=offer.supplier_part,
        contract=candidate.contract or "no contract",
        price=unit_price(candidate.unit_price, currency),
        pack=told_packs(one.asked, line.offer.factor, offer, line.item.base_uom),
        saving=_saving(approved - one.cost(candidate), currency),
        together=together,
        asks=asks,
        is_current=is_current,
        may_choose=one.proposal is None and not (is_current and one.deal.is_chosen),
        tone="info" if is_current else "",
    )
