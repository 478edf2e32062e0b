"""What can be done with a list of items in the order of use."""

from collections.abc import MutableSequence
from enum import StrEnum
from typing import TypeVar

Row = TypeVar("Row")


class Edit(StrEnum):
    """What a person wants done with a list; some name a row or an item after a colon."""

    SAVE = "save"
    ADD = "add"
    PICK = "pick"
    UP = "up"
    DOWN = "down"
    REMOVE = "remove"
    RESTORE = "restore"


STEPS = {Edit.UP: -1, Edit.DOWN: 1}


def shift(rows: MutableSequence[Row], row: Row, step: int) -> None:
    """Moves a row up (-1) or down (1); at an end it stays."""
    place = rows.index(row)
    rows.insert(min(max(place + step, 0), len(rows) - 1), rows.pop(place))
