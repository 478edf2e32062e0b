"""What the checks need of a cart: today's prices, the dimensions, the money and what is on its way."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from integrations.canonical import Lifecycle
from portal.budgets.models import Budget
from portal.budgets.queries import Payer, balancing, drawn_on
from portal.budgets.rules import Balance, Control
from portal.catalog.rules import Shelf, pack
from portal.foundation import clock, together
from portal.foundation.access import Actor
from portal.foundation.money import extended
from portal.foundation.together import Read, read_together
from portal.masterdata.ages import brought_in
from portal.masterdata.models import CostCenter, Location
from portal.masterdata.queries import Price, pricing
from portal.masterdata.receiving_days import closings
from portal.masterdata.rules import Closing
from portal.requisitions import around, charging
from portal.requisitions.around import Here
from portal.requisitions.charging import account_id_of, center_of, paid_by
from portal.requisitions.checks.facts import (
    BudgetFacts,
    CartFacts,
    CenterFacts,
    LastOrder,
    LineFacts,
    Need,
    PlaceFacts,
    RecallFacts,
    ShareFacts,
    SupplierFacts,
)
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rulebook.queries import needs_of, parents, rulebook, rulebooks_on
from portal.requisitions.rulebook.rules import RULES, Rulebook
from portal.requisitions.rules import RequisitionSource

SOURCES = frozenset(rule.source for rule in RULES.values() if rule.source)


def cart_facts(actor: Actor, requisition: Requisition, today: date) -> CartFacts:
    """What the checks need, as it is now."""
    return cart_facts_beside(actor, requisition, today, ())[0]


def cart_facts_beside(
    actor: Actor,
    requisition: Requisition,
    today: date,
    beside: Sequence[Read[Any]],
    *,
    lock: bool = False,
) -> tuple[CartFacts, together.Known]:
    """With what is read `beside` it at once; `lock` waits for others who draw on the same budgets."""
    location = requisition.location
    usual = {line.line_number: line.amount for line in requisition.lines}
    payers = {(center, category) for _, center, category, _ in _paying(requisition, usual)}
    budget_of = drawn_on(today, payers, lock=lock)
    known = _known(actor, requisition, today, budget_of, beside)
    lines = [_line(requisition, line, known) for line in requisition.lines]
    facts = CartFacts(
        today=today,
        need_by=requisition.need_by,
        center=_center(actor, location, location.cost_center),
        lines=lines,
        budgets=_budgets(requisition, lines, budget_of, known.balances),
        place=_place(location, known),
        suppliers=_suppliers(requisition, lines, known),
        override_reason=requisition.override_reason,
        rules=known.rules,
        rules_there=_rules_there(requisition),
        read_at=clock.now(),
        ages=known.ages,
    )
    return facts, known.read


Paying = tuple[int, int, str, Decimal]
"""A line (its number), a cost center, the item's category, and what the cost center pays of the line."""


def _paying(requisition: Requisition, amounts: Mapping[int, Decimal]) -> list[Paying]:
    """Who pays what; `amounts` are those of the lines, by number."""
    return [
        (line.line_number, center_id, line.item.category, part)
        for line in requisition.lines
        for center_id, part in paid_by(requisition, line, amounts[line.line_number]).items()
    ]


Priced = tuple[int, int, str, Decimal]


@dataclass(frozen=True)
class Known:
    """What was read at once for all lines, by line, item, place or offer; `read` has what was read beside."""

    read: together.Known
    actor: Actor
    prices: Mapping[Priced, Price]
    accounts: Mapping[int, str]
    packed: Mapping[tuple[int, str], Decimal]
    last: Mapping[int, LastOrder]
    asked: Mapping[Here, Sequence[tuple[str, Decimal]]]
    shelves: Mapping[Here, Shelf]
    recalls: Mapping[int, Sequence[RecallFacts]]
    needs: Mapping[int, Sequence[Need]]
    closings: Mapping[int, Sequence[Closing]]
    balances: Mapping[int, Balance]
    rules: Rulebook
    ages: Mapping[str, datetime]
    instead: around.Instead


def _known(
    actor: Actor,
    requisition: Requisition,
    today: date,
    budget_of: Mapping[Payer, Budget],
    beside: Sequence[Read[Any]],
) -> Known:
    lines, place = requisition.lines, requisition.location
    items = {line.item_id: line.item.category for line in lines}
    places = {place.id, *(line.ship_to.id for line in lines)}
    prices = pricing(today, map(_key, lines))
    accounts = charging.accounts_in_words(_account_ids(lines))
    packed = around.packed(items)
    last = around.last_orders(line.offer_id for line in lines)
    asked = around.asked_already(places, items)
    shelves = around.on_order(places, items)
    # What was used already is billed whoever used it, and whatever was found out later.
    is_used = requisition.source is RequisitionSource.BILL_ONLY
    recalls = [] if is_used else around.recalls(items)
    needs = [] if is_used else [needs_of(actor, items, today)]
    closed, held = closings(places), balancing(budget_of.values())
    rules, tree, ages = rulebook(today, place.facility_id), parents(), brought_in(SOURCES)
    known = read_together(
        prices, accounts, packed, last, asked, *shelves, *recalls, *needs, closed, held, rules, tree, ages,
        *beside,
    )  # fmt: skip
    priced = known[prices]
    # Something else is looked for only where it may be needed.
    lacking = {line.item_id for line in lines if _key(line) not in priced or not _may_stay(line)}
    return Known(
        read=known,
        actor=actor,
        prices=priced,
        accounts=known[accounts],
        packed=known[packed],
        last=known[last],
        asked=known[asked],
        shelves={(at, shelf.item_id): shelf for read in shelves for at, shelf in known[read]},
        recalls=_by_item(one for read in recalls for one in known[read]),
        needs={item_id: some for read in needs for item_id, some in known[read].items()},
        closings=known[closed],
        balances=known[held],
        rules=replace(known[rules], parents=known[tree]),
        ages=known[ages],
        instead=around.instead_of(lacking, today, requisition.currency),
    )


def _by_item(recalls: Iterable[tuple[int, RecallFacts]]) -> Mapping[int, Sequence[RecallFacts]]:
    found: dict[int, list[RecallFacts]] = defaultdict(list)
    for item_id, recall in recalls:
        found[item_id].append(recall)
    return found


def _key(line: RequisitionLine) -> Priced:
    return line.item_id, line.offer.supplier_id, line.uom, line.quantity


def _may_stay(line: RequisitionLine) -> bool:
    return line.item.lifecycle is Lifecycle.ACTIVE and line.offer.active


def _account_ids(lines: Sequence[RequisitionLine]) -> set[int]:
    shared = {share.gl_account_id for line in lines for share in line.payers}
    return {one for one in {account_id_of(line) for line in lines} | shared if one is not None}


def _line(requisition: Requisition, line: RequisitionLine, known: Known) -> LineFacts:
    price = known.prices.get(_key(line))
    offer, item, item_id = line.offer, line.item, line.item_id
    unit_price = price.unit_price if price else offer.list_price
    here = (line.ship_to.id, item_id)
    shelf = known.shelves.get(here, Shelf(item_id))
    return LineFacts(
        number=line.line_number,
        item=item.name,
        quantity=line.quantity,
        uom=line.uom,
        pack=pack(line.uom, offer.factor, item.base_uom),
        lifecycle=item.lifecycle,
        offer_active=offer.active,
        supplier=offer.supplier.name,
        supplier_blocked=offer.supplier.blocked,
        currency=requisition.currency,
        unit_price=unit_price,
        price_shown=line.unit_price,
        contract_line_id=price.contract_line_id if price else None,
        contract=price.contract if price else None,
        contract_tier=price.tier if price else Decimal(),
        contract_ends=price.ends if price else None,
        gl_account=known.accounts.get(account_id_of(line) or 0),
        category=item.category,
        base_uom=item.base_uom,
        factor=offer.factor,
        offered_uom=offer.uom,
        packed=known.packed.get((item_id, line.uom)),
        center=_center(known.actor, line.ship_to, center_of(requisition, line)),
        split_by=line.split_by,
        shares=_shares(requisition, line, known, extended(line.quantity, unit_price)),
        place=_place(line.ship_to, known) if line.location_id else None,
        need_by=line.need_by,
        replacements=tuple(known.instead.replacements.get(item_id, ())) if not _may_stay(line) else (),
        recalls=tuple(known.recalls.get(item_id, ())),
        needs=tuple(known.needs.get(item_id, ())),
        equivalents=tuple(known.instead.equivalents.get(item_id, ())),
        last_order=known.last.get(line.offer_id),
        on_order=shelf.on_order,
        expected_on=shelf.expected_on,
        requested=tuple(known.asked.get(here, ())),
    )


def _shares(
    requisition: Requisition, line: RequisitionLine, known: Known, amount: Decimal
) -> tuple[ShareFacts, ...]:
    found = []
    for share, part in zip(line.payers, line.paid(amount), strict=True):
        account = known.accounts.get(share.gl_account_id or account_id_of(line) or 0)
        center = _center(known.actor, line.ship_to, share.cost_center)
        found.append(ShareFacts(center, account, share.weight, part))
    return tuple(found)


def _center(actor: Actor, location: Location, center: CostCenter | None) -> CenterFacts | None:
    if center is None or not center.active:
        return None
    return CenterFacts(
        name=f"{center.code} {center.name}",
        valid_from=center.valid_from,
        valid_to=center.valid_to,
        is_allowed=charging.may_charge(actor, center, location.facility_id),
    )


def _place(location: Location, known: Known) -> PlaceFacts:
    facility = location.facility
    return PlaceFacts(
        name=location.name,
        facility=facility.name,
        active=location.active and facility.active,
        closings=tuple(known.closings.get(location.id, ())),
        zone=facility.time_zone,
        facility_id=facility.id,
    )


def _rules_there(requisition: Requisition) -> Mapping[int, Rulebook]:
    """The rules of other facilities that lines go to, each on its own day."""
    others = {line.location.facility for line in requisition.lines if line.location}
    days = {
        one.id: clock.today(one.time_zone) for one in others if one.id != requisition.location.facility_id
    }
    return rulebooks_on(days) if days else {}


def _suppliers(requisition: Requisition, lines: Sequence[LineFacts], known: Known) -> list[SupplierFacts]:
    """What each is asked for by order: lines for another place become another one."""
    asked: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    first: dict[tuple[int, int], RequisitionLine] = {}
    for line, fact in zip(requisition.lines, lines, strict=True):
        order = (line.offer.supplier_id, line.location_id or 0)
        asked[order] += fact.amount
        first.setdefault(order, line)
    return [
        SupplierFacts(
            name=_told(line),
            least=line.offer.supplier.minimum_order,
            asked=asked[order],
            currency=requisition.currency,
            place=_place(line.location, known) if line.location else None,
        )
        for order, line in first.items()
        if line.offer.supplier.minimum_order > 0
    ]


def _told(line: RequisitionLine) -> str:
    place = f" for {line.location.name}" if line.location else ""
    return f"{line.offer.supplier.name}{place}"


def _budgets(
    requisition: Requisition,
    lines: Sequence[LineFacts],
    budget_of: Mapping[Payer, Budget],
    held: Mapping[int, Balance],
) -> list[BudgetFacts]:
    """What the lines draw on, each budget once; cost centers without a budget are told."""
    known = {budget.id: budget for budget in budget_of.values()}
    drawing: dict[tuple[int, int], dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for number, center_id, category, part in _paying(requisition, {one.number: one.amount for one in lines}):
        budget = budget_of.get((center_id, category))
        drawing[center_id, budget.id if budget else 0][number] += part
    centers = _centers(requisition)
    return [
        _budget(centers[center_id], known.get(budget_id), held.get(budget_id), drawn, requisition.currency)
        for (center_id, budget_id), drawn in drawing.items()
    ]


def _centers(requisition: Requisition) -> dict[int, CostCenter]:
    usual = [center_of(requisition, line) for line in requisition.lines]
    shared = [share.cost_center for line in requisition.lines for share in line.payers]
    return {center.id: center for center in [*usual, *shared] if center is not None}


def _budget(
    center: CostCenter,
    budget: Budget | None,
    balance: Balance | None,
    drawn: Mapping[int, Decimal],
    currency: str,
) -> BudgetFacts:
    return BudgetFacts(
        cost_center=f"{center.code} {center.name}",
        control=budget.control if budget else Control.NONE,
        balance=balance,
        asked=sum(drawn.values(), Decimal()),
        budget_id=budget.id if budget else None,
        currency=budget.currency if budget else currency,
        category=budget.category if budget else "",
        center_id=center.id,
        lines=drawn,
    )
