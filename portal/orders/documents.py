"""Documents and messages of an order in one list, with links for those who may open them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from integrations.canonical import ConfirmationType
from portal.exchange.models import Message
from portal.exchange.rules import Direction
from portal.foundation.access import Actor, Permission
from portal.orders.models import PurchaseOrder
from portal.orders.steps import Known

ANSWERED = {
    ConfirmationType.ACCEPT: "accepts all",
    ConfirmationType.REJECT: "rejects all",
    ConfirmationType.BACKORDERED: "all on backorder",
}


@dataclass(frozen=True)
class Document:
    """One document; `endpoint` or the `part` of the page it is told in, if the person may open it."""

    kind: str
    number: str
    at: datetime
    note: str = ""
    endpoint: str = ""
    arguments: tuple[tuple[str, int], ...] = ()
    part: str = ""

    @property
    def values(self) -> dict[str, int]:
        """The arguments of the address."""
        return dict(self.arguments)


def documents(actor: Actor, known: Known) -> list[Document]:
    """What belongs to the order, the newest first: supplier, receipts, invoices, paper, messages."""
    all_of_them = [*_of_supplier(known), *_linked(actor, known), *_paper(known.order)]
    if actor.can(Permission.OPERATE_EXCHANGE):
        all_of_them += [_message(one) for one in known.messages]
    return sorted(all_of_them, key=lambda one: one.at, reverse=True)


def _of_supplier(known: Known) -> Iterator[Document]:
    for one in known.confirmations:
        said = ANSWERED.get(one.type, "line by line")
        yield Document("Confirmation", one.number, one.noticed_at, said, part="answers")
    notices = {row.notice.id: row.notice for row in known.shipments}
    for notice in notices.values():
        yield Document("Ship notice", notice.number, notice.noticed_at, notice.carrier, part="shipments")


def _linked(actor: Actor, known: Known) -> Iterator[Document]:
    facility_id = known.order.location.facility_id
    for one in known.linked:
        is_open = actor.can(one.permission, facility_id=facility_id)
        yield Document(
            one.kind,
            one.number,
            one.at,
            one.note,
            endpoint=one.endpoint if is_open else "",
            arguments=tuple(one.arguments.items()),
        )


def _paper(order: PurchaseOrder) -> Iterator[Document]:
    for note, endpoint in (("as PDF", "paper.pdf"), ("to print", "orders.print_order")):
        arguments = (("order_id", order.id),)
        yield Document("Order", order.number, order.ordered_at, note, endpoint, arguments)


def _message(message: Message) -> Document:
    way = "Message to" if message.direction is Direction.OUTBOUND else "Message from"
    return Document(
        way, message.partner.name, message.created_at, message.state.value.replace("_", " "),
        endpoint="operations.message", arguments=(("message_id", message.id),),
    )  # fmt: skip
