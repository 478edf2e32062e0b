"""HL7 v2 interfaces as an engineer sets them up; a preview of what a message would mean, never stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from integrations.ehr import hl7_feed
from integrations.errors import Unreadable
from portal.clinical.feeds import services as feeds
from portal.clinical.models import Feed
from portal.exchange.models import Message, Partner
from portal.exchange.rules import MessageState
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid
from portal.identity import queries as people
from portal.identity.rules import SLUG

KEPT = ("orders", "processing", "charset", "system", "requester", "item_master", "levels")


@dataclass(frozen=True)
class FeedValues:
    """What an engineer says about an interface: places by field of ours, outcomes by word of theirs."""

    name: str
    sending_application: str
    sending_facility: str
    facility_id: int | None = None
    addresses: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    orders: str = "request"
    processing: str = "P"
    charset: str = ""
    system: str = ""
    requester: str = ""
    send_to: str = ""
    assigners: Mapping[str, str] = field(default_factory=dict)
    item_master: bool = False
    levels: bool = False
    active: bool = True

    def settings(self) -> dict[str, Any]:
        """What is kept beside the columns."""
        tables = {"statuses": dict(self.statuses), "assigners": dict(self.assigners)}
        return {name: getattr(self, name) for name in KEPT} | tables


@dataclass(frozen=True)
class FeedRow:
    """A line of the list."""

    feed: Feed
    received: int
    stopped: int
    last_at: datetime | None


def listing() -> list[FeedRow]:
    """Every interface with what it sent, by name; two queries."""
    stopped = func.count().filter(Message.state == MessageState.NEEDS_ATTENTION)
    counts = db.session.execute(
        select(Message.partner_id, func.count(), stopped, func.max(Message.created_at))
        .where(Message.partner_id.in_(select(Feed.partner_id)))
        .group_by(Message.partner_id)
    ).all()
    known = {row[0]: row[1:] for row in counts}
    rows = db.session.scalars(select(Feed).order_by(Feed.name)).all()
    return [FeedRow(feed, *known.get(feed.partner_id, (0, 0, None))) for feed in rows]


def by_code(code: str) -> Feed:
    """An interface of the present organization; raises NotFound."""
    return found(db.session.scalar(select(Feed).where(Feed.code == code)), "interface")


def add(actor: Actor, code: str, values: FeedValues) -> Feed:
    """Sets up an interface; raises Invalid with the field."""
    if not SLUG.fullmatch(code):
        raise Invalid("Use lower-case letters, digits and single hyphens for the code.", field="code")
    partner = Partner(
        code=f"hl7-{code}", name=values.name, kind="ehr", adapter="hl7v2", base_url=_url(values.send_to)
    )
    feed = Feed(code=code, name=values.name, sending_application="", sending_facility="")
    _apply(feed, values)
    try:
        with db.session.begin_nested():
            db.session.add(partner)
            db.session.flush()
            feed.partner_id = partner.id
            db.session.add(feed)
    except IntegrityError as error:
        raise Invalid("This code is in use already.", field="code") from error
    audit.record(actor, "feed.add", feed, after=_plain(feed))
    return feed


def change(actor: Actor, feed: Feed, values: FeedValues) -> None:
    """Changes an interface; from then on its messages are read so. Raises Invalid with the field."""
    before = _plain(feed)
    _apply(feed, values)
    partner = db.session.get_one(Partner, feed.partner_id)
    partner.name, partner.base_url = values.name, _url(values.send_to)
    db.session.flush()
    audit.record(actor, "feed.change", feed, before=before, after=_plain(feed))


def _apply(feed: Feed, values: FeedValues) -> None:
    _check(values)
    for name in ("name", "sending_application", "sending_facility", "facility_id", "active"):
        setattr(feed, name, getattr(values, name))
    feed.addresses = list(values.addresses)
    feed.mapping = dict(values.mapping)
    feed.settings = values.settings()


def _url(send_to: str) -> str:
    return f"mllp://{send_to}" if send_to else ""


def send_to_of(feed: Feed) -> str:
    """Where messages for the sender go, host:port; empty for nowhere."""
    partner = db.session.get_one(Partner, feed.partner_id)
    return partner.base_url.removeprefix("mllp://")


def _check(values: FeedValues) -> None:
    for address in values.addresses:
        try:
            ip_network(address, strict=False)
        except ValueError as error:
            raise Invalid(f"{address} is not an address or network.", field="addresses") from error
    host, _, port = values.send_to.rpartition(":")
    if values.send_to and not (host and port.isdigit() and 0 < int(port) < 65_536):
        raise Invalid(f"{values.send_to} is not like host:2575.", field="send_to")
    if values.requester and people.account_by_email(values.requester.lower()) is None:
        raise Invalid("Nobody here has this e-mail address.", field="requester")
    interface_of(values)


def interface_of(values: FeedValues) -> hl7_feed.Interface:
    """How messages would be read; raises Invalid at the field whose place or outcome is none."""
    probe = Feed(facility_id=values.facility_id)
    try:
        return hl7_feed.interface("preview", feeds.zone_of(probe), values.mapping, values.settings())
    except Unreadable as error:
        raise Invalid(f"{error}.", field=error.position) from error


def _plain(feed: Feed) -> dict[str, Any]:
    names = ("name", "sending_application", "sending_facility", "facility_id", "addresses", "mapping",
             "settings", "active")  # fmt: skip
    return {name: getattr(feed, name) for name in names}


@dataclass(frozen=True)
class Preview:
    """What a pasted message would mean; `error` says why it would be refused."""

    kind: str = ""
    error: str = ""
    documents: Sequence[tuple[str, list[tuple[str, str]]]] = ()
    warnings: Sequence[str] = ()
    own_fields: Sequence[tuple[str, str]] = ()


def preview(values: FeedValues, text: str) -> Preview:
    """Reads a pasted message with what is typed; nothing of it is kept or logged. Raises Invalid."""
    raw = text.strip().encode()
    interface = interface_of(values)
    try:
        reading = hl7_feed.read(hl7_feed.split(raw)[0], interface)
        own = hl7_feed.own_fields(raw)
    except Unreadable as error:
        return Preview(error=f"{error} ({error.position}).")
    documents = [(one.kind.replace("_", " ").capitalize(), _facts(one.model_dump(mode="json")))
                 for one in reading.documents]  # fmt: skip
    return Preview(reading.kind, "", documents, reading.warnings, own)


def _facts(said: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """What is said, flat: (name, value), without what is not."""
    facts: list[tuple[str, str]] = []
    for name, value in said.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            facts += _facts(value, f"{label} · ")
        elif isinstance(value, list):
            for number, one in enumerate(value, start=1):
                rows = (
                    _facts(one, f"{label} {number} · ") if isinstance(one, Mapping) else [(label, str(one))]
                )
                facts += rows
        elif value not in (None, "") and name not in {"schema_version", "kind", "source"}:
            facts.append((label, str(value)))
    return facts
