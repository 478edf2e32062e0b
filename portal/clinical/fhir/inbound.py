"""FHIR resources of an EHR: stored sealed, then read and applied use by use."""

import hashlib
import hmac
from base64 import b64decode
from dataclasses import dataclass

from integrations.formats.fhir import reading, validation
from integrations.formats.fhir.validation import Bundle
from portal.clinical.encounters import System
from portal.clinical.usage import reported
from portal.exchange import queries as exchange_queries
from portal.exchange import services as exchange
from portal.exchange.models import Message, Partner
from portal.exchange.rules import Received
from portal.foundation import clock
from portal.foundation.access import system
from portal.foundation.db import db
from portal.foundation.errors import DomainError
from portal.settings import partner_secret

KIND = "fhir"
DOMAIN = "fhir"
LONGEST_KEY = 255


def partner_of(authorization: str) -> Partner | None:
    """The partner that proves itself, in whose organization we now are; None for anybody else.

    Basic with its identity and secret (RFC 7617), or a bearer token made of both with a full stop between.
    """
    scheme, _, value = authorization.strip().partition(" ")
    identity, secret = _basic(value) if scheme.lower() == "basic" else ("", "")
    if scheme.lower() == "bearer":
        identity, _, secret = value.strip().rpartition(".")
    if not identity or not secret or "\x00" in identity:
        return None
    partner = exchange_queries.enter_by_sender(DOMAIN, identity, "")
    expected = partner_secret(partner.inbound_secret_name) if partner else ""
    if partner is None or not expected or not hmac.compare_digest(expected.encode(), secret.encode()):
        return None
    return partner


def _basic(value: str) -> tuple[str, str]:
    try:
        identity, _, secret = b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return identity, secret


@dataclass(frozen=True)
class Taken:
    """What became of a document, and how many uses it tells of."""

    received: Received
    uses: int
    warnings: tuple[str, ...]


def take(partner: Partner, raw: bytes) -> Taken:
    """Stores a document that can be read; raises validation.Refused for one that cannot."""
    bundle = validation.open_bundle(raw)
    found = _read(partner, bundle)
    key = bundle.id if 0 < len(bundle.id) <= LONGEST_KEY else hashlib.sha256(raw).hexdigest()
    received = exchange.receive(partner, kind=KIND, key=key, raw=raw)
    return Taken(received, len(found.uses), tuple(found.warnings))


def _read(partner: Partner, bundle: Bundle) -> reading.Reading:
    return reading.read_bundle(bundle, source=source_of(partner), received_at=clock.now())


def source_of(partner: Partner) -> str:
    """What makes the ids of this EHR unique: its FHIR base address, which a launch names too."""
    return str(partner.settings.get("iss") or partner.code)


def apply_bundle(message: Message, raw: bytes) -> list[str]:
    """Handler of sealed FHIR messages; returns why uses could not be applied. Raises Unreadable."""
    found = reading.read_bundle(
        validation.open_bundle(raw), source=source_of(message.partner), received_at=message.created_at
    )
    message.warnings = list(found.warnings)
    actor = system(message.organization_id, f"FHIR from {message.partner.code}")
    speaker = System(source_of(message.partner), message.partner.settings.get("facility_id"))
    failures: list[str] = []
    for use in found.uses:
        try:
            with db.session.begin_nested():
                row = reported.apply_usage(actor, use, speaker, message_id=message.id)
        except DomainError as error:
            failures.append(str(error))
            continue
        if row.patient_id is not None:
            message.subject_type, message.subject_id = "patient", row.patient_id
    return list(dict.fromkeys(failures))
