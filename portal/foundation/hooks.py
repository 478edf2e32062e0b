"""A low feature announces, higher ones listen: attached in the composition root."""

from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


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
