"""The suppliers behind the sandbox network: they take orders and queue their answers."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lxml import etree

from integrations.canonical import Confirmation, ShipNotice
from integrations.formats.cxml.confirmations import write_confirmation
from integrations.formats.cxml.envelope import Header, write_request
from integrations.formats.cxml.ship_notices import write_ship_notice
from integrations.sandbox.behavior import Effect, Plan, Script
from integrations.sandbox.network.answers import Load, Received, confirm, not_rejected, promised, ship
from integrations.sandbox.network.book import Answer, Book
from integrations.sandbox.network.settings import NetworkSettings
from integrations.sandbox.store import transaction

CONFIRM = "confirm"
SHIP = "ship"
DOMAIN = "NetworkID"
SHIP_EFFECTS = frozenset({Effect.SLOW, Effect.DUPLICATE, Effect.MALFORMED, Effect.DROP_BEFORE})
CONFIRM_EFFECTS = SHIP_EFFECTS | {
    Effect.OUT_OF_ORDER,
    Effect.REJECT,
    Effect.PARTIAL,
    Effect.BACKORDER,
    Effect.PRICE_CHANGE,
    Effect.DATE_CHANGE,
    Effect.SUBSTITUTE,
    Effect.REJECT_LINE,
}
QUANTITY = re.compile(rb'quantity="[^"]*"')


@dataclass(frozen=True)
class Taken:
    """What the network says to an order: a cXML status code and its words."""

    code: int
    text: str


class Suppliers:
    """Takes orders durably and writes what is to be answered; `Sender` delivers it."""

    def __init__(self, settings: NetworkSettings, script: Script) -> None:
        self._settings = settings
        self._script = script
        self._path = settings.data_dir / "network.sqlite3"

    def is_repeat(self, buyer: str, message_id: str) -> bool:
        """Whether the message was taken before; the repeat is counted."""
        with transaction(self._path) as connection:
            return Book(connection).count_repeat(buyer, message_id)

    def take(self, received: Received, operation: str, raw: bytes) -> Taken:
        """Stores an order and its automatic answers in one transaction."""
        at = datetime.now(UTC)
        answers = self._automatic(received, at) if operation != "delete" else []
        with transaction(self._path) as connection:
            book = Book(connection)
            if book.count_repeat(received.buyer, received.message_id):
                return Taken(200, "This message was received before")
            order = received.order
            known = book.version_of(received.buyer, order.number)
            if known == order.version and operation != "delete":
                return Taken(409, f"Order {order.number} version {known} exists under another payloadID")
            book.keep(received, operation, raw)
            if order.version < known:
                return Taken(200, f"Version {known} of order {order.number} is newer and stays")
            book.drop_waiting(received)
            book.add(received, answers)
        return Taken(201, f"Order {order.number} version {order.version} was taken")

    def answer(
        self, number: str, what: str, *, buyer: str = "", quantities: Mapping[int, Decimal] | None = None
    ) -> list[str]:
        """Queues a confirmation or a ship notice now and gives the payloadIDs; LookupError without order."""
        at = datetime.now(UTC)
        with transaction(self._path) as connection:
            received = Book(connection).find(number, buyer)
            if received is None:
                raise LookupError(f"order {number} is not known here")
            confirmed = Book(connection).documents_of(received, CONFIRM)
            shipped = Book(connection).documents_of(received, SHIP)
        if what == CONFIRM:
            answers = self._confirmation(received, at, number_of(received, "OC", len(confirmed)))[0]
        else:
            load = _open_load(received, confirmed, shipped, quantities)
            name = number_of(received, "SN", len(shipped))
            answers = self._ship_notice(received, at, ship(received, load, number=name, at=at))
        with transaction(self._path) as connection:
            Book(connection).add(received, answers)
        return [answer.message_id for answer in answers]

    def _automatic(self, received: Received, at: datetime) -> list[Answer]:
        if not self._settings.automatic:
            return []
        delay = timedelta(seconds=self._settings.delay_seconds)
        confirmations, confirmation, plan = self._confirmation(
            received, at + delay, number_of(received, "OC", 0)
        )
        if not confirmations:
            return []
        with transaction(self._path) as connection:
            sent = Book(connection).documents_of(received, SHIP, but_waiting=True)
        load = _without_sent(promised(confirmation), sent)
        later = at + 2 * delay
        notice = ship(received, load, number=number_of(received, "SN", 0), at=later)
        notices = self._ship_notice(received, later, notice)
        swapped = plan.find(Effect.OUT_OF_ORDER)
        if swapped is not None and swapped.request != CONFIRM:
            return notices + confirmations
        return confirmations + notices

    def _confirmation(
        self, received: Received, at: datetime, number: str
    ) -> tuple[list[Answer], Confirmation, Plan]:
        plan = self._plan(CONFIRM, received)
        confirmation = confirm(received, plan, number=number, at=at)
        if plan.find(Effect.DROP_BEFORE) is not None:
            return [], confirmation, plan
        first = self._answer(received, confirmation, at)
        answers = _scripted(first, plan)
        swapped = plan.find(Effect.OUT_OF_ORDER)
        if swapped is not None and swapped.request == CONFIRM:
            newer = confirmation.model_copy(
                update={"operation": "update", "noticed_at": at + timedelta(seconds=1)}
            )
            answers.insert(0, self._answer(received, newer, at, replaces=first.message_id))
        return answers, confirmation, plan

    def _ship_notice(self, received: Received, at: datetime, notice: ShipNotice) -> list[Answer]:
        plan = self._plan(SHIP, received)
        if plan.find(Effect.DROP_BEFORE) is not None or not notice.lines:
            return []
        return _scripted(self._answer(received, notice, at), plan)

    def _plan(self, request: str, received: Received) -> Plan:
        order = received.order
        return self._script.take(
            request,
            items=[line.item for line in order.lines],
            supplier=order.supplier,
            effects=CONFIRM_EFFECTS if request == CONFIRM else SHIP_EFFECTS,
        )

    def _answer(
        self, received: Received, document: Confirmation | ShipNotice, at: datetime, replaces: str = ""
    ) -> Answer:
        message_id = f"{uuid.uuid4()}@{self._settings.identity}"
        header = Header(
            message_id=message_id,
            sent_at=at,
            from_=(DOMAIN, received.order.supplier_network_id),
            to=(DOMAIN, received.buyer),
            sender=(DOMAIN, self._settings.identity),
            secret=self._settings.secret,
        )
        payload = _payload(document, replaces)
        return Answer(
            kind=CONFIRM if isinstance(document, Confirmation) else SHIP,
            number=document.number,
            message_id=message_id,
            body=write_request(header, payload, dtd="Fulfill.dtd"),
            document=document.model_dump_json(),
            due_at=at.timestamp(),
        )


def number_of(received: Received, prefix: str, earlier: int) -> str:
    """The supplier's number of an answer: by order, version and count."""
    order = received.order
    return f"{prefix}-{order.number}-{order.version}" + (f"-{earlier + 1}" if earlier else "")


def _payload(document: Confirmation | ShipNotice, replaces: str) -> etree._Element:
    if isinstance(document, Confirmation):
        return write_confirmation(document, replaces=replaces)
    return write_ship_notice(document, replaces=replaces)


def _scripted(answer: Answer, plan: Plan) -> list[Answer]:
    """The document as the scripted behavior sends it: late, broken, or several times."""
    if (slow := plan.find(Effect.SLOW)) is not None:
        answer = replace(answer, due_at=answer.due_at + float(slow.value))
    if plan.find(Effect.MALFORMED) is not None:
        return _broken(answer)
    if plan.find(Effect.DUPLICATE) is not None:
        again = str(uuid.uuid4())
        other = answer.body.replace(answer.message_id.encode(), again.encode())
        return [answer, answer, replace(answer, message_id=again, body=other)]
    return [answer]


def _broken(answer: Answer) -> list[Answer]:
    """A document cut in the middle, then a whole one with a quantity nobody can read."""
    cut = answer.body[: len(answer.body) // 2]
    odd = QUANTITY.sub(b'quantity="ten"', answer.body, count=1)
    return [replace(answer, body=cut, document=""), replace(answer, body=odd, document="")]


def _without_sent(load: Mapping[int, Load], notices: Sequence[str]) -> dict[int, Load]:
    """What remains of a load after earlier ship notices."""
    rest = dict(load)
    for document in notices:
        for packed in ShipNotice.model_validate_json(document).lines:
            if (line := rest.get(packed.line_number)) is not None:
                rest[packed.line_number] = replace(line, quantity=line.quantity - packed.quantity)
    return {number: line for number, line in rest.items() if line.quantity > 0}


def _open_load(
    received: Received,
    confirmed: Sequence[str],
    shipped: Sequence[str],
    wanted: Mapping[int, Decimal] | None,
) -> dict[int, Load]:
    """What is still to be sent of each line: ordered, not rejected, not shipped; or just what is wanted."""
    if wanted is not None:
        return {line: Load(quantity) for line, quantity in wanted.items()}
    rest = {line.line_number: Load(line.quantity) for line in received.order.lines}
    if confirmed:
        rest.update(not_rejected(Confirmation.model_validate_json(confirmed[-1])))
    return _without_sent(rest, shipped)
