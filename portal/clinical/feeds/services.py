"""HL7 v2 feeds: who may send, what is stored before it is acknowledged, and what is answered."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import joinedload
from structlog import get_logger

from integrations.clinical import Hl7Text
from integrations.ehr import hl7_feed
from integrations.ehr.hl7_feed import AckCode, Fault, Header
from integrations.errors import Unreadable
from portal.clinical.feeds import outbound as feed_outbound
from portal.clinical.memory import memory
from portal.clinical.models import Feed
from portal.exchange import services as exchange
from portal.exchange.rules import Received, WorkItemKind
from portal.exchange.services import About, Sender
from portal.foundation import clock, metrics
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.trace import follow_trace, new_trace
from portal.identity.models import Organization
from portal.masterdata.models import Facility

KIND = "hl7v2"
LONGEST_KEY = 255
UNKNOWN = Fault("207", "This sender is not known here, or not from this address", "MSH(1)-3")
UNAVAILABLE = Fault("207", "The message could not be stored; send it again later")
log = get_logger(__name__)


@dataclass(frozen=True)
class Door:
    """What receiving needs of a feed."""

    organization_id: int
    feed_id: int
    partner_id: int
    partner_name: str
    code: str
    interface: hl7_feed.Interface
    processing: str
    sends_apart: bool


def allows(address: str) -> bool:
    """Whether any feed of any organization may be sent from this address."""

    def find() -> list[str]:
        with transaction() as session:
            found = session.scalars(text("SELECT portal_feed_addresses()")).all()
        return [network for networks in found for network in networks]

    return is_within(address, memory.recall("addresses", find))


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks; one that is no address lies nowhere."""
    try:
        own = ip_address(address)
        return any(own in ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False


def door(names: tuple[str, str], address: str) -> Door | None:
    """The feed with these MSH-3.1 and MSH-4.1 that may send from this address; None for none or several."""
    found = memory.recall(("door", names, address), lambda: _doors(names, address))
    return found[0] if len(found) == 1 else None


def _doors(names: tuple[str, str], address: str) -> list[Door]:
    with transaction() as session:
        organizations = session.scalars(
            text("SELECT portal_organizations_of_feed(:application, :facility)"),
            {"application": names[0], "facility": names[1]},
        ).all()
    found = []
    for organization_id in organizations:
        enter_organization(organization_id)
        with transaction() as session:
            feeds = session.scalars(
                select(Feed)
                .options(joinedload(Feed.partner))
                .where(Feed.active, Feed.sending_application == names[0], Feed.sending_facility == names[1])
            ).all()
            found += [_door(feed) for feed in feeds if is_within(address, feed.addresses)]
    return found


def _door(feed: Feed) -> Door:
    return Door(
        organization_id=feed.organization_id,
        feed_id=feed.id,
        partner_id=feed.partner_id,
        partner_name=feed.partner.name,
        code=feed.code,
        interface=interface_of(feed),
        processing=str(feed.settings.get("processing", "P")),
        sends_apart=bool(feed.partner.base_url),
    )


def interface_of(feed: Feed) -> hl7_feed.Interface:
    """How to read the messages of a feed; times without an offset are those of its facility."""
    return hl7_feed.interface(feed.code, zone_of(feed), feed.mapping, feed.settings)


def zone_of(feed: Feed) -> ZoneInfo:
    """The clock of the feed's facility, else of the organization."""
    if feed.facility_id is None:
        return ZoneInfo(db.session.scalar(select(Organization.time_zone).limit(1)) or "UTC")
    own = select(Facility.time_zone).where(Facility.id == feed.facility_id)
    return ZoneInfo(memory.recall(("zone", feed.facility_id), lambda: db.session.scalar(own)) or "UTC")


def take(raw: bytes, address: str) -> list[bytes]:
    """Stores every message of a frame durably, then answers each; outside of any transaction."""
    return [answer for one in hl7_feed.split(raw) for answer in _take_one(one, address)]


def _take_one(raw: bytes, address: str) -> list[bytes]:
    try:
        header = hl7_feed.open_header(raw)
    except Unreadable as error:
        _note("unknown", AckCode.REJECTED, "")
        return [_answer(hl7_feed.headless(), AckCode.REJECTED, hl7_feed.fault_of(error, "100"))]
    if header.code == "ACK":
        return []  # an answer is never answered
    follow_trace(new_trace())
    try:
        feed = door(header.names, address)
        fault = _refusal(header, feed)
        if fault is not None or feed is None:
            return _refuse(header, fault or UNKNOWN, feed)
        return _enhanced(header, raw, feed) if header.is_enhanced else _original(header, raw, feed)
    except (SQLAlchemyError, Unreadable) as error:  # Unreadable: the feed's own table is broken
        log.error("hl7_not_stored", error=type(error).__name__)
        code = AckCode.COMMIT_ERROR if header.is_enhanced else AckCode.REJECTED
        return [_answer(header, code, UNAVAILABLE)]


def _refusal(header: Header, feed: Door | None) -> Fault | None:
    if feed is None:
        return UNKNOWN
    if len(header.key) > LONGEST_KEY:
        return Fault("104", "The message control id is too long", "MSH(1)-10")
    return header.fault(hl7_feed.KINDS, feed.processing)


def _refuse(header: Header, fault: Fault, feed: Door | None) -> list[bytes]:
    code = AckCode.COMMIT_REJECTED if header.is_enhanced else AckCode.REJECTED
    _note(_kind(header), code, feed.code if feed else "")
    return [_answer(header, code, fault)]


def _original(header: Header, raw: bytes, feed: Door) -> list[bytes]:
    """AE for content that cannot be read, which stays with the sender; else stored, then AA."""
    fault = _unreadable(raw, feed)
    if fault is None:
        _store(header, raw, feed)
    else:
        _tell(fault, feed)
    code = AckCode.ACCEPTED if fault is None else AckCode.ERROR
    _note(_kind(header), code, feed.code)
    return [_answer(header, code, fault)]


def _enhanced(header: Header, raw: bytes, feed: Door) -> list[bytes]:
    """Stored with the AA or AE that MSH-16 asks for, then CA where MSH-15 does.

    The application's answer is a message of its own. Where the sender does not listen it goes back here.
    """
    told = _told(header, raw, feed)
    _store(header, raw, feed, told)
    _note(_kind(header), AckCode.COMMIT, feed.code)
    answers = []
    if hl7_feed.wants(header.accept, good=True):
        answers.append(_answer(header, AckCode.COMMIT))
    if told is not None and not feed.sends_apart:
        answers.append(told.text.encode())
    return answers


def _told(header: Header, raw: bytes, feed: Door) -> Hl7Text | None:
    """What the application answers, where it is asked to."""
    fault = _unreadable(raw, feed)
    if not hl7_feed.wants(header.application, good=fault is None):
        return None
    control_id = new_trace()[:20]
    code = AckCode.ERROR if fault else AckCode.ACCEPTED
    answer = _answer(header, code, fault, control_id=control_id)
    return Hl7Text(type="ACK", control_id=control_id, text=answer.decode())


def _tell(fault: Fault, feed: Door) -> None:
    """A refused message stays with its sender; one work item an interface says what was wrong last."""
    enter_organization(feed.organization_id)
    with transaction() as session:
        row = session.get_one(Feed, feed.feed_id)
        exchange.open_item(
            WorkItemKind.NOT_APPLIED,
            key=f"feed-{row.id}-refused",
            sentence=f"A message of {row.name} was refused: {fault.text} ({fault.position}).",
            suggestion="Correct the sender, or the places on the interface's page. The sender still has it.",
            subject=About("feed", row.id, row.code),
        )


def _unreadable(raw: bytes, feed: Door) -> Fault | None:
    try:
        hl7_feed.read(raw, feed.interface)
    except Unreadable as error:
        return hl7_feed.fault_of(error)
    return None


def _store(header: Header, raw: bytes, feed: Door, told: Hl7Text | None = None) -> None:
    """Keeps a message and, in the same transaction, what is to be answered later: a crash loses neither."""
    enter_organization(feed.organization_id)
    with transaction() as session:
        sender = Sender(feed.partner_id, feed.organization_id, feed.partner_name)
        received = exchange.receive(sender, kind=KIND, key=header.key, raw=raw, sender="|".join(header.names))
        if told is not None and received is not Received.REPEATED:
            feed_outbound.answer(session.get_one(Feed, feed.feed_id), told, is_deliverable=feed.sends_apart)


def _answer(header: Header, code: AckCode, fault: Fault | None = None, *, control_id: str = "") -> bytes:
    return hl7_feed.acknowledge(
        header,
        code,
        control_id=control_id or new_trace()[:20],
        at=clock.now(),
        faults=[fault] if fault else [],
    )


def too_large(head: bytes) -> bytes:
    """The answer to a message that was cut off at the size limit."""
    fault = Fault("207", f"The message is longer than {hl7_feed.MAX_BYTES:,} bytes")
    try:
        header = hl7_feed.open_header(head)
    except Unreadable:
        header = hl7_feed.headless()
    code = AckCode.COMMIT_ERROR if header.is_enhanced else AckCode.REJECTED
    _note("unknown", code, "")
    return _answer(header, code, fault)


def _kind(header: Header) -> str:
    """The name of the message for metrics: only names that are known, so that nobody can make up many."""
    kind = f"{header.code}^{header.event}"
    return kind if kind in hl7_feed.KINDS else "unknown"


def _note(kind: str, code: AckCode, feed: str) -> None:
    metrics.inbound_documents.labels(kind, code.value).inc()
    log.info("hl7_message", kind=kind, code=code.value, feed=feed)
