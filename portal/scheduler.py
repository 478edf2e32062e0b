"""The table of scheduled jobs and the loop that asks for them when they are due."""

import os
import signal
import socket
import threading
import time

import psycopg
from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from structlog import get_logger

from portal.app import create_app
from portal.foundation.jobs import JOBS, queue
from portal.settings import Settings, load

# Any number will do, as long as all schedulers of one database share it.
TAKE_LEAD = "SELECT pg_try_advisory_lock(7020519843)"
STILL_THERE = "SELECT true"
HEARTBEAT = "portal:scheduler"
HEARTBEAT_SECONDS = 30
TICK_SECONDS = 1.0
FAILURE_SECONDS = 86_400
logger = get_logger(__name__)


def schedule(settings: Settings) -> dict[str, float]:
    """Seconds between two runs, by job name."""
    return {
        "portal.approvals.jobs.attend": 30.0,
        "portal.clinical.launch.jobs.poll": 300.0,
        "portal.clinical.launch.jobs.tidy": 900.0,
        "portal.clinical.usage.jobs.order_bills": 60.0,
        "portal.exchange.jobs.sweep": settings.sweep_seconds,
        "portal.identity.jobs.tidy": 300.0,
        "portal.inventory.jobs.prove": 3600.0,
        "portal.masterdata.jobs.sweep": 30.0,
        "portal.masterdata.jobs.sync_everywhere": 900.0,
        "portal.operations.jobs.seal_audit": 900.0,
        "portal.orders.workbench.jobs.place_ready": 60.0,
        "portal.orders.differences.jobs.attend": 300.0,
        "portal.replenishment.jobs.sweep": 300.0,
        "portal.requisitions.lists.jobs.sweep": 300.0,
    }


class Scheduler:
    """One of possibly several; the one that holds the lock in the database asks for the jobs."""

    def __init__(self, settings: Settings, redis: "Redis") -> None:
        self.stopping = threading.Event()
        self._settings = settings
        self._redis = redis
        self._connection: psycopg.Connection | None = None
        self._leading = False
        self._due = dict.fromkeys(schedule(settings), 0.0)
        self._asked: dict[str, str] = {}

    def run(self) -> None:
        """Runs until `stopping` is set; outlives restarts of PostgreSQL and Redis."""
        while not self.stopping.is_set():
            if self._leads():
                self._ask_for_due()
            next_due = min(self._due.values()) - time.monotonic()
            self.stopping.wait(min(max(next_due, 0.05), TICK_SECONDS))
        if self._connection is not None:
            self._connection.close()

    def _leads(self) -> bool:
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._settings.database_url, autocommit=True, connect_timeout=5
                )
            question = STILL_THERE if self._leading else TAKE_LEAD
            self._leading = self._connection.execute(question).fetchone() == (True,)
        except psycopg.Error as error:
            logger.warning("database_lost", error=type(error).__name__)
            self._connection = None
            self._leading = False
        return self._leading

    def _ask_for_due(self) -> None:
        try:
            self._redis.set(HEARTBEAT, f"{socket.gethostname()} {os.getpid()}", ex=HEARTBEAT_SECONDS)
            for name, seconds in schedule(self._settings).items():
                if time.monotonic() >= self._due[name]:
                    self._ask_for(name)
                    self._due[name] = time.monotonic() + seconds
        except RedisError as error:
            logger.warning("queue_lost", error=type(error).__name__)

    def _ask_for(self, name: str) -> None:
        # While no worker comes for it, one request is enough.
        if self._is_waiting(self._asked.get(name)):
            return
        spec = JOBS[name]
        asked = queue(spec.queue).enqueue_call(
            name, timeout=spec.timeout, result_ttl=0, failure_ttl=FAILURE_SECONDS
        )
        self._asked[name] = asked.id

    def _is_waiting(self, job_id: str | None) -> bool:
        if job_id is None:
            return False
        try:
            job = Job.fetch(job_id, connection=self._redis, serializer=JSONSerializer)
        except NoSuchJobError:
            return False
        return job.get_status() is JobStatus.QUEUED


def run() -> None:
    """Runs until SIGTERM or SIGINT."""
    settings = load()
    app = create_app(settings)
    with app.app_context():
        scheduler = Scheduler(settings, app.extensions["redis"])
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, lambda *_: scheduler.stopping.set())
        logger.info("scheduler_started", jobs=len(schedule(settings)))
        scheduler.run()
