"""Redis only says "look now": flushed, lost or down, everything still arrives once."""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal.embedded import free_port
from portal.exchange import claims, jobs, queries
from portal.exchange.delivery import MOST_PER_JOB
from portal.exchange.rules import MessageState
from portal.foundation.db import transaction
from portal.foundation.jobs import connect, queue
from tests import cxml_partner
from tests.cxml_partner import CxmlPartner
from tests.exchange_setting import Setting, exchange
from tests.hospital import Hospital


@pytest.fixture
def network() -> Iterator[CxmlPartner]:
    with cxml_partner.running() as partner:
        yield partner


@pytest.fixture
def setting(app: Flask, hospital: Hospital, network: CxmlPartner) -> Iterator[Setting]:
    with exchange(app, hospital, network) as made:
        yield made


@pytest.fixture
def closed_port() -> int:
    return free_port()


def queued(setting: Setting) -> list[str]:
    """What waits for this organization; the sweep also finds what other tests left behind."""
    return [str(job.func_name) for job in queue("exchange").jobs if job.args[0] == setting.organization_id]


def test_a_commit_wakes_a_worker(setting: Setting) -> None:
    message_id = setting.send()
    assert queued(setting) == ["portal.exchange.jobs.deliver"]
    setting.work()
    assert setting.message(message_id).state == MessageState.DONE


def test_a_rollback_sends_nothing_and_wakes_nobody(setting: Setting) -> None:
    def fail() -> None:
        with transaction():
            setting.put()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert queued(setting) == []


def test_redis_flushed_between_commit_and_job(app: Flask, setting: Setting) -> None:
    message_id = setting.send()
    app.extensions["redis"].flushall()
    setting.work()
    assert setting.message(message_id).state == MessageState.WAITING
    jobs.sweep()
    setting.work()
    assert setting.message(message_id).state == MessageState.DONE
    assert len(setting.network.calls) == 1


def test_redis_down_at_the_commit(app: Flask, setting: Setting, closed_port: int) -> None:
    redis = app.extensions["redis"]
    app.extensions["redis"] = connect(f"redis://127.0.0.1:{closed_port}")
    try:
        message_id = setting.send()
    finally:
        app.extensions["redis"] = redis
    assert queued(setting) == []
    jobs.sweep()
    setting.work()
    assert setting.message(message_id).state == MessageState.DONE


def test_many_wake_ups_deliver_once(setting: Setting) -> None:
    setting.send()
    for _ in range(5):
        jobs.sweep()
    assert queued(setting).count("portal.exchange.jobs.deliver") >= 5
    setting.work()
    assert len(setting.network.calls) == 1


def test_the_sweep_finds_the_message_of_a_dead_worker(setting: Setting) -> None:
    message_id = setting.send()
    setting.work()  # nothing may stay queued that would hide what the sweep does
    second = setting.send("PO-2")
    claims.claim_next(queries.is_deliverable(setting.partner_id))
    setting.work()
    assert setting.message(second).state == MessageState.WORKING
    jobs.sweep()
    assert queued(setting) == []
    setting.pause_is_over(second)
    jobs.sweep()
    setting.work()
    assert [setting.message(one).state for one in (message_id, second)] == [MessageState.DONE] * 2
    assert setting.asked_first == [False, True]


def test_more_than_one_job_carries_goes_on_in_another(setting: Setting) -> None:
    with transaction():
        for number in range(MOST_PER_JOB + 5):
            setting.put(f"PO-{number}")
    setting.app.extensions["redis"].flushall()
    jobs.sweep()
    assert queued(setting) == ["portal.exchange.jobs.deliver"]
    setting.work()
    assert [message.state for message in setting.messages()] == [MessageState.DONE] * (MOST_PER_JOB + 5)
    assert set(setting.network.effects.values()) == {1}
