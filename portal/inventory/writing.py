"""The two statements that move stock; JSON carries the rows, so that their text never changes."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.inventory.rules import Condition, MovementKind, Owner

COLUMNS = """
    key text, kind text, location_id bigint, item_id bigint, lot text, serial text, expires_on date,
    owner text, condition text, quantity numeric, reason text, document text
"""
# Keys are inserted in one order: two who repeat each other's movements wait, they never deadlock.
INSERT_MOVEMENTS = text(f"""
INSERT INTO stock_movement (key, kind, location_id, item_id, lot, serial, expires_on, owner, condition,
                            quantity, reason, document, at, account_id)
SELECT key, kind, location_id, item_id, lot, serial, expires_on, owner, condition,
       quantity, reason, document, :at, :account_id
FROM json_to_recordset(CAST(:moves AS json)) AS move ({COLUMNS})
ORDER BY key
ON CONFLICT (organization_id, key) DO NOTHING
RETURNING key
""")  # noqa: S608  # no value of anybody's stands in the text
PLACE = "location_id, item_id, lot, serial, owner, condition"
# Without a lot a shelf may hold several expiry days; the first one counts for all of it.
ADD_TO_STOCK = text(f"""
INSERT INTO stock AS held ({PLACE}, expires_on, on_hand)
SELECT {PLACE}, expires_on, quantity
FROM json_to_recordset(CAST(:moves AS json)) AS move ({COLUMNS})
ORDER BY {PLACE}
ON CONFLICT ({PLACE}) DO UPDATE SET
    on_hand = held.on_hand + excluded.on_hand,
    expires_on = CASE
        WHEN held.lot = '' AND held.on_hand > 0 THEN least(held.expires_on, excluded.expires_on)
        ELSE coalesce(excluded.expires_on, held.expires_on)
    END
RETURNING {PLACE}, on_hand
""")  # noqa: S608
Place = tuple[int, int, str, str, str, str]


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
    serial: str = ""
    owner: Owner = Owner.OWN
    condition: Condition = Condition.AVAILABLE
    reason: str = ""

    @property
    def place(self) -> Place:
        """The stock row it changes."""
        return (self.location_id, self.item_id, self.lot, self.serial, self.owner, self.condition)


@dataclass(frozen=True)
class Changed:
    """A stock row after it was changed by a difference."""

    place: Place
    on_hand: Decimal
    difference: Decimal

    @property
    def location_id(self) -> int:
        """Where."""
        return self.place[0]

    @property
    def item_id(self) -> int:
        """Of what."""
        return self.place[1]

    @property
    def before(self) -> Decimal:
        """What was on hand before."""
        return self.on_hand - self.difference


def insert_movements(actor: Actor, moves: Sequence[Move]) -> set[str]:
    """Writes the movements whose keys are new; returns those keys."""
    values = {"moves": _json(moves), "at": clock.now(), "account_id": actor.account_id}
    return set(db.session.scalars(INSERT_MOVEMENTS, values))


def add_to_stock(moves: Sequence[Move]) -> list[Changed]:
    """Adds the sum of the moves of each place to what is on hand there."""
    differences: dict[Place, Decimal] = defaultdict(Decimal)
    expiry: dict[Place, date] = {}
    shown: dict[Place, Move] = {}
    for one in moves:
        place = one.place
        differences[place] += one.quantity
        shown[place] = one
        if one.expires_on is not None:
            expiry[place] = min(one.expires_on, expiry.get(place, one.expires_on))
    sums = [
        {**_row(one), "quantity": str(differences[place]), "expires_on": _day(expiry.get(place))}
        for place, one in shown.items()
    ]
    rows = db.session.execute(ADD_TO_STOCK, {"moves": json.dumps(sums)})
    changed = (((row[0], row[1], row[2], row[3], row[4], row[5]), row[6]) for row in rows)
    return [Changed(place, on_hand, differences[place]) for place, on_hand in changed]


def _json(moves: Sequence[Move]) -> str:
    return json.dumps([_row(one) for one in moves])


def _row(one: Move) -> dict[str, Any]:
    return {
        "key": one.key, "kind": one.kind, "location_id": one.location_id, "item_id": one.item_id,
        "lot": one.lot, "serial": one.serial, "expires_on": _day(one.expires_on), "owner": one.owner,
        "condition": one.condition, "quantity": str(one.quantity), "reason": one.reason,
        "document": one.document,
    }  # fmt: skip


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None
