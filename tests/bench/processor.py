"""CPU seconds of the processes a measure involves."""

import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from portal.processes import Child


def of_this_process(servers: Callable[[], float]) -> Callable[[], float]:
    """This process and the servers behind it."""
    return lambda: time.process_time() + servers()


def of_children(child: Child, servers: Callable[[], float] | None = None) -> Callable[[], float]:
    """A process with all it started, and the servers behind it."""
    root = psutil.Process(child.process.pid)
    return lambda: _tree(root) + (servers() if servers else 0.0)


def of_named(*names: str) -> Callable[[], float]:
    """The processes of these names that this process started."""
    roots = [process for process in psutil.Process().children() if process.name() in names]
    return lambda: sum(_tree(root) for root in roots)


def _tree(root: psutil.Process) -> float:
    seconds = 0.0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            # What a process has waited for counts too: database sessions that ended.
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds
