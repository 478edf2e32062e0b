"""What a contract says of an offer beside its price: since when, and from which quantity it costs less."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.catalog.presenters import CURRENT, ContractPrice, OfferRow
from portal.foundation.filters import day, unit_price
from portal.foundation.quantity import plain


@dataclass(frozen=True)
class Terms:
    """since Jul 25, 2026; from 10 BX $7.64, from 50 BX $7.41"""

    since: str
    tiers: str


def terms(offers: Sequence[OfferRow], prices: Sequence[ContractPrice]) -> dict[int, Terms]:
    """The terms of each offer (by id) that has a contract price today."""
    found = {}
    for offer in offers:
        valid = sorted(
            (
                one
                for one in prices
                if one.status is CURRENT and (one.supplier, one.uom) == (offer.supplier, offer.uom)
            ),
            key=lambda one: one.from_quantity,
        )
        if valid:
            steps = (
                f"from {plain(one.from_quantity)} {one.uom} {unit_price(one.price)}" for one in valid[1:]
            )
            found[offer.id] = Terms(f"since {day(valid[0].valid_from)}", ", ".join(steps))
    return found
