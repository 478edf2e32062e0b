"""The bench measures what it says: whole rounds in turn, ratios of cost, and every measure runs."""

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import count

import pytest

from tests.bench import generator
from tests.bench.figures import figure
from tests.bench.ground import ROOT
from tests.bench.interleaving import Plan, Series, Side, interleave, until_empty
from tests.bench.placing import batches

ENDLESS = 3600.0


def side(name: str, seen: list[str], things: int = 1000) -> Side:
    left = until_empty(range(things))

    def prepare() -> Callable[[], object]:
        next(left)
        return lambda: seen.append(name)

    ticks = count()
    return Side(prepare, lambda: float(next(ticks)))


def test_the_sides_take_turns_and_the_first_round_only_warms_up() -> None:
    seen: list[str] = []
    plan = Plan(works=2, operations=4, rounds=2, seconds=ENDLESS)
    measured = interleave({"a": side("a", seen), "b": side("b", seen)}, plan)
    assert seen == ["a", "a", "b", "b", "b", "b", "a", "a", "a", "a", "b", "b"]
    for series in measured.values():
        assert [len(one) for one in series.rounds] == [2, 2]
        assert series.cpu == [1 / 8, 1 / 8]  # one second in a round of two works of four operations


def test_a_round_that_one_side_cannot_finish_does_not_count() -> None:
    seen: list[str] = []
    plan = Plan(works=2, rounds=9, seconds=ENDLESS)
    measured = interleave({"a": side("a", seen), "b": side("b", seen, things=7)}, plan)
    assert [len(series.rounds) for series in measured.values()] == [2, 2]


@pytest.mark.parametrize(("least", "counted"), [(1, 1), (2, 1), (3, 2)])
def test_no_round_starts_after_the_time_beyond_the_least(least: int, counted: int) -> None:
    measured = interleave({"a": side("a", [])}, Plan(works=1, rounds=9, seconds=0.0, least=least))
    assert len(measured["a"].rounds) == counted


def test_only_whole_batches_are_given_out() -> None:
    given = batches([1, 2, 3, 4, 5], 2)
    assert [next(given), next(given)] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("unit", "portal", "bare"),
    [("ms", (2000, 1000, 4000), (500, 500, 500)), ("per s", (0.5, 0.25, 1), (2, 2, 2))],
)
def test_a_ratio_is_cost_over_cost_in_either_unit(
    unit: str, portal: tuple[float, ...], bare: tuple[float, ...]
) -> None:
    shown = figure(
        "m", "r", Series([[1.0], [2.0], [4.0]], [0.2, 0.4, 0.6]), Series([[0.5]] * 3, [0.1] * 3), unit=unit
    )
    assert (shown.ratio.middle, shown.ratio.low, shown.ratio.high) == (4, 2, 8)
    assert (shown.portal.middle, shown.portal.low, shown.portal.high) == portal
    assert (shown.bare.middle, shown.bare.low, shown.bare.high) == bare
    assert shown.cpu_ratio == pytest.approx(4)
    assert json.loads(shown.line())["ratio"] == {"median": 4, "min": 2, "max": 8}


def test_no_cpu_ratio_where_the_clock_is_too_coarse() -> None:
    assert figure("m", "r", Series([[1.0]], [0.1]), Series([[1.0]], [0.0])).cpu_ratio is None


def test_the_p95_is_that_of_all_samples() -> None:
    values = [float(number) for number in range(1, 102)]
    assert figure("m", "r", Series([values], [1.0]), Series([[1.0]], [1.0]), share=0.95).ratio.middle == 96


def test_products_have_true_check_digits() -> None:
    for product in generator.products(1, 50):
        digits = [int(digit) for digit in product.gtin(1)]
        assert len(digits) == 14
        assert sum(digits[::2]) * 3 % 10 == -sum(digits[1::2]) % 10


def test_every_measure_runs() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.bench",
            "--offers",
            "400",
            "--requests",
            "20",
            "--movements",
            "1000",
            "--items",
            "400",
            "--seconds",
            "0",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    beginnings = {one["measure"].split()[0] for one in figures}
    assert beginnings == {"Submit", "Deliver", "Store", "Enter", "Search,", "Take", "Scan,", "Look", "Import"}
    assert all(one["ratio"]["median"] > 0 and one["samples"] > 0 for one in figures)
