"""Background jobs: declared beside their feature, carried by RQ, woken after the commit."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from structlog import get_logger
from structlog.contextvars import bound_contextvars

from portal.foundation import metrics
from portal.foundation.db import after_commit
from portal.foundation.trace import new_trace

QUEUES = ("exchange", "masterdata", "default")
log = get_logger(__name__)


@dataclass(frozen=True)
class JobSpec:
    """Where and how long a job runs."""

    function: Callable[..., None]
    queue: str
    timeout: int


JOBS: dict[str, JobSpec] = {}


def job(queue: str, *, timeout: int = 60) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declares a job; its arguments are ids and plain JSON. It runs in an application context of its own."""

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        name = f"{function.__module__}.{function.__name__}"

        @wraps(function)
        def run(*args: Any) -> None:
            with (
                current_app.app_context(),
                bound_contextvars(job=name, trace_id=new_trace()),
                metrics.job_seconds.labels(name).time(),
            ):
                function(*args)

        JOBS[name] = JobSpec(run, queue, timeout)
        return run

    return declare


def connect(url: str) -> "Redis":
    """A connection to Redis or Valkey with time limits."""
    return Redis.from_url(url, socket_timeout=10, socket_connect_timeout=3, health_check_interval=30)


def queue(name: str) -> Queue:
    """The RQ queue of this application."""
    return Queue(name, connection=current_app.extensions["redis"], serializer=JSONSerializer)


def enqueue_named(name: str, *args: Any) -> None:
    """Asks a worker to look now. Losing the wake-up loses nothing: the sweep finds due work."""
    spec = JOBS[name]
    try:
        queue(spec.queue).enqueue_call(
            name, args=args, timeout=spec.timeout, result_ttl=0, failure_ttl=86_400
        )
    except RedisError:
        log.warning("wake_up_failed", job=name)


def enqueue(function: Callable[..., None], *args: Any) -> None:
    """Asks a worker to run a declared job."""
    enqueue_named(f"{function.__module__}.{function.__name__}", *args)


def enqueue_after_commit(function: Callable[..., None], *args: Any) -> None:
    """Enqueues once the current transaction is durable."""
    after_commit(lambda: enqueue(function, *args))
