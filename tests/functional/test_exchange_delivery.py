"""Outbound messages against a real network partner: claimed once, tried as told, stopped visibly."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from portal import doctor
from portal.exchange import claims, delivery, jobs, queries, services
from portal.exchange.models import Message, Partner
from portal.exchange.rules import LONGEST_PAUSE, MOST_TRIES, PAUSES, SETTLING_TIME, MessageState, Outcome
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity.rules import Role
from tests import cxml_partner
from tests.cxml_partner import CxmlPartner, Reply
from tests.exchange_setting import Setting, exchange
from tests.hospital import Hospital

NOT_NOW = Reply(http=503)


@pytest.fixture
def network() -> Iterator[CxmlPartner]:
    with cxml_partner.running() as partner:
        yield partner


@pytest.fixture
def setting(app: Flask, hospital: Hospital, network: CxmlPartner) -> Iterator[Setting]:
    with exchange(app, hospital, network) as made:
        yield made


def deliver(setting: Setting) -> None:
    jobs.deliver(setting.organization_id, setting.partner_id)


def test_a_message_arrives_once_and_says_what_the_partner_answered(setting: Setting) -> None:
    message_id = setting.send()
    deliver(setting)
    deliver(setting)
    message = setting.message(message_id)
    assert message.state == MessageState.DONE
    assert message.reference == "answer-1"
    assert message.finished_at is not None
    assert setting.network.effects == {message.key: 1}
    [attempt] = setting.attempts(message_id)
    assert attempt.outcome == Outcome.DONE
    assert b"network-secret" in setting.network.calls[0].body
    assert "network-secret" not in str(attempt.wire)
    assert setting.happened("probe.delivered") == setting.happened("message.done") == 1


def test_a_second_message_under_the_same_key_is_the_first(setting: Setting) -> None:
    assert setting.send() == setting.send()
    assert len(setting.messages()) == 1


def test_of_many_workers_one_claims_a_message(app: Flask, setting: Setting) -> None:
    setting.send()
    barrier = threading.Barrier(6)
    claimed: list[int] = []

    def claim() -> None:
        with app.app_context():
            enter_organization(setting.organization_id)
            barrier.wait()
            claim = claims.claim_next(queries.is_deliverable(setting.partner_id))
            if claim is not None:
                claimed.append(claim.number)

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claimed == [1]


def test_workers_side_by_side_deliver_each_message_once(app: Flask, setting: Setting) -> None:
    keys = {setting.message(setting.send(f"PO-{number}")).key for number in range(20)}

    def drain() -> None:
        with app.app_context():
            while any(one.state == MessageState.WAITING for one in waiting()):
                jobs.deliver(setting.organization_id, setting.partner_id)

    def waiting() -> list[Message]:
        with app.app_context():
            enter_organization(setting.organization_id)
            return setting.messages()

    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert setting.network.effects == dict.fromkeys(keys, 1)
    assert len(setting.network.calls) == 20
    assert setting.happened("probe.delivered") == 20


def test_a_slow_partner_is_not_called_by_every_worker(app: Flask, setting: Setting) -> None:
    for number in range(queries.MOST_AT_ONCE + 1):
        setting.send(f"PO-{number}")
    condition = queries.is_deliverable(setting.partner_id)
    claimed = [claims.claim_next(condition) for _ in range(queries.MOST_AT_ONCE + 1)]
    assert [claim is not None for claim in claimed] == [True] * queries.MOST_AT_ONCE + [False]


def test_after_a_crash_the_next_worker_asks_first(setting: Setting) -> None:
    message_id = setting.send()
    assert claims.claim_next(queries.is_deliverable(setting.partner_id)) is not None
    assert setting.message(message_id).state == MessageState.WORKING
    deliver(setting)
    assert setting.network.calls == []  # the lease runs
    setting.pause_is_over(message_id)
    deliver(setting)
    first, second = setting.attempts(message_id)
    assert (first.outcome, second.outcome) == (Outcome.INTERRUPTED, Outcome.DONE)
    assert setting.asked_first == [True]
    assert setting.message(message_id).state == MessageState.DONE


def test_a_worker_that_dies_every_time_stops_the_message_visibly(setting: Setting) -> None:
    message_id = setting.send()
    for _ in range(MOST_TRIES):
        setting.pause_is_over(message_id)
        assert claims.claim_next(queries.is_deliverable(setting.partner_id)) is not None
    setting.pause_is_over(message_id)
    deliver(setting)
    assert setting.network.calls == []
    assert setting.message(message_id).state == MessageState.NEEDS_ATTENTION
    [item] = setting.items()
    assert "again and again" in item.sentence
    assert setting.happened("probe.stopped") == 1


def test_after_silence_the_partner_is_asked_first_under_the_same_key(setting: Setting) -> None:
    setting.network.replies = [Reply(silent=True)]
    message_id = setting.send()
    deliver(setting)
    message = setting.message(message_id)
    assert message.state == MessageState.WAITING
    assert setting.attempts(message_id)[0].outcome == Outcome.AMBIGUOUS
    setting.pause_is_over(message_id)
    deliver(setting)
    assert setting.asked_first == [False, True]
    assert {call.message_id for call in setting.network.calls} == {message.key}
    assert setting.message(message_id).state == MessageState.DONE


def test_a_refused_connection_is_tried_again_without_asking(setting: Setting) -> None:
    setting.network.stop()
    message_id = setting.send()
    deliver(setting)
    [attempt] = setting.attempts(message_id)
    assert attempt.outcome == Outcome.RETRYABLE
    assert "cannot be reached" in attempt.detail
    setting.pause_is_over(message_id)
    deliver(setting)
    assert setting.asked_first == [False, False]


@pytest.mark.parametrize(
    ("reply", "pause"),
    [
        pytest.param(NOT_NOW, PAUSES[0], id="not ready"),
        pytest.param(Reply(silent=True), SETTLING_TIME, id="silent"),
        pytest.param(
            Reply(http=429, headers={"Retry-After": "77"}), timedelta(seconds=77), id="asks for time"
        ),
        pytest.param(Reply(http=503, headers={"Retry-After": "9" * 400}), LONGEST_PAUSE, id="asks for ever"),
        pytest.param(Reply(http=429, headers={"Retry-After": "soon"}), PAUSES[0], id="asks for nonsense"),
    ],
)
def test_the_pause_fits_the_trouble(setting: Setting, reply: Reply, pause: timedelta) -> None:
    setting.network.replies = [reply]
    message_id = setting.send()
    with time_machine.travel(clock.now() + timedelta(seconds=1), tick=False):
        deliver(setting)
        assert setting.message(message_id).available_at == clock.now() + pause


def test_trouble_lets_the_other_messages_rest_too(setting: Setting) -> None:
    setting.network.replies = [NOT_NOW, NOT_NOW]
    setting.send("PO-1")
    setting.send("PO-2")
    deliver(setting)
    assert len(setting.network.calls) == 1


def test_giving_up_is_a_visible_work_item_and_a_retry_starts_anew(setting: Setting) -> None:
    setting.network.replies = [NOT_NOW] * MOST_TRIES
    message_id = setting.send()
    for _ in range(MOST_TRIES):
        setting.pause_is_over(message_id)
        deliver(setting)
    assert setting.message(message_id).state == MessageState.NEEDS_ATTENTION
    [item] = setting.items()
    assert item.message_id == message_id
    assert "not ready (503)" in item.sentence
    with transaction():
        services.retry(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.message(message_id))
    deliver(setting)
    message = setting.message(message_id)
    assert (message.state, message.tries) == (MessageState.DONE, 1)
    assert setting.items() == []
    assert setting.items(resolved=True)[0].resolution == "Delivered."


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        pytest.param(Reply(400, "Line 1: unit BX unknown"), Outcome.REJECTED, id="rejected"),
        pytest.param(Reply(401, "Shared secret expired"), Outcome.MISCONFIGURED, id="misconfigured"),
    ],
)
def test_a_refusal_stops_at_once_with_the_partners_words(
    setting: Setting, reply: Reply, outcome: Outcome
) -> None:
    setting.network.replies = [reply]
    message_id = setting.send("PO-7")
    deliver(setting)
    setting.pause_is_over(message_id)
    deliver(setting)
    assert len(setting.network.calls) == 1
    [attempt] = setting.attempts(message_id)
    assert attempt.outcome == outcome
    assert reply.text in attempt.words
    [item] = setting.items()
    assert "PO-7" in item.sentence
    assert reply.text in item.sentence
    assert setting.happened("probe.stopped") == 1


def test_a_second_refusal_renews_the_words_of_the_open_item(setting: Setting) -> None:
    setting.network.replies = [Reply(400, "Unit unknown"), Reply(400, "Price missing")]
    message_id = setting.send()
    deliver(setting)
    with transaction():
        services.retry(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.message(message_id))
    deliver(setting)
    [item] = setting.items()
    assert "Price missing" in item.sentence


def test_an_adapter_that_does_not_exist_stops_the_message(setting: Setting) -> None:
    with transaction():
        setting.message(setting.send())
        db.session.get_one(Partner, setting.partner_id).adapter = "fax"
    deliver(setting)
    [item] = setting.items()
    assert "adapter fax, which does not exist" in item.sentence
    found = {finding.what: finding for finding in doctor.examine(setting.app)}
    finding = found[f"partner network of organization {setting.organization_id}"]
    assert finding.level is doctor.Level.FAIL
    assert "adapter fax, which does not exist" in finding.seen


def test_a_route_to_the_wrong_kind_of_partner_stops_the_message(setting: Setting) -> None:
    message_id = setting.send()
    with transaction():
        setting.message(message_id).kind = "receipt"
    deliver(setting)
    assert setting.message(message_id).state == MessageState.NEEDS_ATTENTION
    assert "no way to send a receipt to a partner of kind network" in setting.items()[0].sentence


def test_a_paused_partner_keeps_its_messages_until_it_is_resumed(setting: Setting) -> None:
    engineer = setting.hospital.actor(Role.INTEGRATION_ENGINEER)
    message_id = setting.send()
    with transaction():
        services.pause(engineer, db.session.get_one(Partner, setting.partner_id), paused=True)
    deliver(setting)
    jobs.sweep()
    setting.work()
    assert setting.network.calls == []
    with transaction():
        services.pause(engineer, db.session.get_one(Partner, setting.partner_id), paused=False)
    setting.work()
    assert setting.message(message_id).state == MessageState.DONE


def test_a_replay_sends_the_same_key_and_has_no_second_effect_here(setting: Setting) -> None:
    message_id = setting.send()
    deliver(setting)
    with transaction():
        services.replay(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.message(message_id))
    deliver(setting)
    message = setting.message(message_id)
    assert (message.state, message.reference) == (MessageState.DONE, "answer-1")
    assert setting.asked_first == [False, True]
    assert [call.message_id for call in setting.network.calls] == [message.key] * 2
    assert setting.happened("probe.delivered") == 1


def test_a_message_being_worked_on_can_be_neither_retried_nor_withdrawn(setting: Setting) -> None:
    message_id = setting.send()
    claims.claim_next(queries.is_deliverable(setting.partner_id))
    engineer = setting.hospital.actor(Role.INTEGRATION_ENGINEER)
    with pytest.raises(Conflict, match="is being worked on; it cannot be withdrawn now"), transaction():
        services.withdraw(engineer, queries.locked(message_id), "not needed")  # type: ignore[arg-type]


def test_a_withdrawn_message_never_leaves_and_its_subject_knows(setting: Setting) -> None:
    engineer = setting.hospital.actor(Role.INTEGRATION_ENGINEER)
    message_id = setting.send()
    with transaction():
        message = queries.locked(message_id)
        assert message is not None
        with pytest.raises(Invalid, match="Say why"):
            services.withdraw(engineer, message, "  ")
        services.withdraw(engineer, message, "Ordered by phone")
    deliver(setting)
    assert setting.network.calls == []
    assert setting.message(message_id).state == MessageState.WITHDRAWN
    assert setting.happened("probe.stopped") == 1
    with pytest.raises(Conflict, match="is withdrawn; it cannot be retried now"), transaction():
        services.retry(engineer, setting.message(message_id))


def test_withdrawing_a_stopped_message_closes_its_work_item(setting: Setting) -> None:
    setting.network.replies = [Reply(400, "No")]
    message_id = setting.send()
    deliver(setting)
    with transaction():
        message = queries.locked(message_id)
        assert message is not None
        services.withdraw(setting.hospital.actor(Role.INTEGRATION_ENGINEER), message, "Ordered by phone")
    assert setting.items() == []
    assert setting.items(resolved=True)[0].resolution == "Withdrawn: Ordered by phone"


def test_a_later_version_waits_for_the_earlier_one(setting: Setting) -> None:
    setting.network.replies = [NOT_NOW]
    first = setting.send("PO-1")
    deliver(setting)
    second = setting.send("PO-1", version=2)
    other = setting.send("PO-2")
    deliver(setting)
    assert setting.message(second).state == MessageState.WAITING
    assert setting.message(other).state == MessageState.DONE
    setting.pause_is_over(first)
    deliver(setting)
    sent = [call.message_id for call in setting.network.calls]
    assert sent[-2:] == [setting.message(first).key, setting.message(second).key]


def test_a_success_that_outlived_its_lease_counts_and_happens_once(setting: Setting) -> None:
    """The slow first try succeeds after the second one was refused: the document is at the partner."""
    message_id = setting.send()
    slow = claims.claim_next(queries.is_deliverable(setting.partner_id))
    assert slow is not None
    answered = delivery.attempt(slow)
    setting.network.replies = [Reply(400, "Already here")]
    setting.pause_is_over(message_id)
    deliver(setting)
    assert setting.message(message_id).state == MessageState.NEEDS_ATTENTION
    delivery.settle(slow, answered)
    assert setting.message(message_id).state == MessageState.DONE
    assert setting.items() == []
    assert setting.happened("probe.delivered") == 1


def test_a_failure_that_outlived_its_lease_changes_nothing(setting: Setting) -> None:
    message_id = setting.send()
    slow = claims.claim_next(queries.is_deliverable(setting.partner_id))
    assert slow is not None
    setting.pause_is_over(message_id)
    deliver(setting)
    delivery.settle(slow, delivery.Result(Outcome.RETRYABLE, detail="too late"))
    assert setting.message(message_id).state == MessageState.DONE
    assert setting.attempts(message_id)[0].detail == "too late"


def test_no_transaction_stays_open_while_the_partner_is_called(setting: Setting) -> None:
    setting.send()
    claim = claims.claim_next(queries.is_deliverable(setting.partner_id))
    assert claim is not None
    delivery.attempt(claim)
    assert not db.session().in_transaction()
