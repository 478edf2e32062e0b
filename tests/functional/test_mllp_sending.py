"""What the portal sends to clinical systems: items and stock out of the outbox, answers judged."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from sqlalchemy import select

from integrations.clinical import ItemMaster
from integrations.ehr.hl7_sender import Hl7Sender
from integrations.errors import Ambiguous, Misconfigured, Rejected, Retryable
from integrations.formats.hl7v2 import Interface, read
from integrations.formats.hl7v2.acknowledging import AckCode, Fault, acknowledge, open_header
from integrations.http import Connection
from integrations.transports.mllp import Limits
from portal.clinical.feeds import outbound as feed_outbound
from portal.clinical.feeds import services as feeds
from portal.clinical.feeds import settings as feed_settings
from portal.clinical.feeds.settings import FeedValues
from portal.clinical.memory import memory
from portal.clinical.models import Feed
from portal.exchange.delivery import deliver_due
from portal.exchange.models import Message, Partner
from portal.exchange.rules import MessageState
from portal.foundation import audit, clock
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.inventory.models import ParLevel
from tests.hospital import Hospital
from tests.mllp_server import serving
from tests.unit.hl7_messages import charge, message, usage_message

TEXT = message(type_="MFN^M16").decode()


@contextmanager
def clinical_system(*codes: str) -> Iterator[tuple[int, list[bytes]]]:
    """Somebody who listens and answers with these codes in turn, "" with nothing; keeps what came."""
    came: list[bytes] = []
    left = list(codes)

    def answer(raw: bytes, address: str) -> list[bytes]:
        came.append(raw)
        code = left.pop(0)
        if not code:
            raise ConnectionError("cut on purpose")
        faults = [] if code in {"AA", "CA"} else [Fault("103", "Item not known", "MFE(1)-4")]
        header = open_header(raw)
        return [acknowledge(header, AckCode(code), control_id=f"R{len(came)}", at=clock.now(), faults=faults)]

    with serving(Limits(), answer=answer) as (_, port):
        yield port, came


def sender(port: int, *, host: str = "127.0.0.1") -> Hl7Sender:
    return Hl7Sender(
        Connection(f"mllp://{host}:{port}", allowed_hosts=frozenset({"127.0.0.1"}), timeout_seconds=3)
    )


def test_answers_are_judged() -> None:
    with clinical_system("AA", "CA", "AE", "AR", "") as (port, _):
        assert [sender(port).send(TEXT) for _ in range(2)] == ["R1", "R2"]
        with pytest.raises(Rejected) as refused:
            sender(port).send(TEXT)
        assert refused.value.words == "Item not known"
        with pytest.raises(Retryable, match="AR"):
            sender(port).send(TEXT)
        with pytest.raises(Ambiguous):
            sender(port).send(TEXT)
        assert sender(port).check().reachable
    with pytest.raises(Retryable, match="does not answer"):
        sender(port).send(TEXT)
    with pytest.raises(Misconfigured, match="PORTAL_PARTNER_HOSTS"):
        sender(port, host="192.0.2.1").send(TEXT)
    assert not sender(port, host="192.0.2.1").check().reachable


@pytest.fixture
def feed(hospital: Hospital) -> Feed:
    values = FeedValues(
        "Materials", "MM", hospital.organization.slug, hospital.facility.id, addresses=("127.0.0.1",),
        orders="usage",
    )  # fmt: skip
    with transaction():
        return feed_settings.add(hospital.actor(Role.INTEGRATION_ENGINEER), "mm", values)


def point(feed: Feed, hospital: Hospital, port: int) -> None:
    """Lets the feed send to a port of this machine."""
    with transaction() as session:
        session.get_one(Partner, feed.partner_id).base_url = f"mllp://127.0.0.1:{port}"
    memory.forget()


def sent() -> list[Message]:
    db.session.expire_all()
    return list(db.session.scalars(select(Message).where(Message.kind == feed_outbound.KIND)))


def test_items_and_stock_go_out(feed: Feed, hospital: Hospital) -> None:
    with clinical_system("AA", "AA") as (port, came):
        point(feed, hospital, port)
        actor = hospital.actor(Role.INTEGRATION_ENGINEER)
        with transaction() as session:
            par = ParLevel(location_id=hospital.clinic.id, item_id=hospital.gloves.id, minimum=5, maximum=40)
            session.add(par)
            session.flush()
            assert feed_outbound.send_items(actor, feed) == 2
            assert feed_outbound.send_levels(actor, feed) == 0
        deliver_due(feed.partner_id)
    [message] = sent()
    assert (message.state, message.reference) == (MessageState.DONE, "R1")
    [master] = read(came[0], Interface("back")).documents
    assert isinstance(master, ItemMaster)
    gloves = next(record for record in master.records if record.item.code == "GLOVE-M")
    assert [(pack.uom, pack.factor) for pack in gloves.item.packaging] == [("EA", 1), ("BX", 10)]
    assert [(level.location_code, level.par) for level in gloves.levels] == [("ED01", Decimal(40))]


def test_an_application_answer_is_an_exchange_of_its_own_where_the_sender_listens(
    feed: Feed, hospital: Hospital
) -> None:
    with clinical_system("CA") as (port, came):
        point(feed, hospital, port)
        raw = usage_message(
            charge(), accept="AL", application="AL", sender=f"MM|{hospital.organization.slug}"
        )
        [commit] = feeds.take(raw, "127.0.0.1")
        assert b"MSA|CA|M1" in commit
        enter_organization(hospital.organization.id)
        deliver_due(feed.partner_id)
        assert b"MSA|CA|M1" in feeds.take(raw, "127.0.0.1")[0]
        enter_organization(hospital.organization.id)
        deliver_due(feed.partner_id)
    assert b"MSA|AA|M1" in came[0]
    assert [one.state for one in sent()] == [MessageState.DONE], "a repeat is answered once"


def test_an_answer_is_kept_with_its_message_or_said_to_have_no_address(
    feed: Feed, hospital: Hospital
) -> None:
    """A crash after the commit acknowledgment loses nothing that could still be sent."""
    header = {"accept": "AL", "application": "AL", "sender": f"MM|{hospital.organization.slug}"}
    commit, answer = feeds.take(usage_message(charge(), **header), "127.0.0.1")
    assert (b"MSA|CA|M1" in commit, b"MSA|AA|M1" in answer) == (True, True)
    enter_organization(hospital.organization.id)
    assert sent() == []
    [event] = [one for one in audit.history_of("feed", feed.id) if "answer" in one.action]
    stored = db.session.scalars(select(Message).where(Message.partner_id == feed.partner_id)).one()
    assert (event.action, event.trace_id) == ("feed.answer_not_deliverable", stored.trace_id)
    point(feed, hospital, 9)
    feeds.take(usage_message(charge(line="T2"), control_id="M2", **header), "127.0.0.1")
    enter_organization(hospital.organization.id)
    [waiting] = sent()
    assert waiting.state == MessageState.WAITING
    assert waiting.canonical is not None
    assert "MSA|AA|M2" in waiting.canonical["text"]
