"""Uses that a clinical system reports, from the feed's frame to the shelf, against inserting their rows."""

import uuid
from collections.abc import Callable
from decimal import Decimal
from itertools import count

from psycopg.types.json import Jsonb
from sqlalchemy import select

from integrations.clinical import UsageStatus
from portal.clinical.feeds import services as feeds
from portal.clinical.models import ChargeLine, Feed, Usage
from portal.exchange import inbox, wake
from portal.exchange.models import Message, Partner
from portal.exchange.rules import Direction, MessageState
from portal.foundation import clock
from portal.foundation.db import transaction
from portal.identity.rules import Role
from portal.inventory.models import StockMovement
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.models import Item, Location
from tests.bench.bare_rows import BareRows
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave
from tests.bench.moving import TAKE

ITEMS = 50
EACH = 10  # uses a patient, who is new with the first
PLENTY = Decimal(1_000_000)
CODES = ("GLOVE-M", "CATH-14")


class Room:
    """A place whose uses a feed reports."""

    def __init__(self, ground: Ground, location_id: int) -> None:
        self.ground, self.location_id = ground, location_id
        self._numbers = count()
        with ground.acting(), transaction() as session:
            found = session.execute(select(Item.id, Item.code).order_by(Item.id).limit(ITEMS))
            self.items = [(row[0], row[1]) for row in found]
            self.code = session.scalars(select(Location.code).where(Location.id == location_id)).one()
            moves = [
                Move(uuid.uuid4().hex, MovementKind.OPENING, location_id, item_id, PLENTY)
                for item_id, _ in self.items
            ]
            move(ground.actors[Role.RECEIVER], moves)

    def message(self) -> bytes:
        """A DFT^P03 with one supply, as a surgery system sends it."""
        number = next(self._numbers)
        patient = number // EACH
        code = self.items[number % len(self.items)][1]
        place = f"|||||||{self.code}"
        return "\r".join((
            f"MSH|^~\\&|OR|{self.ground.slug}|PORTAL|X|20260301101500-0600||DFT^P03|{uuid.uuid4().hex[:20]}|P|2.5",
            f"PID|1||P{patient}^^^LAKE^MR||Test patient^A||19700131|F",
            f"PV1|1|I|{self.code}{'|' * 16}V{patient}",
            f"FT1|1|{uuid.uuid4().hex}||20260301100000|20260301|CG|{code}^An item|||1{place}||||D77",
            "",
        )).encode()  # fmt: skip


def measure(ground: Ground, plan: Plan) -> Figure:
    """Uses a second by one process: stored, acknowledged, read, applied; each side has a place of its own."""
    ours, theirs = (Room(ground, ground.clinic_ids[at]) for at in (2, 3))
    partner_id = _feed(ground)
    with ground.bare_connection() as connection:
        rows = BareRows(connection)
        measured = interleave(
            {
                "portal": Side(lambda: _taken(ground, ours, plan.operations), ground.cpu),
                "bare": Side(lambda: _inserted(theirs, rows, partner_id, plan.operations), ground.cpu),
            },
            plan,
        )
    title = "Take up a reported use, from the HL7 frame to the shelf"
    return figure(title, "inserting its rows", measured["portal"], measured["bare"], unit="per s")


def _feed(ground: Ground) -> int:
    with ground.acting(), transaction() as session:
        partner = Partner(code="or", name="OR system", kind="ehr", adapter="hl7v2", base_url="")
        session.add(partner)
        session.flush()
        feed = Feed(
            code="or", name="OR system", partner_id=partner.id, sending_application="OR",
            sending_facility=ground.slug, addresses=["127.0.0.0/8"],
            mapping={"location_code": "FT1-16.1"}, settings={"orders": "usage"},
        )  # fmt: skip
        session.add(feed)
        return partner.id


def _taken(ground: Ground, room: Room, many: int) -> Callable[[], object]:
    messages = [room.message() for _ in range(many)]

    def run() -> None:
        with ground.acting():
            for one in messages:
                feeds.take(one, "127.0.0.1")
        with ground.acting():
            wake.begun(ground.organization_id)
            while inbox.apply_due():
                pass

    return run


def _inserted(room: Room, rows: BareRows, partner_id: int, many: int) -> Callable[[], object]:
    """The least that leaves the same: a message stored, then use, movement, shelf, charge and trail."""
    messages = [room.message() for _ in range(many)]
    numbers = range(many)

    def run() -> None:
        kept = []
        for raw in messages:
            with rows.connection.transaction():
                message = {
                    "partner_id": partner_id, "direction": Direction.INBOUND.value, "kind": "hl7v2",
                    "key": uuid.uuid4().hex, "state": MessageState.WAITING.value, "raw": raw,
                }  # fmt: skip
                kept.append(rows.add(Message, message)[0])
        for number, message_id in zip(numbers, kept, strict=True):
            _insert(room, rows, number, message_id)

    return run


def _insert(room: Room, rows: BareRows, number: int, message_id: int) -> None:
    item_id = room.items[number % len(room.items)][0]
    with rows.connection.transaction():
        key = uuid.uuid4().hex
        use = {
            "key": key, "digest": key, "source": "OR", "message_id": message_id, "named": Jsonb({}),
            "outcome": UsageStatus.USED.value, "location_id": room.location_id, "item_id": item_id,
            "quantity": 1, "occurred_at": clock.now(), "cost": 1,
        }  # fmt: skip
        usage_id = rows.add(Usage, use)[0]
        movement = {
            "key": key, "kind": MovementKind.USAGE.value, "location_id": room.location_id,
            "item_id": item_id, "quantity": -1,
        }  # fmt: skip
        rows.add(StockMovement, movement)
        rows.connection.execute(TAKE, (room.location_id, item_id))
        rows.add(ChargeLine, {"usage_id": usage_id, "quantity": 1, "amount": 1})
        rows.note("usage.record", Usage, usage_id)
        done = "UPDATE message SET state = 'done', finished_at = now() WHERE id = %s"
        rows.connection.execute(done, (message_id,))
