"""Where partners post their documents."""

import hmac

from flask import Blueprint, Response, request
from structlog import get_logger
from werkzeug.exceptions import RequestEntityTooLarge

from integrations.errors import Unreadable
from integrations.network.contract import Envelope
from integrations.registry import INBOUND
from portal.exchange import queries, services
from portal.exchange.rules import Received
from portal.foundation import clock, metrics
from portal.foundation.access import public
from portal.foundation.trace import new_trace
from portal.settings import partner_secret

blueprint = Blueprint("exchange", __name__, url_prefix="/exchange")
FORMAT = "cxml"
LIMIT = "1200 per minute"  # per network address; a hub sends in bursts
LONGEST_ID = 255
XML_TYPES = frozenset({"", "text/xml", "application/xml"})
TOO_LARGE = "The document is larger than this portal accepts; send one with fewer lines."
NOT_XML = "Send the document itself as text/xml, without a form or attachments around it."
TOO_MANY = "Too many documents in a short time; send this one again in a minute."
STORED = {
    Received.NEW: (201, "Stored."),
    Received.REPEATED: (200, "This document was received before."),
    Received.DIFFERENT: (
        201,
        "Stored, but another document came under this payloadID before; a person will decide.",
    ),
}
# The partner reads the cXML status; HTTP repeats it where HTTP has the code.
HTTP_STATUSES = frozenset({200, 201, 401, 406, 413, 415, 429})
log = get_logger(__name__)


@blueprint.post("/cxml")
@public
def receive_cxml() -> Response:
    """Stores a cXML document durably, then answers; a job applies it."""
    if request.mimetype not in XML_TYPES and not request.mimetype.endswith("+xml"):
        return _answer(415, NOT_XML)
    try:
        raw = _body()
        envelope = INBOUND[FORMAT].open_envelope(raw)
    except RequestEntityTooLarge:
        return _answer(413, TOO_LARGE)
    except Unreadable as error:
        return _answer(406, f"{error} ({error.position})" if error.position else str(error))
    code, detail = _take(envelope, raw)
    metrics.inbound_documents.labels(envelope.kind if code < 300 else "refused", str(code)).inc()
    log.info("inbound_document", kind=envelope.kind[:80], code=code)
    return _answer(code, detail)


@blueprint.errorhandler(429)
def too_many(error: Exception) -> Response:
    """The limit of documents, said in the partner's language."""
    return _answer(429, TOO_MANY)


def _body() -> bytes:
    raw = request.get_data(cache=False)
    # A body of unannounced length is cut off at the limit without an error.
    if request.max_content_length is not None and len(raw) >= request.max_content_length:
        raise RequestEntityTooLarge
    return raw


def _take(envelope: Envelope, raw: bytes) -> tuple[int, str]:
    partner = queries.enter_by_sender(*envelope.sender, envelope.to[1])
    secret = partner_secret(partner.inbound_secret_name) if partner else ""
    if partner is None or not secret or not hmac.compare_digest(secret.encode(), envelope.secret.encode()):
        return 401, "Sender, recipient or shared secret is not known here."
    if not INBOUND[FORMAT].supports(envelope.kind):
        return 450, f"{envelope.kind[:80]} is not a document this portal takes from the network."
    if len(envelope.message_id) > LONGEST_ID:
        return 406, f"The payloadID is longer than {LONGEST_ID} characters."
    received = services.receive(
        partner, kind=FORMAT, key=envelope.message_id, raw=raw, sender=envelope.from_[1]
    )
    return STORED[received]


def _answer(code: int, detail: str) -> Response:
    body = INBOUND[FORMAT].answer(code, detail, message_id=f"{new_trace()}@portal", sent_at=clock.now())
    return Response(
        body, status=code if code in HTTP_STATUSES else 400, content_type="text/xml; charset=utf-8"
    )
