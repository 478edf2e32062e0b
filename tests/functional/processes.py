"""Waiting for processes and looking at them."""

import time
from collections.abc import Callable

import psutil

PATIENCE = 240


def until(what: Callable[[], object]) -> None:
    """Waits until something holds; fails after long patience."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process with this number runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
