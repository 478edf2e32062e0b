"""Whom a comment mentions."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

LONGEST_TEXT = 2000
WITHDRAWN_WITHIN = timedelta(minutes=30)


def may_withdraw(written: datetime, now: datetime) -> bool:
    """Whether its author may still take a comment back."""
    return now - written <= WITHDRAWN_WITHIN


def mentioned(text: str, people: Mapping[int, str]) -> set[int]:
    """The people (name by id) whose whole name stands behind an @; of names that begin alike the longest.

    People of the same name are all meant.
    """
    ids: dict[str, set[int]] = {}
    for person_id, name in people.items():
        ids.setdefault(name.casefold(), set()).add(person_id)
    names = sorted(filter(None, ids), key=len, reverse=True)
    if not names:
        return set()
    pattern = rf"(?<![\w.])@({'|'.join(re.escape(name) for name in names)})(?!\w)"
    return {person_id for name in re.findall(pattern, text.casefold()) for person_id in ids[name]}
