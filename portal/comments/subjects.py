"""What can be commented on: features above name their documents in the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from portal.foundation.access import Actor
from portal.foundation.db import found


@dataclass(frozen=True)
class Subject:
    """A document: its page, where its comments stand, who may see it (name by account)."""

    kind: str
    id: int
    title: str
    page: str
    path: str
    people: Mapping[int, str] = field(repr=False)


Finder = Callable[[Actor, int], Subject | None]
_finders: dict[str, Finder] = {}


def follow(kind: str, finder: Finder) -> None:
    """Documents of this kind (their table) can be commented on; the finder knows who may see one."""
    _finders[kind] = finder


def find(actor: Actor, kind: str, subject_id: int) -> Subject:
    """The document, if the person may see it; raises NotFound."""
    finder = _finders.get(kind)
    return found(finder(actor, subject_id) if finder else None, "document")
