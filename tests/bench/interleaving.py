"""Runs several ways of doing the same work in turn, so that a busy machine slows them all alike."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

ROUNDS = 10
T = TypeVar("T")


class NothingLeft(Exception):
    """There is no more work to prepare."""


def until_empty(things: Iterable[T]) -> Iterator[T]:
    """The things one by one; raises NothingLeft after the last."""
    yield from things
    raise NothingLeft


@dataclass(frozen=True)
class Side:
    """One way to do the work.

    `prepare` is not timed and returns the work as a function; `cpu` reads the CPU seconds that everything
    involved has used so far.
    """

    prepare: Callable[[], Callable[[], object]]
    cpu: Callable[[], float]


@dataclass(frozen=True)
class Plan:
    """How much: `works` per round and side, each of `operations`.

    After `seconds` no round starts beyond the `least` there must be.
    """

    works: int
    operations: int = 1
    rounds: int = ROUNDS
    seconds: float = 45.0
    least: int = 1


@dataclass
class Series:
    """What one side took: seconds per operation by round, CPU seconds per operation by round."""

    rounds: list[list[float]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        """Every measurement."""
        return [seconds for one in self.rounds for seconds in one]

    def warmed_up(self) -> "Series":
        """Without the first round, if there is another."""
        return Series(self.rounds[1:] or self.rounds, self.cpu[1:] or self.cpu)


def quantile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies; the median for one half."""
    if share == 0.5 or len(values) < 2:
        return statistics.median(values)
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def interleave(sides: Mapping[str, Side], plan: Plan) -> dict[str, Series]:
    """Rounds of all sides; who goes first changes. The first round only warms up, unless it is the only one.

    Ends early, with whole rounds only, when a side has nothing left to prepare or the time is over.
    """
    measured = {name: Series() for name in sides}
    names = list(sides)
    started = time.monotonic()
    for number in range(plan.rounds + 1):
        if number >= plan.least and time.monotonic() - started > plan.seconds:
            break
        first = number % len(names)
        try:
            one = {name: _round(sides[name], plan) for name in names[first:] + names[:first]}
        except NothingLeft:
            break
        for name, (seconds, cpu) in one.items():
            measured[name].rounds.append(seconds)
            measured[name].cpu.append(cpu)
    return {name: series.warmed_up() for name, series in measured.items()}


def _round(side: Side, plan: Plan) -> tuple[list[float], float]:
    works = [side.prepare() for _ in range(plan.works)]
    cpu = side.cpu()
    seconds: list[float] = []
    for work in works:
        started = time.perf_counter()
        work()
        seconds.append((time.perf_counter() - started) / plan.operations)
    return seconds, (side.cpu() - cpu) / (plan.works * plan.operations)
