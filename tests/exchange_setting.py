"""What the tests of the exchange share: a network partner, a probe kind of message, workers."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import select, update

from portal.exchange import services
from portal.exchange.handlers import Handlers, OutboundHandler
from portal.exchange.models import Attempt, Message, WorkItem
from portal.exchange.rules import DUE_STATES, MessageState
from portal.exchange.services import About
from portal.foundation import audit, clock
from portal.foundation.access import system
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.jobs import QUEUES, queue
from portal.orders.outbound import deliver_to_network
from tests.cxml_partner import CxmlPartner
from tests.documents import purchase_order
from tests.hospital import Hospital, add_partners

PROBE = "probe"


@dataclass
class Setting:
    """An organization with a network partner, and helpers that act as the portal would."""

    app: Flask
    hospital: Hospital
    organization_id: int
    partner_id: int
    network: CxmlPartner
    asked_first: list[bool] = field(default_factory=list)

    def put(self, number: str = "PO-1", *, version: int = 1) -> Message:
        """Puts an order into the outbox, in the present transaction."""
        return services.send(
            PROBE,
            purchase_order(number, version=version),
            About(PROBE, zlib.crc32(number.encode()), number),
            partner_id=self.partner_id,
            key=f"{number}-v{version}@{self.hospital.organization.slug}",
        )

    def send(self, number: str = "PO-1", *, version: int = 1) -> int:
        """Puts an order into the outbox and commits; the id of the message."""
        with transaction():
            return self.put(number, version=version).id

    def message(self, message_id: int) -> Message:
        """The message as it is in the database now."""
        statement = select(Message).where(Message.id == message_id)
        return db.session.scalars(statement.execution_options(populate_existing=True)).one()

    def messages(self) -> list[Message]:
        """Every message of the organization, oldest first."""
        statement = select(Message).order_by(Message.id).execution_options(populate_existing=True)
        return list(db.session.scalars(statement))

    def attempts(self, message_id: int) -> list[Attempt]:
        """The tries of a message."""
        statement = select(Attempt).where(Attempt.message_id == message_id).order_by(Attempt.number)
        return list(db.session.scalars(statement.execution_options(populate_existing=True)))

    def items(self, *, resolved: bool = False) -> list[WorkItem]:
        """The open work items, or the resolved ones."""
        closed = WorkItem.resolved_at.is_not(None)
        statement = select(WorkItem).where(closed if resolved else ~closed).order_by(WorkItem.id)
        return list(db.session.scalars(statement.execution_options(populate_existing=True)))

    def pause_is_over(self, message_id: int) -> None:
        """Lets the waiting time, or the lease, of a message have passed."""
        with transaction() as session:
            session.execute(
                update(Message)
                .where(Message.id == message_id)
                .values(available_at=clock.now(), lease_until=clock.now())
            )

    def work(self) -> None:
        """A real worker that runs what is queued, and then stops."""
        queues = [queue(name) for name in QUEUES]
        SimpleWorker(queues, connection=queues[0].connection, serializer=JSONSerializer).work(
            burst=True, logging_level="ERROR"
        )

    def happened(self, action: str) -> int:
        """How often an action stands in the audit trail."""
        statement = select(audit.AuditEvent).where(audit.AuditEvent.action == action)
        return len(db.session.scalars(statement).all())


@contextmanager
def exchange(app: Flask, hospital: Hospital, network: CxmlPartner) -> Iterator[Setting]:
    """The setting; the probe's handlers write audit events, so that they commit or roll back as real ones."""
    with transaction():
        partner_id = add_partners(hospital, erp_url="http://127.0.0.1:9", network_url=network.url)[1].id
    setting = Setting(app, hospital, hospital.organization.id, partner_id, network)

    def deliver(adapter: Any, message: Message, ask_first: bool) -> str:
        setting.asked_first.append(ask_first)
        return deliver_to_network(adapter, message, ask_first)

    usual: Handlers = app.extensions["handlers"]
    probe = OutboundHandler(deliver, noting("probe.delivered"), noting("probe.stopped"))
    app.extensions["handlers"] = Handlers(
        outbound={**usual.outbound, (PROBE, "network"): probe}, inbound=dict(usual.inbound)
    )
    app.extensions["redis"].flushdb()
    try:
        yield setting
    finally:
        app.extensions["handlers"] = usual
        _leave_nothing_due(setting.organization_id)


def _leave_nothing_due(organization_id: int) -> None:
    """The sweeps of later tests find nothing of this one."""
    db.session.rollback()
    enter_organization(organization_id)
    with transaction() as session:
        session.execute(
            update(Message).where(Message.state.in_(DUE_STATES)).values(state=MessageState.WITHDRAWN)
        )


def noting(action: str) -> Callable[[Message], None]:
    """A handler whose effect is an audit event."""

    def write(message: Message) -> None:
        audit.record(system(message.organization_id, PROBE), action, message)

    return write
