"""The worker pool: processes that carry out the declared jobs, each with an application of its own."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerPool
from rq.worker_registration import register
from structlog import get_logger

from portal.app import create_app
from portal.foundation import jobs, log
from portal.settings import load

# A worker says at least this often that it is alive, and is forgotten a minute later.
HEARTBEAT_SECONDS = 60
logger = get_logger(__name__)


class PortalWorker(SimpleWorker):
    """Carries out one job after the other in its own process. A killed one is replaced by the pool."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["worker_ttl"] = HEARTBEAT_SECONDS
        super().__init__(*args, **kwargs)

    def work(self, *args: Any, **kwargs: Any) -> bool:
        """Builds the application after the fork, so that processes share no connection, then works."""
        app = create_app()
        try:
            with app.app_context():
                return super().work(*args, **{**kwargs, "with_scheduler": False})
        except RedisError as error:
            logger.warning("queue_lost", error=type(error).__name__)
            time.sleep(1)  # the pool starts the next try at once
            return False

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Says that this worker is alive, also to a queue that was emptied meanwhile."""
        super().heartbeat(*args, **kwargs)
        self.connection.hset(self.key, mapping=self.serialize())
        register(self)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Logs which job failed where; the message may quote what people typed, so it is left out."""
        logger.error("job_failed", job=job.func_name, queue=job.origin, **_place(exc_info[1]))

    def handle_job_failure(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """Keeps in the queue which error it was and where, for the same reason."""
        place = _place(sys.exc_info()[1])
        kwargs["exc_string"] = f"{place['error']} {place['where']}"
        super().handle_job_failure(job, queue, *args, **kwargs)


def _place(error: BaseException | None) -> dict[str, str]:
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return {"error": type(error).__name__, "where": where}


def work(*, processes: int, queues: Sequence[str] = jobs.QUEUES) -> None:
    """Runs workers until SIGTERM or SIGINT; jobs that have begun are finished first."""
    settings = load()
    log.configure(settings.log_level)
    pool = WorkerPool(
        queues,
        connection=jobs.connect(settings.redis_url),
        num_workers=processes,
        worker_class=PortalWorker,
        serializer=JSONSerializer,
    )
    os.register_at_fork(after_in_child=_forget_signal_handlers)
    logger.info("workers_started", processes=processes, queues=list(queues))
    pool.start(logging_level="WARNING")


def _forget_signal_handlers() -> None:
    # Until a worker has set its own, the pool's handlers would stop its siblings instead of itself.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
