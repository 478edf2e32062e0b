"""What the workbench weighs: suppliers known, offers side by side, how long places last."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal.catalog.models import Offer
from portal.exchange.models import Route
from portal.foundation.db import db
from portal.masterdata.models import Supplier
from portal.masterdata.queries import prices_on
from portal.orders.dealing import packs_of
from portal.orders.differences import covering
from portal.orders.models import PurchaseOrder
from portal.orders.outbound import KIND
from portal.requisitions import services as requisitions
from portal.requisitions.models import RequisitionLine


def ordered_from(supplier_ids: Collection[int]) -> set[int]:
    """Those of the suppliers that got an order before."""
    statement = select(Supplier.id).where(
        Supplier.id.in_(supplier_ids),
        select(PurchaseOrder.id).where(PurchaseOrder.supplier_id == Supplier.id).exists(),
    )
    return set(db.session.scalars(statement))


def routed(supplier_ids: Collection[int]) -> set[int]:
    """Those of the suppliers whose orders reach somebody."""
    rows = set(db.session.scalars(select(Route.supplier_id).where(Route.document == KIND).distinct()))
    return set(supplier_ids) if None in rows else {one for one in supplier_ids if one in rows}


def days_of_cover(lines: Sequence[RequisitionLine]) -> dict[int, int]:
    """Days until the shelf of its place is empty, by line; one question a place."""
    items: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        items[line.ship_to.id].add(line.item_id)
    left = {place_id: covering.days_left(place_id, item_ids) for place_id, item_ids in items.items()}
    return {
        line.id: left[line.ship_to.id][line.item_id]
        for line in lines
        if line.item_id in left[line.ship_to.id]
    }


@dataclass(frozen=True)
class Candidate:
    """An offer of the same item with its price today; `contract` is empty for a list price."""

    offer: Offer
    unit_price: Decimal
    contract: str

    @property
    def base_price(self) -> Decimal:
        """Per base unit, to compare packs."""
        return self.unit_price / self.offer.factor


def candidates(lines: Sequence[RequisitionLine]) -> dict[int, list[Candidate]]:
    """Every active offer of a supplier that is not blocked, by line, the cheapest first; two queries."""
    offers: dict[int, list[Offer]] = defaultdict(list)
    statement = (
        select(Offer)
        .join(Offer.supplier)
        .where(Offer.item_id.in_({line.item_id for line in lines}), Offer.active, Supplier.blocked.is_(False))
        .options(joinedload(Offer.supplier))
        .order_by(Offer.id)
    )
    for offer in db.session.scalars(statement) if lines else ():
        offers[offer.item_id].append(offer)
    wanted = {
        (line.id, offer.id): (line.item_id, offer.supplier_id, offer.uom, packs_of(line, offer))
        for line in lines
        for offer in offers[line.item_id]
    }
    days = {requisitions.today_at(line.ship_to) for line in lines}
    prices = prices_on(min(days), wanted.values()) if days else {}
    found: dict[int, list[Candidate]] = {}
    for line in lines:
        mine = []
        for offer in offers[line.item_id]:
            price = prices.get(wanted[line.id, offer.id])
            mine.append(
                Candidate(
                    offer,
                    price.unit_price if price else offer.list_price,
                    price.contract.number if price else "",
                )
            )
        found[line.id] = sorted(mine, key=lambda one: (one.base_price, one.offer.id))
    return found
