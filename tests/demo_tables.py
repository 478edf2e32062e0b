"""The demo organizations' CSV files as the tests read them."""

import csv
import re
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import portal.demo

DATA = Path(portal.demo.__file__).parent / "data"
ORGANIZATIONS = ("lakeshore", "prairie")

Row = dict[str, str]


@cache
def table(organization: str, name: str) -> tuple[Row, ...]:
    with (DATA / organization / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file, strict=True))


def column(organization: str, name: str, field: str) -> list[str]:
    return [row[field] for row in table(organization, name)]


def day(token: str, today: date) -> date:
    """The day a date cell means: an ISO date, `year-start`, `year-end` or days from today (`+30d`)."""
    if token == "year-start":
        return date(today.year, 1, 1)
    if token == "year-end":
        return date(today.year, 12, 31)
    if re.fullmatch(r"[+-]\d{1,4}d", token):
        return today + timedelta(days=int(token[:-1]))
    return date.fromisoformat(token)


def window(row: Row, today: date) -> tuple[date, date]:
    return day(row["valid_from"], today), day(row["valid_to"], today)
