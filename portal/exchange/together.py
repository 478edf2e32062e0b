"""Messages applied together in one transaction: what they share while it lasts."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from portal.foundation.db import db

KEY = "together"
T = TypeVar("T")


class Alone(Exception):
    """What has to be applied in a transaction of its own; the others of its batch then are too."""


@contextmanager
def together() -> Iterator[None]:
    """Inside, several messages are applied as one; nothing is written before it ends or somebody flushes."""
    session = db.session()
    session.info[KEY] = {}
    try:
        with session.no_autoflush:
            yield
    finally:
        session.info.pop(KEY, None)


def is_together() -> bool:
    """Whether several messages are being applied as one."""
    return KEY in db.session().info


def once(key: Hashable, find: Callable[[], T]) -> T:
    """What `find` gives, asked once for all messages that are applied together."""
    shared = db.session().info.get(KEY)
    if shared is None:
        return find()
    if key not in shared:
        shared[key] = find()
    known: T = shared[key]
    return known
