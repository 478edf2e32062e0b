"""Sorts the approved lines: what can go by itself, and why the rest waits for a buyer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from portal.foundation.money import extended
from portal.orders.dealing import Deal, agreed, packs_of
from portal.orders.proposals.models import OrderProposal
from portal.orders.proposals.queries import proposals_about
from portal.orders.workbench import queries
from portal.orders.workbench.queries import Candidate
from portal.orders.workbench.rules import Line, Supplier, Why, of_group, of_line
from portal.requisitions.models import RequisitionLine
from portal.requisitions.services import open_quantity


@dataclass(frozen=True)
class Waiting:
    """A line with its deal and why it cannot go by itself; `quantity` in packs of the deal's offer."""

    line: RequisitionLine
    deal: Deal
    asked: Decimal
    quantity: Decimal
    amount: Decimal
    why: list[Why]
    candidates: list[Candidate]
    cover: int | None
    proposal: OrderProposal | None

    @property
    def best_saving(self) -> Decimal:
        """What the cheapest contracted offer would save; 0 when this is the cheapest."""
        costs = [self.cost(one) for one in self.candidates if one.contract]
        return max(self.amount - min(costs), Decimal()) if costs else Decimal()

    def cost(self, candidate: Candidate) -> Decimal:
        """What the line costs from an offer, in whole packs of it."""
        return extended(packs_of(self.line, candidate.offer), candidate.unit_price)

    @property
    def saving(self) -> Decimal:
        """What the deal saves against what was approved; negative when it costs more."""
        return extended(self.asked, self.line.unit_price) - self.amount


@dataclass(frozen=True)
class Group:
    """What would become one order: lines of one supplier and place, and why none of it goes by itself."""

    lines: list[Waiting]
    why: list[Why]

    @property
    def ready(self) -> list[Waiting]:
        """What needs nobody."""
        return [] if self.why else [one for one in self.lines if not one.why]


def groups(lines: Sequence[RequisitionLine]) -> list[Group]:
    """What stops care first comes first: days of cover, then age; a constant number of questions a place."""
    deals = agreed(lines)
    supplier_ids = {deal.offer.supplier_id for deal in deals.values()}
    known, routed = queries.ordered_from(supplier_ids), queries.routed(supplier_ids)
    offered, cover = queries.candidates(lines), queries.days_of_cover(lines)
    asked = proposals_about({line.id for line in lines})
    together: dict[tuple[int, int], list[Waiting]] = defaultdict(list)
    for line in sorted(lines, key=lambda one: _urgency(one, cover)):
        deal = deals[line.id]
        one = _waiting(line, deal, offered[line.id], cover.get(line.id), asked.get(line.id))
        together[deal.offer.supplier_id, line.ship_to.id].append(one)
    found = []
    for (supplier_id, _), members in together.items():
        supplier = members[0].deal.offer.supplier
        facts = Supplier(
            supplier.minimum_order, supplier.blocked, supplier_id not in known, supplier_id in routed
        )
        going = sum((one.amount for one in members if not one.why), Decimal())
        found.append(Group(members, of_group(facts, going)))
    return found


def _urgency(line: RequisitionLine, cover: dict[int, int]) -> tuple[bool, int, float, int]:
    days = cover.get(line.id)
    asked = line.requisition.submitted_at
    return days is None, days or 0, asked.timestamp() if asked else 0.0, line.id


def _waiting(
    line: RequisitionLine,
    deal: Deal,
    offered: list[Candidate],
    cover: int | None,
    asked: OrderProposal | None,
) -> Waiting:
    quantity = packs_of(line, deal.offer)
    amount = extended(quantity, deal.unit_price)
    others = {
        one.offer.supplier_id
        for one in offered
        if one.contract
        and one.offer.supplier_id != deal.offer.supplier_id
        and one.base_price <= deal.unit_price / deal.offer.factor
    }
    facts = Line(amount, bool(deal.contract), len(others), deal.is_chosen, asked is not None)
    return Waiting(line, deal, open_quantity(line), quantity, amount, of_line(facts), offered, cover, asked)
