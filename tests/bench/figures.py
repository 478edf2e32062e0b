"""Figures: the portal beside its bare reference, as a table for people and JSON lines for programs."""

import json
import statistics
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.interleaving import Series, quantile


@dataclass(frozen=True)
class Spread:
    """A middle value with the smallest and largest of the rounds."""

    middle: float
    low: float
    high: float

    def per_second(self) -> "Spread":
        """Seconds per operation as operations per second."""
        return Spread(1 / self.middle, 1 / self.high, 1 / self.low)

    def milliseconds(self) -> "Spread":
        """Seconds as milliseconds."""
        return Spread(self.middle * 1000, self.low * 1000, self.high * 1000)

    def rounded(self) -> dict[str, float]:
        """As JSON shows it."""
        return {
            "median": round(self.middle, 3),
            "min": round(self.low, 3),
            "max": round(self.high, 3),
        }


@dataclass(frozen=True)
class Figure:
    """What the portal costs (`ratio`) in units of what the bare reference costs."""

    measure: str
    reference: str
    unit: str
    portal: Spread
    bare: Spread
    ratio: Spread
    portal_cpu: float  # milliseconds per operation
    bare_cpu: float
    samples: int

    @property
    def cpu_ratio(self) -> float | None:
        """The same for CPU time; None where the reference used less than the system's clock shows."""
        return self.portal_cpu / self.bare_cpu if self.bare_cpu > 0 else None

    def line(self) -> str:
        """One JSON object."""
        shown: dict[str, Any] = {
            "measure": self.measure,
            "reference": self.reference,
            "ratio": self.ratio.rounded(),
            "unit": self.unit,
            "portal": self.portal.rounded(),
            "bare": self.bare.rounded(),
            "portal_cpu_ms": round(self.portal_cpu, 3),
            "bare_cpu_ms": round(self.bare_cpu, 3),
            "cpu_ratio": round(self.cpu_ratio, 2) if self.cpu_ratio is not None else None,
            "samples": self.samples,
        }
        return json.dumps(shown)


def figure(
    measure: str, reference: str, portal: Series, bare: Series, *, unit: str = "ms", share: float = 0.5
) -> Figure:
    """The two series compared at a quantile; `unit` is ms or per s. Needs at least one whole round."""
    convert = Spread.per_second if unit == "per s" else Spread.milliseconds
    ratios = [
        quantile(ours, share) / quantile(theirs, share)
        for ours, theirs in zip(portal.rounds, bare.rounds, strict=True)
    ]
    whole = quantile(portal.seconds, share) / quantile(bare.seconds, share)
    return Figure(
        measure=measure,
        reference=reference,
        unit=unit,
        portal=convert(_spread(portal, share)),
        bare=convert(_spread(bare, share)),
        ratio=Spread(whole, min(ratios), max(ratios)),
        portal_cpu=statistics.mean(portal.cpu) * 1000,
        bare_cpu=statistics.mean(bare.cpu) * 1000,
        samples=len(portal.seconds),
    )


def _spread(series: Series, share: float) -> Spread:
    rounds = [quantile(seconds, share) for seconds in series.rounds]
    return Spread(quantile(series.seconds, share), min(rounds), max(rounds))


def show(figures: list[Figure], console: Console) -> None:
    """The table, then one JSON line a figure."""
    table = Table(title="Each cost as a multiple of its bare reference (lower is better, 1 is as cheap)")
    table.add_column("Measure")
    table.add_column("Against")
    for heading in ("Ratio", "CPU ratio", "Portal", "Bare", "CPU ms, portal / bare", "n"):
        table.add_column(heading, justify="right")
    for one in figures:
        table.add_row(
            one.measure,
            one.reference,
            f"{_short(one.ratio.middle)}\n{_between(one.ratio)}",
            "-" if one.cpu_ratio is None else _short(one.cpu_ratio),
            f"{_short(one.portal.middle)} {one.unit}\n{_between(one.portal)}",
            f"{_short(one.bare.middle)} {one.unit}\n{_between(one.bare)}",
            f"{_short(one.portal_cpu)} / {_short(one.bare_cpu)}",
            str(one.samples),
        )
    console.print(table)
    for one in figures:
        console.print(one.line(), soft_wrap=True, markup=False, highlight=False)


def _between(spread: Spread) -> str:
    return f"{_short(spread.low)} to {_short(spread.high)}"


def _short(value: float) -> str:
    """Three significant digits, without an exponent."""
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"
