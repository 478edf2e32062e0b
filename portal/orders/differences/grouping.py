"""The same price difference over many lines: one decision, which may also correct the contract."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import select

from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import day
from portal.foundation.money import extended
from portal.masterdata.models import Contract, ContractLine
from portal.masterdata.queries import effective_on
from portal.orders.differences import queries
from portal.orders.differences.queries import Difference
from portal.orders.differences.services import accept, dispute


@dataclass(frozen=True)
class PriceGroup:
    """Lines of one supplier and item that are ordered at one price and confirmed at another."""

    supplier_id: int
    item_id: int
    uom: str
    ordered: Decimal
    confirmed: Decimal
    cases: tuple[Difference, ...]

    @property
    def key(self) -> str:
        """What stands for the group in a form: it names both prices, so that nobody decides another one."""
        prices = f"{self.ordered.normalize():f}-{self.confirmed.normalize():f}"
        return f"{self.supplier_id}-{self.item_id}-{self.uom}-{prices}"

    @property
    def difference(self) -> Decimal:
        """What all lines cost more (less when negative)."""
        return sum(
            (extended(one.line.quantities.wanted, self.confirmed - self.ordered) for one in self.cases),
            Decimal(),
        )


def price_groups(actor: Actor) -> list[PriceGroup]:
    """The open price differences of the places a person buys for, the most money first."""
    groups: dict[tuple[int, int, str, Decimal, Decimal], list[Difference]] = {}
    for case in queries.open_prices(actor):
        line, price = case.line, case.line.confirmed_price
        if price is not None:
            key = (case.order.supplier_id, line.item_id, line.uom, line.unit_price, price)
            groups.setdefault(key, []).append(case)
    found = [PriceGroup(*key, cases=tuple(cases)) for key, cases in groups.items()]
    return sorted(found, key=lambda one: -abs(one.difference))


def accept_group(actor: Actor, key: str, *, contract_from: date | None = None) -> list[str]:
    """Accepts the price of every line of a group; from a day on it is the contract's price as well.

    Returns what happened to each line. Raises Conflict when the group is gone, Invalid for a day outside
    the contract or when no contract prices the item.
    """
    group = _group(actor, key)
    if contract_from is not None:
        _correct_contract(actor, group, contract_from)
    return [accept(actor, one.item.id, reason="Decided for all lines at this price.") for one in group.cases]


def dispute_group(actor: Actor, key: str, words: str) -> list[str]:
    """Disputes the price of every line of a group in the same words; raises as `dispute`."""
    return [dispute(actor, one.item.id, words) for one in _group(actor, key).cases]


def _group(actor: Actor, key: str) -> PriceGroup:
    group = next((one for one in price_groups(actor) if one.key == key), None)
    if group is None:
        raise Conflict("These lines changed meanwhile. Look at the list again.")
    return group


def contract_line_of(group: PriceGroup, on: date) -> ContractLine | None:
    """The contract line that prices the item from this supplier on a day, the lowest tier first."""
    return db.session.scalar(
        select(ContractLine)
        .join(ContractLine.contract)
        .where(
            ContractLine.item_id == group.item_id,
            ContractLine.uom == group.uom,
            ContractLine.unit_price == group.ordered,
            Contract.supplier_id == group.supplier_id,
            effective_on(on),
        )
        .order_by(ContractLine.minimum_quantity, ContractLine.id)
        .limit(1)
        .with_for_update(of=ContractLine)
    )


def _correct_contract(actor: Actor, group: PriceGroup, on: date) -> None:
    """The old price ends the day before; prices of the past stay as they were."""
    actor.require(Permission.BUY)
    line = contract_line_of(group, on)
    if line is None:
        raise Invalid(
            f"No contract has the ordered price on {day(on)}. Choose another day, or accept the price only.",
            field="contract_from",
        )
    before = {"unit_price": line.unit_price, "valid_from": line.valid_from, "valid_to": line.valid_to}
    if line.valid_from >= on:
        line.unit_price = group.confirmed
        changed: Sequence[ContractLine] = [line]
    else:
        following = ContractLine(
            contract_id=line.contract_id, item_id=line.item_id, supplier_part=line.supplier_part,
            uom=line.uom, minimum_quantity=line.minimum_quantity, unit_price=group.confirmed,
            consignment=line.consignment, valid_from=on, valid_to=line.valid_to,
        )  # fmt: skip
        line.valid_to = on - timedelta(days=1)
        db.session.add(following)
        changed = [line, following]
    db.session.flush()
    for one in changed:
        audit.record(
            actor, "contract_line.correct", one, before=before,
            after={"unit_price": one.unit_price, "valid_from": one.valid_from, "valid_to": one.valid_to},
            evidence={"orders": [case.order.number for case in group.cases]},
        )  # fmt: skip
