"""Applies what a feed's message says, document by document; what fails does not hold up the rest."""

from contextlib import nullcontext
from functools import singledispatch

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from integrations.clinical import (
    ClinicalDocument,
    EncounterContext,
    ItemMaster,
    ScheduledCase,
    SupplyRequestDocument,
    Usage,
)
from integrations.ehr import hl7_feed
from portal.clinical import encounters
from portal.clinical.encounters import System
from portal.clinical.feeds import items as feed_items
from portal.clinical.feeds import levels as feed_levels
from portal.clinical.feeds import requests as feed_requests
from portal.clinical.feeds import services as feeds
from portal.clinical.models import Feed
from portal.clinical.usage import reported
from portal.exchange.models import Message
from portal.exchange.together import Alone, as_written, is_together, once
from portal.foundation.access import Actor, system
from portal.foundation.db import db, found
from portal.foundation.errors import DomainError


def apply_message(message: Message, raw: bytes) -> list[str]:
    """Handler of sealed HL7 v2 messages; returns why documents could not be applied. Raises Unreadable."""
    feed, interface = once(("feed", message.partner_id), lambda: _feed_of(message.partner_id))
    reading = hl7_feed.read(raw, interface)
    actor = system(feed.organization_id, f"HL7 interface {feed.code}")
    # Items in one order: two messages that take the same stock must not wait for each other.
    documents = sorted(reading.documents, key=lambda one: getattr(one, "item_code", ""))
    failures, patient = [], None
    for document in documents:
        try:
            # A document that fails alone fails with its message.
            with (
                nullcontext() if isinstance(document, Usage) else as_written(),
                db.session.begin_nested() if len(documents) > 1 else nullcontext(),
            ):
                patient = _apply(document, actor, feed, message) or patient
        except DomainError as error:
            if len(documents) == 1:
                raise
            failures.append(str(error))
    if patient is not None:
        message.subject_type, message.subject_id = "patient", patient
    message.warnings = list(reading.warnings)
    return list(dict.fromkeys(failures))


def _feed_of(partner_id: int) -> tuple[Feed, hl7_feed.Interface]:
    statement = select(Feed).where(Feed.partner_id == partner_id).options(joinedload(Feed.partner))
    feed = found(db.session.scalar(statement), "interface")
    return feed, feeds.interface_of(feed)


def system_of(feed: Feed) -> System:
    """Whose visit and case numbers a feed speaks of: feeds of one EHR share them."""
    return System(
        name=str(feed.settings.get("system") or feed.sending_facility),
        facility_id=feed.facility_id,
        assigners=dict(feed.settings.get("assigners", {})),
    )


@singledispatch
def _apply(document: ClinicalDocument, actor: Actor, feed: Feed, message: Message) -> int | None:
    """The patient a document is about."""
    raise NotImplementedError(type(document).__name__)


@_apply.register
def _(document: Usage, actor: Actor, feed: Feed, message: Message) -> int | None:
    return reported.apply_usage(actor, document, system_of(feed), message_id=message.id).patient_id


@_apply.register
def _(document: EncounterContext, actor: Actor, feed: Feed, message: Message) -> int | None:
    return encounters.apply_context(actor, document, system_of(feed))


@_apply.register
def _(document: ScheduledCase, actor: Actor, feed: Feed, message: Message) -> int | None:
    return encounters.apply_case(actor, document, system_of(feed))


@_apply.register
def _(document: SupplyRequestDocument, actor: Actor, feed: Feed, message: Message) -> int | None:
    return feed_requests.apply_request(feed, document, system_of(feed))


@_apply.register
def _(document: ItemMaster, actor: Actor, feed: Feed, message: Message) -> int | None:
    if is_together():
        raise Alone  # it locks the item master, and items are remembered
    records = tuple(record for record in document.records if not record.levels_only)
    if records:
        feed_items.apply_items(actor, feed, document.model_copy(update={"records": records}))
    feed_levels.apply_levels(actor, feed, document, system_of(feed))
    return None
