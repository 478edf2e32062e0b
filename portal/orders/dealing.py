"""At which offer and price an approved line is ordered: as requested, or as a buyer chose."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.catalog.models import Offer
from portal.foundation.db import db
from portal.foundation.money import extended
from portal.masterdata.queries import prices_on
from portal.orders.models import SourcingChoice
from portal.orders.packs import whole_packs
from portal.orders.proposals.queries import ordered_for
from portal.orders.proposals.weighing import Cost, beyond_approval, refuse_beyond_approval
from portal.requisitions import services as requisitions
from portal.requisitions.models import RequisitionLine


@dataclass(frozen=True)
class Deal:
    """What a line is ordered at; `contract` is empty for a list price."""

    offer: Offer
    unit_price: Decimal
    contract: str
    is_chosen: bool = False
    is_consignment: bool = False


def agreed(lines: Sequence[RequisitionLine], chosen: Mapping[int, Offer] | None = None) -> dict[int, Deal]:
    """The deal of each line, by its id, in a constant number of queries; a chosen offer at today's price.

    `chosen`: offers by line, instead of those that buyers chose.
    """
    chosen = _chosen({line.id for line in lines}) if chosen is None else chosen
    deals = {line.id: _as_requested(line) for line in lines if line.id not in chosen}
    wanted = {
        line.id: (line.item_id, offer.supplier_id, offer.uom, packs_of(line, offer))
        for line in lines
        if (offer := chosen.get(line.id)) is not None
    }
    days = {requisitions.today_at(line.ship_to) for line in lines if line.id in chosen}
    prices = prices_on(min(days), wanted.values()) if days else {}
    for line_id, key in wanted.items():
        price = prices.get(key)
        offer = chosen[line_id]
        unit_price = price.unit_price if price else offer.list_price
        deals[line_id] = Deal(
            offer, unit_price, price.contract.number if price else "",
            is_chosen=True, is_consignment=price is not None and price.consignment,
        )  # fmt: skip
    return deals


def _as_requested(line: RequisitionLine) -> Deal:
    if line.contract_line is None:
        return Deal(line.offer, line.unit_price, "")
    number = line.contract_line.contract.number
    return Deal(line.offer, line.unit_price, number, is_consignment=line.contract_line.consignment)


def _chosen(line_ids: Collection[int]) -> dict[int, Offer]:
    rows = db.session.execute(
        select(SourcingChoice.requisition_line_id, Offer)
        .join(Offer, Offer.id == SourcingChoice.offer_id)
        .where(SourcingChoice.requisition_line_id.in_(line_ids))
        .options(joinedload(Offer.supplier))
    )
    return {row[0]: row[1] for row in rows}


def packs_of(line: RequisitionLine, offer: Offer) -> Decimal:
    """What is open of a line in the packs of an offer, whole ones where that is another pack."""
    return whole_packs(requisitions.open_quantity(line), line.offer.factor, offer.factor)


def check(line: RequisitionLine, deal: Deal) -> None:
    """Raises BeyondApproval for an offer that costs more than was approved, beyond tolerance."""
    cost = extended(packs_of(line, deal.offer), deal.unit_price)
    refuse_beyond_approval(_costs(line, [cost]), line.ship_to)


def too_dear(line: RequisitionLine, amounts: Sequence[Decimal]) -> set[int]:
    """Which of these amounts for what is open of a line, by their place, an approver is asked about."""
    costs = _costs(line, amounts)
    beyond = {one.total for one in beyond_approval(costs, line.ship_to)}
    return {index for index, one in enumerate(costs) if one.total in beyond}


def _costs(line: RequisitionLine, amounts: Sequence[Decimal]) -> list[Cost]:
    done = ordered_for([line.id]).get(line.id, Decimal())
    approved = done + extended(requisitions.open_quantity(line), line.unit_price)
    return [Cost(line, line.item, approved, done + amount) for amount in amounts]
