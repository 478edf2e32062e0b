"""Workers and scheduler as processes: replaced, stopped, restarted around, never piling up."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq import Queue, Worker
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from portal.embedded import EmbeddedServers, Valkey
from portal.foundation.jobs import JOBS, QUEUES
from portal.scheduler import HEARTBEAT, schedule
from portal.settings import load
from tests.functional.processes import PATIENCE, is_alive, until

SWEEP = "portal.exchange.jobs.sweep"
DELIVER = "portal.exchange.jobs.deliver"


@pytest.fixture
def redis(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator["Redis"]:
    """A queue of this test's own, on the server all tests share."""
    url = environment["PORTAL_REDIS_URL"].removesuffix("/0") + "/7"
    monkeypatch.setenv("PORTAL_REDIS_URL", url)
    with Redis.from_url(url, decode_responses=False) as connection:
        connection.flushdb()
        yield connection
        connection.flushdb()


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """The portal command as a process; what it starts is ended with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.cli", *command],
        start_new_session=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=PATIENCE)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)


def ask(redis: "Redis", name: str, *args: object) -> Job:
    queue = Queue(JOBS[name].queue, connection=redis, serializer=JSONSerializer)
    return queue.enqueue_call(name, args=args, timeout=20, result_ttl=0)


def pids(redis: "Redis") -> set[int]:
    workers = Worker.all(connection=redis, serializer=JSONSerializer)
    return {worker.pid for worker in workers if worker.pid and is_alive(worker.pid)}


def is_done(redis: "Redis", job: Job) -> bool:
    return not Job.exists(job.id, connection=redis)


def test_every_scheduled_job_is_declared_and_every_queue_served(app: Flask) -> None:
    assert set(schedule(load())) <= set(JOBS)
    assert {spec.queue for spec in JOBS.values()} <= set(QUEUES)
    for name in JOBS:
        module, _, function = name.rpartition(".")
        assert callable(getattr(sys.modules[module], function)), f"a worker cannot find {name}"


def test_jobs_are_done_and_the_pool_stops_on_request(app: Flask, redis: "Redis") -> None:
    with running("worker", "--processes", "2") as pool:
        until(lambda: len(pids(redis)) == 2)
        started = pids(redis)
        job = ask(redis, SWEEP)
        until(lambda: is_done(redis, job))
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(PATIENCE) == 0
        assert not any(is_alive(pid) for pid in started)


def test_a_killed_worker_is_replaced(app: Flask, redis: "Redis") -> None:
    with running("worker", "--processes", "1"):
        until(lambda: len(pids(redis)) == 1)
        (first,) = pids(redis)
        os.kill(first, signal.SIGKILL)
        until(lambda: pids(redis) - {first})
        job = ask(redis, SWEEP)
        until(lambda: is_done(redis, job))


def test_workers_stay_known_when_the_queue_is_emptied(app: Flask, redis: "Redis") -> None:
    with running("worker", "--processes", "1"):
        until(lambda: len(pids(redis)) == 1)
        before = pids(redis)
        redis.flushdb()
        job = ask(redis, SWEEP)
        until(lambda: is_done(redis, job))
        until(lambda: pids(redis) == before)


def test_a_failed_job_is_kept_without_what_people_typed(app: Flask, redis: "Redis") -> None:
    with running("worker", "--processes", "1"):
        job = ask(redis, DELIVER, "not a number", "typed by a person")
        failed = FailedJobRegistry("exchange", connection=redis, serializer=JSONSerializer)
        until(lambda: job.id in failed.get_job_ids())
        result = Job.fetch(job.id, connection=redis, serializer=JSONSerializer).latest_result()
    assert result is not None
    assert result.exc_string is not None
    assert "Error" in result.exc_string
    assert "typed by a person" not in result.exc_string


def test_workers_and_scheduler_outlive_a_restart_of_the_queue(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valkey = Valkey(tmp_path)
    valkey.start()
    monkeypatch.setenv("PORTAL_REDIS_URL", valkey.url)
    monkeypatch.setenv("PORTAL_SWEEP_SECONDS", "0.2")
    with running("worker", "--processes", "1"), running("scheduler"):
        redis = Redis.from_url(valkey.url)
        until(lambda: pids(redis))
        until(lambda: redis.get(HEARTBEAT))
        valkey.stop()
        valkey.start()
        redis.flushdb()
        until(lambda: redis.get(HEARTBEAT))
        job = ask(redis, SWEEP)
        until(lambda: is_done(redis, job))
        redis.close()
    valkey.stop()


def test_the_scheduler_outlives_a_restart_of_the_database(
    redis: "Redis", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedServers(tmp_path) as servers:
        monkeypatch.setenv("PORTAL_DATABASE_URL", servers.database())
        with running("scheduler"):
            until(lambda: redis.get(HEARTBEAT))
            servers.postgres.stop()
            redis.delete(HEARTBEAT)
            servers.postgres.start()
            until(lambda: redis.get(HEARTBEAT))


def test_one_scheduler_leads_and_another_takes_over(
    app: Flask, redis: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_SWEEP_SECONDS", "0.1")
    with running("scheduler") as first:
        until(lambda: leader(redis) == first.pid)
        with running("scheduler") as second:
            time.sleep(2)
            assert leader(redis) == first.pid
            first.send_signal(signal.SIGKILL)
            until(lambda: leader(redis) == second.pid)


def test_requests_do_not_pile_up_while_no_worker_comes(
    app: Flask, redis: "Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_SWEEP_SECONDS", "0.1")
    with running("scheduler"):
        until(lambda: redis.get(HEARTBEAT))
        time.sleep(2)
        waiting = [
            job.func_name
            for name in QUEUES
            for job in Queue(name, connection=redis, serializer=JSONSerializer).get_jobs()
        ]
    assert SWEEP in waiting
    assert len(waiting) == len(set(waiting))


def leader(redis: "Redis") -> int:
    note = redis.get(HEARTBEAT)
    return int(note.split()[1]) if note else 0
