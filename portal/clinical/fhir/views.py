"""Where an EHR posts FHIR resources, and reads our requests."""

import json
from typing import Any

from flask import Blueprint, Response, current_app, request
from structlog import get_logger
from werkzeug.exceptions import RequestEntityTooLarge

from integrations.formats.fhir.capability import capability_statement
from integrations.formats.fhir.validation import Fault, Refused, outcome
from portal.clinical.fhir import inbound as fhir_inbound
from portal.clinical.fhir import requests as fhir_requests
from portal.exchange.models import Partner
from portal.exchange.rules import Received
from portal.foundation import metrics
from portal.foundation.access import public
from portal.foundation.errors import NotFound
from portal.settings import Settings

blueprint = Blueprint("fhir", __name__, url_prefix="/fhir")
LIMIT = "1200 per minute"  # per network address
SOFTWARE = "Clinic Supply Portal"
MEDIA_TYPE = "application/fhir+json"
TYPES = frozenset({"", "application/fhir+json", "application/json", "text/json"})
STORED = {
    Received.NEW: (201, "Stored."),
    Received.REPEATED: (200, "This document was received before."),
    Received.DIFFERENT: (
        201,
        "Stored, but another document came under this identifier; a person will decide.",
    ),
}
WHO = Fault("Send the credentials of this partner (Basic or bearer).", code="login")
log = get_logger(__name__)


@blueprint.post("")
@public
def receive() -> Response:
    """Stores a Bundle of what was used durably, then answers; a job applies it."""
    partner = _partner()
    if partner is None:
        return _refusal(401, [WHO])
    if request.mimetype not in TYPES:
        return _refusal(415, [Fault("Send JSON as application/fhir+json.", code="not-supported")])
    try:
        raw = request.get_data(cache=False)
        taken = fhir_inbound.take(partner, raw)
    except RequestEntityTooLarge:
        return _refusal(413, [Fault("The document is larger than this portal accepts.", code="too-long")])
    except Refused as error:
        status = 400 if error.faults[0].code == "structure" else 422
        return _refusal(status, list(error.faults))
    return _stored(taken)


def _stored(taken: fhir_inbound.Taken) -> Response:
    status, text = STORED[taken.received]
    metrics.inbound_documents.labels("fhir", str(status)).inc()
    log.info("fhir_document", code=status, uses=taken.uses)
    told = Fault(f"{text} It tells of {taken.uses} uses.", code="informational", severity="information")
    warnings = [Fault(one, code="incomplete", severity="warning") for one in taken.warnings[:20]]
    return _answer(status, outcome([told, *warnings]))


@blueprint.get("/metadata")
@public
def metadata() -> Response:
    """What this endpoint can do; it holds nothing of anybody."""
    settings: Settings = current_app.extensions["settings"]
    statement = capability_statement(f"{settings.public_url.rstrip('/')}{blueprint.url_prefix}", SOFTWARE)
    return _answer(200, _json(statement))


@blueprint.get("/SupplyRequest/<string:number>")
@public
def supply_request(number: str) -> Response:
    """One line of a requisition, or all of them in a Bundle."""
    if _partner() is None:
        return _refusal(401, [WHO])
    try:
        return _answer(200, _json(fhir_requests.by_id(number)))
    except NotFound as error:
        return _refusal(404, [Fault(str(error), code="not-found")])


@blueprint.get("/SupplyRequest")
@public
def search_supply_requests() -> Response:
    """The lines of the requisition with ?identifier=."""
    if _partner() is None:
        return _refusal(401, [WHO])
    number = request.args.get("identifier", "")
    if not number:
        return _refusal(400, [Fault("Search by identifier, the number of a requisition.", code="required")])
    return _answer(200, _json(fhir_requests.search(number)))


@blueprint.errorhandler(429)
def too_many(error: Exception) -> Response:
    """The limit of requests, said in FHIR."""
    return _refusal(429, [Fault("Too many requests; try again in a minute.", code="throttled")])


def _partner() -> Partner | None:
    return fhir_inbound.partner_of(request.headers.get("Authorization", ""))


def _json(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource).encode()


def _refusal(status: int, faults: list[Fault]) -> Response:
    metrics.inbound_documents.labels("fhir", str(status)).inc()
    log.info("fhir_refused", code=status)
    answer = _answer(status, outcome(faults))
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="FHIR", Bearer'
    return answer


def _answer(status: int, body: bytes) -> Response:
    return Response(body, status=status, content_type=f"{MEDIA_TYPE}; charset=utf-8")
