"""Messages applied together in one transaction: what they share while it lasts."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from portal.foundation.db import db

KEY = "together"
ENDINGS = "together_endings"
T = TypeVar("T")


class Alone(Exception):
    """What has to be applied in a transaction of its own; the others of its batch then are too."""


@contextmanager
def together() -> Iterator[None]:
    """Inside, several messages are applied as one; nothing is written before it ends or somebody flushes."""
    session = db.session()
    session.info[KEY] = {}
    session.info[ENDINGS] = {}
    try:
        with session.no_autoflush:
            yield
            _end()
    finally:
        session.info.pop(KEY, None)
        session.info.pop(ENDINGS, None)


def at_end(key: Hashable, ending: Callable[[], object]) -> None:
    """Runs `ending` before the batch is written, one for each key; more than once where somebody has to see
    what is written so far (`as_written`).
    """
    db.session().info[ENDINGS].setdefault(key, ending)


def _end() -> None:
    for ending in list(db.session().info[ENDINGS].values()):
        ending()


@contextmanager
def as_written() -> Iterator[None]:
    """Inside, all is written as it comes: for services that read what they have just written."""
    session = db.session()
    if not is_together():
        yield
        return
    _end()
    session.flush()
    session.autoflush = True
    try:
        yield
        _end()
        session.flush()
    finally:
        session.autoflush = False


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
