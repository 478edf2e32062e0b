"""Looking into a message that names patients; every look is written down."""

from portal.clinical.access.records import record_view
from portal.exchange import bodies
from portal.exchange.models import Message
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.operations import queries


def may_open(actor: Actor) -> bool:
    """Whether a person operates the exchange and may view patients."""
    return actor.can(Permission.OPERATE_EXCHANGE) and actor.can(Permission.VIEW_PATIENTS)


def open_sealed(actor: Actor, message_id: int) -> Message:
    """The message; the view is recorded, with the patient where one is known. Raises NotFound, NotAllowed."""
    actor.require(Permission.OPERATE_EXCHANGE)
    actor.require(Permission.VIEW_PATIENTS)
    message = queries.message(message_id)
    audit.record(actor, "message.open", message)
    if message.subject_type == "patient" and message.subject_id is not None:
        record_view(actor, message.subject_id, "operations.open_message")
    return message


def text_of(message: Message) -> str:
    """A sealed message as it came, its segments on lines of their own."""
    raw = bodies.opened(message.kind, message.raw or b"")
    return raw.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
