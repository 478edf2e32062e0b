"""Orders as SAP Business Network wants them, and its status codes as our errors."""

import re
from collections.abc import Mapping
from datetime import datetime

from integrations.canonical import PurchaseOrder
from integrations.errors import Misconfigured, PartnerError, Rejected, Retryable
from integrations.formats.cxml.envelope import Header, Status, profile_request, write_request
from integrations.formats.cxml.orders import Operation, write_order
from integrations.http import Connection

DEFAULT_DOMAIN = "NetworkID"
# 408 and 429 are of HTTP; 5xx of either level is "try again" by the class of the code.
TRY_AGAIN = frozenset({408, 425, 429})
LOGIN_REFUSED = frozenset({401, 402, 403, 407})
REPEATED = re.compile(
    r"already (been )?(received|processed|accepted)|duplicate (payload|document|message|request)",
    re.IGNORECASE,
)
MEANINGS = {
    400: "the network finds the document unacceptable",
    406: "the network finds the document malformed",
    409: "the network refuses the document in the order's present state",
    412: "the network misses something that should have come first",
    417: "the network finds a reference in the document wrong",
    450: "the network does not take this kind of document for this supplier",
    475: "the network wants the document signed",
    476: "the network cannot verify the signature",
    477: "the network does not accept the signature",
}


def order_request(
    order: PurchaseOrder, connection: Connection, *, message_id: str, sent_at: datetime
) -> bytes:
    """The OrderRequest document: new, or an update or delete of the message it replaces.

    Raises Rejected when the supplier has no network id, Misconfigured when a setting is missing.
    """
    if not order.supplier_network_id:
        raise Rejected(
            f"Supplier {order.supplier} has no network id; enter it in the master data, then send again"
        )
    header = request_header(connection, order.supplier_network_id, message_id=message_id, sent_at=sent_at)
    return write_request(header, write_order(order, operation=_operation(order)))


def _operation(order: PurchaseOrder) -> Operation:
    if not order.replaces:
        return "new"
    return "delete" if order.is_cancelled else "update"


def check_request(connection: Connection, *, message_id: str, sent_at: datetime) -> bytes:
    """A ProfileRequest to the network itself."""
    identity = connection.settings.get("network_identity") or _needed(connection.settings, "sender_identity")
    return write_request(
        request_header(connection, identity, message_id=message_id, sent_at=sent_at), profile_request()
    )


def request_header(connection: Connection, to_identity: str, *, message_id: str, sent_at: datetime) -> Header:
    """The envelope of a request with the connection's credentials."""
    settings = connection.settings
    if not connection.secret:
        raise Misconfigured("The shared secret of the network is not set")
    return Header(
        message_id=message_id,
        sent_at=sent_at,
        from_=(settings.get("from_domain") or DEFAULT_DOMAIN, _needed(settings, "from_identity")),
        to=(settings.get("to_domain") or DEFAULT_DOMAIN, to_identity),
        sender=(settings.get("sender_domain") or DEFAULT_DOMAIN, _needed(settings, "sender_identity")),
        secret=connection.secret,
        deployment_mode=settings.get("deployment_mode") or "production",
    )


def is_repeat(status: Status) -> bool:
    """A conflict that only says the network has this payloadID already: what we wanted."""
    return status.code == 409 and REPEATED.search(status.text) is not None


def refusal(code: int, words: str, *, retry_after: float | None = None) -> PartnerError:
    """What a status code of cXML or HTTP from 300 on means for the sender.

    cXML User's Guide, Status codes: unknown codes count by their class, 4xx for good, 5xx for now.
    """
    shown = str(code)
    if code in TRY_AGAIN or code >= 500:
        return Retryable(
            f"The network is not ready ({code})", words=words, code=shown, retry_after=retry_after
        )
    if code in LOGIN_REFUSED:
        return Misconfigured(f"The network refuses the login ({code})", words=words, code=shown)
    meaning = MEANINGS.get(code, "the network refuses the document")
    return Rejected(f"{meaning[:1].upper()}{meaning[1:]} ({code})", words=words, code=shown)


def wrong_address(code: int, words: str) -> PartnerError | None:
    """HTTP codes that say the address is not that of a cXML service."""
    if code < 400 or code in {404, 405, 410, 501}:
        return Misconfigured(
            f"The network's address does not take cXML documents ({code})", words=words, code=str(code)
        )
    return None


def _needed(settings: Mapping[str, str], key: str) -> str:
    value = settings.get(key, "").strip()
    if not value:
        raise Misconfigured(f"The setting {key} of the network connection is empty")
    return value
