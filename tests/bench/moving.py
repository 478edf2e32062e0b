"""Used items taken off the book, against writing the movement and the shelf by plain SQL."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from itertools import count

from sqlalchemy import select

from portal.foundation.db import transaction
from portal.identity.rules import Role
from portal.inventory.models import StockMovement
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.models import Item
from tests.bench.bare_rows import BareRows
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave

ITEMS = 50
BATCH = 1000
PLENTY = Decimal(1_000_000)
TAKE = """
UPDATE stock SET on_hand = on_hand - 1
WHERE location_id = %s AND item_id = %s AND lot = '' AND serial = '' AND owner = 'own'
AND condition = 'available'
"""
TAKE_ALL = """
UPDATE stock SET on_hand = on_hand - %s WHERE location_id = %s AND item_id = ANY(%s) AND lot = ''
"""


class Shelf:
    """Fifty items on the shelf of one clinic."""

    def __init__(self, ground: Ground, location_id: int) -> None:
        self.ground, self.location_id = ground, location_id
        self.actor = ground.actors[Role.RECEIVER]
        self._numbers = count()
        with ground.acting(), transaction() as session:
            self.item_ids = list(session.scalars(select(Item.id).order_by(Item.id).limit(ITEMS)))
            opening = [self._move(item_id, MovementKind.OPENING, PLENTY) for item_id in self.item_ids]
            move(self.actor, opening)

    def used(self, many: int) -> list[Move]:
        """So many uses of one piece, item after item."""
        numbers = [next(self._numbers) for _ in range(many)]
        items = [self.item_ids[number % len(self.item_ids)] for number in numbers]
        return [self._move(item_id, MovementKind.USAGE, Decimal(-1)) for item_id in items]

    def _move(self, item_id: int, kind: MovementKind, quantity: Decimal) -> Move:
        return Move(uuid.uuid4().hex, kind, self.location_id, item_id, quantity)

    def apply(self, many: int) -> Callable[[], object]:
        """The portal's way, one transaction."""
        moves = self.used(many)

        def run() -> None:
            with self.ground.acting(), transaction():
                move(self.actor, moves)

        return run

    def insert(self, rows: BareRows, many: int) -> Callable[[], object]:
        """The least that leaves the same rows, one transaction."""
        moves = self.used(many)
        values = [
            {
                "key": one.key, "kind": one.kind.value, "location_id": one.location_id,
                "item_id": one.item_id, "quantity": one.quantity,
            }
            for one in moves
        ]  # fmt: skip

        def run() -> None:
            with rows.connection.transaction():
                rows.add(StockMovement, *values)
                if many == 1:
                    rows.connection.execute(TAKE, (self.location_id, moves[0].item_id))
                else:
                    taken = many // len(self.item_ids)
                    rows.connection.execute(TAKE_ALL, (taken, self.location_id, self.item_ids))

        return run


def measure(ground: Ground, plan: Plan, *, many: int) -> Figure:
    """Uses a second, `many` in each transaction; each side has a clinic of its own."""
    ours, theirs = (Shelf(ground, ground.clinic_ids[at]) for at in (0, 1))
    with ground.bare_connection() as connection:
        rows = BareRows(connection)
        measured = interleave(
            {
                "portal": Side(lambda: ours.apply(many), ground.cpu),
                "bare": Side(lambda: theirs.insert(rows, many), ground.cpu),
            },
            plan,
        )
    title = "Take one used item off the book" if many == 1 else f"Take {many:,} uses of {ITEMS} items off"
    return figure(title, "inserting its rows", measured["portal"], measured["bare"], unit="per s")
