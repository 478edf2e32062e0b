"""Jinja filters: money, quantities and times as people read them."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import numbers
from flask import Flask
from flask_babel import format_currency, format_date, format_datetime, format_timedelta, get_locale
from markupsafe import Markup

from portal.foundation import clock
from portal.foundation.quantity import plain


def money(amount: Decimal, currency: str = "USD") -> str:
    """1234.5 → $1,234.50"""
    return str(format_currency(amount, currency))


def unit_price(amount: Decimal, currency: str = "USD") -> str:
    """Up to four decimals: 0.0825 → $0.0825, 12.5 → $12.50"""
    return _unit_price(amount, currency, str(get_locale() or "en_US"))


@lru_cache(maxsize=4096)
def _unit_price(amount: Decimal, currency: str, locale: str) -> str:
    # Kept, as a page of offers shows fifty and formatting one costs as much as drawing its row.
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    pattern = f"¤#,##0.{'0' * decimals}"
    return str(numbers.format_currency(amount, currency, pattern, locale, currency_digits=False))


def day(value: date | None) -> str:
    """Nov 22, 2026"""
    return str(format_date(value, "MMM d, y")) if value else ""


def moment(value: datetime, zone: str = "UTC") -> str:
    """Nov 22, 2026, 9:41 AM in the given zone."""
    return str(format_datetime(value.astimezone(ZoneInfo(zone)), "MMM d, y, h:mm a", rebase=False))


def ago(value: datetime) -> str:
    """3 minutes ago, in 2 days"""
    text = format_timedelta(value - clock.now(), granularity="second", threshold=1.2, add_direction=True)
    return str(text)


def compact(markup: Markup) -> Markup:
    """Without the indentation of its source, which makes up a fifth of a long table."""
    # As plain text in between: each step on Markup makes a Markup of every line.
    lines = (line.lstrip() for line in str(markup).split("\n"))
    return Markup("\n".join(filter(None, lines)))  # noqa: S704  # it was Markup before


def init_filters(app: Flask) -> None:
    """Registers the filters."""
    for function in (money, unit_price, day, moment, ago, compact):
        app.add_template_filter(function)
    app.add_template_filter(plain, "quantity")
