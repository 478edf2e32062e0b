"""Answers of the database that many messages ask for, remembered for a few seconds by each process."""

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from portal.foundation.db import db

REMEMBERED_SECONDS = 5.0
MOST = 1_000
T = TypeVar("T")


class Memory:
    """Keys carry the organization where the answer is one of its rows."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    def forget(self) -> None:
        """Asks anew from now on."""
        self._kept.clear()

    def recall(self, key: Hashable, find: Callable[[], T]) -> T:
        """The remembered answer, or what `find` gives; nothing found (None) is asked for again."""
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and kept[0] > now:
            found: T = kept[1]
            return found
        found = find()
        if len(self._kept) >= MOST:
            self._kept.clear()
        if found is not None:
            self._kept[key] = (now + REMEMBERED_SECONDS, found)
        return found


memory = Memory()


def own(*key: Hashable) -> Hashable:
    """A key of the organization the session is in."""
    return (db.session().info["organization_id"], *key)
