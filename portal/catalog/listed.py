"""The offers that a page lists, each with its price of the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from sqlalchemy import ARRAY, BigInteger, Date, any_, bindparam, func, select, true

from integrations.canonical import Lifecycle
from portal.catalog.models import Offer
from portal.catalog.queries import PricedOffer
from portal.foundation.together import Columns, Read
from portal.masterdata.models import Contract, ContractLine, Item, Supplier
from portal.masterdata.queries import effective_on


@dataclass(frozen=True)
class Listed:
    """An offer with its item, supplier and contract, as plain values; `ends` is the last day of the price.

    Without a contract on the day `contract_price` and `ends` are None.
    """

    id: int
    item_id: int
    name: str
    code: str
    manufacturer: str
    manufacturer_part: str
    base_uom: str
    lifecycle: Lifecycle
    supplier: str
    is_supplier_blocked: bool
    supplier_part: str
    uom: str
    factor: Decimal
    active: bool
    list_price: Decimal
    contract_price: Decimal | None
    contract: str | None
    ends: date | None

    @classmethod
    def of(cls, priced: PricedOffer) -> "Listed":
        """The values of an offer with its contract line, loaded with item and supplier."""
        offer, line = priced.offer, priced.contract_line
        item, supplier = offer.item, offer.supplier
        return cls(
            offer.id, item.id, item.name, item.code, item.manufacturer, item.manufacturer_part, item.base_uom,
            item.lifecycle, supplier.name, supplier.blocked, offer.supplier_part, offer.uom, offer.factor,
            offer.active, offer.list_price, line.unit_price if line else None,
            line.contract.number if line else None,
            min(line.valid_to, line.contract.valid_to) if line else None,
        )  # fmt: skip

    @property
    def price(self) -> Decimal:
        """The contract price, else the list price, per order unit."""
        return self.list_price if self.contract_price is None else self.contract_price

    @property
    def refusal(self) -> str:
        """Why the offer cannot be requested; empty when it can."""
        if self.lifecycle is not Lifecycle.ACTIVE:
            return f"{self.lifecycle.value.capitalize()}: choose a substitute."
        if not self.active:
            return "No longer offered."
        return f"{self.supplier} is blocked for new orders." if self.is_supplier_blocked else ""


def listed(offer_ids: Sequence[int], day: date) -> Read[list[Listed]]:
    """The offers with these ids in this order, priced on the day."""
    place = {offer_id: position for position, offer_id in enumerate(offer_ids)}
    values = {"listed_ids": list(offer_ids), "listed_on": day}
    return Read(
        _listed(), values, lambda rows: sorted((Listed(*row) for row in rows), key=lambda one: place[one.id])
    )


@cache
def _listed() -> Columns:
    line = (
        select(
            ContractLine.unit_price,
            Contract.number,
            func.least(ContractLine.valid_to, Contract.valid_to, type_=Date).label("ends"),
        )
        .join(ContractLine.contract)
        .where(
            ContractLine.item_id == Offer.item_id,
            ContractLine.uom == Offer.uom,
            ContractLine.minimum_quantity <= 1,
            Contract.supplier_id == Offer.supplier_id,
            effective_on(bindparam("listed_on", type_=Date)),
        )
        .order_by(ContractLine.minimum_quantity.desc(), ContractLine.unit_price, ContractLine.id)
        .limit(1)
        .lateral("line")
    )
    return (
        select(
            Offer.id, Item.id, Item.name, Item.code, Item.manufacturer, Item.manufacturer_part, Item.base_uom,
            Item.lifecycle, Supplier.name, Supplier.blocked, Offer.supplier_part, Offer.uom, Offer.factor,
            Offer.active, Offer.list_price, line.c.unit_price, line.c.number, line.c.ends,
        )
        .join(Item, Item.id == Offer.item_id)
        .join(Supplier, Supplier.id == Offer.supplier_id)
        .outerjoin(line, true())
        .where(Offer.id == any_(bindparam("listed_ids", type_=ARRAY(BigInteger))))
    )  # fmt: skip
