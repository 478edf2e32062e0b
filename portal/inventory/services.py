"""Moves stock: one movement per key, however often it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert

from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.inventory.models import Stock, StockMovement
from portal.inventory.rules import MovementKind


@dataclass(frozen=True)
class Move:
    """A change of on hand in base units; `key` names it for ever."""

    key: str
    kind: MovementKind
    location_id: int
    item_id: int
    quantity: Decimal
    lot: str = ""
    expires_on: date | None = None
    document: str = ""

    @property
    def place(self) -> tuple[int, int, str]:
        """The stock row it changes."""
        return (self.location_id, self.item_id, self.lot)


def move(actor: Actor, moves: Sequence[Move]) -> None:
    """Applies each move once, in a fixed order of rows so that two receipts never deadlock."""
    for one in sorted(moves, key=lambda each: each.place):
        written = db.session.scalar(
            insert(StockMovement)
            .values(
                key=one.key,
                kind=one.kind,
                location_id=one.location_id,
                item_id=one.item_id,
                lot=one.lot,
                quantity=one.quantity,
                document=one.document,
                account_id=actor.account_id,
            )
            .on_conflict_do_nothing(index_elements=["organization_id", "key"])
            .returning(StockMovement.id)
        )
        if written is not None:
            _add_to_stock(one)


def _add_to_stock(one: Move) -> None:
    statement = insert(Stock).values(
        location_id=one.location_id,
        item_id=one.item_id,
        lot=one.lot,
        expires_on=one.expires_on,
        on_hand=one.quantity,
    )
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["location_id", "item_id", "lot"],
            set_={
                "on_hand": Stock.on_hand + statement.excluded.on_hand,
                "expires_on": func.coalesce(statement.excluded.expires_on, Stock.expires_on),
            },
        )
    )
