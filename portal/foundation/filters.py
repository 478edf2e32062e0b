"""Jinja filters: money, quantities and times as people read them."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import dates, numbers
from flask import Flask
from flask_babel import format_datetime, format_timedelta
from markupsafe import Markup, escape

from portal.foundation import clock
from portal.foundation.quantity import plain

LOCALE = "en_US"
FEWEST_DECIMALS, MOST_DECIMALS = 2, 4  # of a price
INDENT = re.compile(r"\n\s*")


def money(amount: Decimal, currency: str = "USD") -> str:
    """1234.5 → $1,234.50"""
    return _money(amount, currency)


# What is formatted is kept: a page shows a hundred amounts, and formatting one costs as much as its row.
@lru_cache(maxsize=4096)
def _money(amount: Decimal, currency: str) -> str:
    return str(numbers.format_currency(amount, currency, locale=LOCALE))


def unit_price(amount: Decimal, currency: str = "USD", decimals: int = FEWEST_DECIMALS) -> str:
    """As many decimals as it has, at least those of its column: 0.0825 → $0.0825, 12.5 → $12.50"""
    return _unit_price(amount, currency, decimals)


@lru_cache(maxsize=4096)
def _unit_price(amount: Decimal, currency: str, decimals: int) -> str:
    pattern = f"¤#,##0.{'0' * max(decimals, _decimals(amount))}"
    return str(numbers.format_currency(amount, currency, pattern, LOCALE, currency_digits=False))


def price_decimals(rows: Iterable[Any], *names: str) -> int:
    """The decimals of a column of prices, so that they stand one below the other: 2, or 4 where one has more.

    The price of a row is the first of `names` that it has.
    """
    prices = (next(filter(None, (getattr(row, name) for name in names)), Decimal()) for row in rows)
    is_fine = any(_decimals(price) > FEWEST_DECIMALS for price in prices)
    return MOST_DECIMALS if is_fine else FEWEST_DECIMALS


def _decimals(amount: Decimal) -> int:
    return -int(amount.normalize().as_tuple().exponent)


def day(value: date | None) -> str:
    """Nov 22, 2026"""
    return _day(value.astimezone(UTC).date() if isinstance(value, datetime) else value) if value else ""


@lru_cache(maxsize=4096)
def _day(value: date) -> str:
    return str(dates.format_date(value, "MMM d, y", LOCALE))


def moment(value: datetime, zone: str = "UTC") -> str:
    """Nov 22, 2026, 9:41 AM in the given zone."""
    return str(format_datetime(value.astimezone(ZoneInfo(zone)), "MMM d, y, h:mm a", rebase=False))


def ago(value: datetime) -> str:
    """3 minutes ago, in 2 days"""
    text = format_timedelta(value - clock.now(), granularity="second", threshold=1.2, add_direction=True)
    return str(text)


def compact(markup: Markup) -> Markup:
    """Without the indentation of its source, which makes up a fifth of a long table."""
    text = INDENT.sub("\n", escape(markup)).lstrip().rstrip("\n")
    return Markup(text)  # noqa: S704  # plain text was escaped just now


def init_filters(app: Flask) -> None:
    """Registers the filters."""
    for function in (money, unit_price, price_decimals, day, moment, ago, compact):
        app.add_template_filter(function)
    app.add_template_filter(plain, "quantity")
