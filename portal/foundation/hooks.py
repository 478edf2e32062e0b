"""A low feature announces, higher ones listen: attached in the composition root."""

from collections.abc import Callable, Sequence
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Hook(Generic[P]):
    """Calls what was attached, in order, inside the caller's transaction."""

    def __init__(self) -> None:
        self._listeners: list[Callable[P, object]] = []

    def attach(self, listener: Callable[P, object]) -> None:
        """Adds a listener once."""
        if listener not in self._listeners:
            self._listeners.append(listener)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Announces."""
        for listener in self._listeners:
            listener(*args, **kwargs)


class Collector(Generic[P, T]):
    """A low feature's page asks; higher ones, attached in the composition root, add what they know."""

    def __init__(self) -> None:
        self._sources: list[Callable[P, Sequence[T]]] = []

    def attach(self, source: Callable[P, Sequence[T]]) -> None:
        """Adds a source once."""
        if source not in self._sources:
            self._sources.append(source)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[T]:
        """Everything the sources know, in their order."""
        return [one for source in self._sources for one in source(*args, **kwargs)]
