"""Stored documents are applied once, in one transaction with their effects; what cannot be is visible."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import and_, func, select

from integrations.canonical import InboundDocument
from portal.exchange import claims, inbox, jobs, queries, services
from portal.exchange.models import Message, Partner
from portal.exchange.rules import MOST_TRIES, Direction, MessageState, Outcome, Received, WorkItemKind
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Invalid
from portal.identity.rules import Role
from portal.orders.models import OrderConfirmation, PurchaseOrderLine
from tests import cxml_partner
from tests.exchange_setting import Setting, exchange, noting
from tests.hospital import Hospital
from tests.inbound_documents import confirmation, place_order


@pytest.fixture
def setting(app: Flask, hospital: Hospital) -> Iterator[Setting]:
    with cxml_partner.running() as network, exchange(app, hospital, network) as made:
        yield made


def received(setting: Setting, body: bytes, key: str = "m-1") -> Received:
    with transaction():
        partner = db.session.get_one(Partner, setting.partner_id)
        return services.receive(partner, kind="cxml", key=key, raw=body)


def ordered(setting: Setting, number: str = "PO-1") -> None:
    with transaction():
        place_order(setting.hospital, number)


def confirmed(number: str = "PO-1") -> Decimal:
    db.session.expire_all()
    return db.session.scalars(
        select(PurchaseOrderLine.confirmed).join(PurchaseOrderLine.order).filter_by(number=number)
    ).one()


def test_a_confirmation_stands_beside_its_order(setting: Setting) -> None:
    ordered(setting)
    received(setting, confirmation(setting.hospital, "PO-1"))
    setting.work()
    [message] = setting.messages()
    assert (message.state, message.number, message.cause) == (MessageState.DONE, "C-1", "")
    assert message.subject_type == "purchase_order"
    assert message.canonical is not None
    assert message.canonical["order_number"] == "PO-1"
    assert confirmed() == 5
    [attempt] = setting.attempts(message.id)
    assert attempt.outcome == Outcome.DONE


def test_the_same_document_under_another_id_has_no_second_effect(setting: Setting) -> None:
    ordered(setting)
    for key in ("m-1", "m-2"):
        received(setting, confirmation(setting.hospital, "PO-1"), key)
    setting.work()
    assert [message.state for message in setting.messages()] == [MessageState.DONE] * 2
    assert db.session.scalar(select(func.count()).select_from(OrderConfirmation)) == 1
    assert confirmed() == 5


def test_a_replay_has_no_second_effect(setting: Setting) -> None:
    ordered(setting)
    received(setting, confirmation(setting.hospital, "PO-1"))
    setting.work()
    with transaction():
        services.replay(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.messages()[0])
    setting.work()
    [message] = setting.messages()
    assert message.state == MessageState.DONE
    assert len(setting.attempts(message.id)) == 2
    assert db.session.scalar(select(func.count()).select_from(OrderConfirmation)) == 1


def test_an_unknown_order_waits_for_a_person_until_the_cause_is_gone(setting: Setting) -> None:
    received(setting, confirmation(setting.hospital, "PO-1"))
    setting.work()
    [message] = setting.messages()
    assert message.state == MessageState.NEEDS_ATTENTION
    assert message.number == "C-1"
    assert message.canonical is not None  # a person can read what could not be applied
    [item] = setting.items()
    assert item.kind == WorkItemKind.NOT_APPLIED
    assert "There is no purchase order PO-1." in item.sentence
    ordered(setting)
    with transaction():
        services.retry(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.messages()[0])
    setting.work()
    assert setting.messages()[0].state == MessageState.DONE
    assert setting.items() == []
    assert confirmed() == 5


def test_what_cannot_be_translated_waits_for_a_person_with_the_line(setting: Setting) -> None:
    body = confirmation(setting.hospital, "PO-1").replace(b'quantity="5"', b'quantity="many"')
    received(setting, body)
    setting.work()
    [message] = setting.messages()
    assert message.state == MessageState.NEEDS_ATTENTION
    assert setting.attempts(message.id)[0].outcome == Outcome.UNREADABLE
    assert "not a usable number" in setting.items()[0].sentence
    assert "(line " in setting.items()[0].sentence


def test_effects_of_a_failing_application_are_undone(setting: Setting) -> None:
    note = noting("probe.applied")

    def half_way(message: Message, document: InboundDocument) -> None:
        note(message)
        db.session.flush()
        raise Invalid("Line 3 is in a unit nobody knows.")

    setting.app.extensions["handlers"].inbound["confirmation"] = half_way
    received(setting, confirmation(setting.hospital, "PO-1"))
    setting.work()
    assert setting.happened("probe.applied") == 0
    assert setting.happened("message.stop") == 1
    assert "unit nobody knows" in setting.items()[0].sentence


def test_a_kind_without_a_handler_waits_for_a_person(setting: Setting) -> None:
    del setting.app.extensions["handlers"].inbound["confirmation"]
    received(setting, confirmation(setting.hospital, "PO-1"))
    setting.work()
    assert "does not take a confirmation yet" in setting.items()[0].sentence


def test_a_crash_while_applying_leaves_nothing_and_is_tried_again(setting: Setting) -> None:
    crashes = [True, False]
    note = noting("probe.applied")

    def crash_once(message: Message, document: InboundDocument) -> None:
        note(message)
        db.session.flush()
        if crashes.pop(0):
            raise ZeroDivisionError

    setting.app.extensions["handlers"].inbound["confirmation"] = crash_once
    received(setting, confirmation(setting.hospital, "PO-1"))
    with pytest.raises(ZeroDivisionError):
        jobs.apply(setting.organization_id)
    [message] = setting.messages()
    assert message.state == MessageState.WORKING
    assert setting.happened("probe.applied") == 0
    setting.pause_is_over(message.id)
    jobs.apply(setting.organization_id)
    assert setting.messages()[0].state == MessageState.DONE
    outcomes = [attempt.outcome for attempt in setting.attempts(message.id)]
    assert outcomes == [Outcome.INTERRUPTED, Outcome.DONE]
    assert setting.happened("probe.applied") == 1


def test_a_document_that_kills_every_worker_is_stopped_visibly(setting: Setting) -> None:
    received(setting, confirmation(setting.hospital, "PO-1"))
    [message] = setting.messages()
    for _ in range(MOST_TRIES):
        setting.pause_is_over(message.id)
        assert claims.claim_next(and_(Message.direction == Direction.INBOUND, queries.is_due())) is not None
    setting.pause_is_over(message.id)
    setting.app.extensions["redis"].flushall()
    jobs.apply(setting.organization_id)
    assert setting.messages()[0].state == MessageState.NEEDS_ATTENTION
    assert "again and again" in setting.items()[0].sentence


def test_a_slow_worker_does_not_apply_what_another_has_applied(setting: Setting) -> None:
    setting.app.extensions["handlers"].inbound["confirmation"] = lambda message, document: noting(
        "probe.applied"
    )(message)
    received(setting, confirmation(setting.hospital, "PO-1"))
    slow = claims.claim_next(and_(Message.direction == Direction.INBOUND, queries.is_due()))
    assert slow is not None
    setting.pause_is_over(slow.message.id)
    jobs.apply(setting.organization_id)
    inbox.apply_one(slow)
    inbox.stop(slow, Outcome.UNREADABLE, "too late")
    assert setting.messages()[0].state == MessageState.DONE
    assert setting.happened("probe.applied") == 1


def test_workers_side_by_side_apply_each_document_once(app: Flask, setting: Setting) -> None:
    setting.app.extensions["handlers"].inbound["confirmation"] = lambda message, document: noting(
        "probe.applied"
    )(message)
    for number in range(12):
        received(setting, confirmation(setting.hospital, "PO-1"), f"m-{number}")

    def drain() -> None:
        with app.app_context():
            jobs.apply(setting.organization_id)

    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [message.state for message in setting.messages()] == [MessageState.DONE] * 12
    assert setting.happened("probe.applied") == 12


def test_two_posts_of_one_document_at_once_store_it_once(app: Flask, setting: Setting) -> None:
    barrier = threading.Barrier(4)
    answers: list[Received] = []
    body = confirmation(setting.hospital, "PO-1")

    def post() -> None:
        with app.app_context():
            enter_organization(setting.organization_id)
            barrier.wait()
            answers.append(received(setting, body))

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [Received.NEW] + [Received.REPEATED] * 3
    assert len(setting.messages()) == 1


def test_other_content_under_a_known_id_can_be_applied_by_a_person(setting: Setting) -> None:
    ordered(setting)
    received(setting, confirmation(setting.hospital, "PO-1", quantity=5))
    other = confirmation(setting.hospital, "PO-1", number="C-2", quantity=4)
    assert received(setting, other) is Received.DIFFERENT
    setting.work()
    assert confirmed() == 5
    with transaction():
        services.retry(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.messages()[1])
    setting.work()
    assert [message.state for message in setting.messages()] == [MessageState.DONE] * 2
    assert db.session.scalar(select(func.count()).select_from(OrderConfirmation)) == 2
    assert [item for item in setting.items() if item.message_id is not None] == []
