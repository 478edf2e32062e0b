"""The demo organizations' CSV files, with dates relative to today."""

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

DATA = Path(__file__).parent / "data"
RELATIVE = re.compile(r"[+-]\d+d")


def rows(organization: str, table: str, *, today: date) -> Iterator[dict[str, str]]:
    """The rows of one file; `year-start`, `year-end`, `+30d` and `-30d` become ISO dates."""
    with (DATA / organization / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield {name: resolved(value, today) for name, value in row.items()}


def resolved(value: str, today: date) -> str:
    """A date token as an ISO date; any other text as it is."""
    if value == "year-start":
        return today.replace(month=1, day=1).isoformat()
    if value == "year-end":
        return today.replace(month=12, day=31).isoformat()
    if RELATIVE.fullmatch(value):
        return (today + timedelta(days=int(value[:-1]))).isoformat()
    return value
