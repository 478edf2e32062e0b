"""Money, prices, days and quantities as the sentences of checks say them."""

from datetime import date
from decimal import Decimal
from functools import lru_cache

from babel.numbers import format_currency

from portal.foundation.quantity import plain


@lru_cache(maxsize=4096)
def spoken_money(amount: Decimal, currency: str) -> str:
    """$1,234.50; nothing is written as $0.00 whatever its sign."""
    return str(format_currency(amount + 0, currency, locale="en_US"))


@lru_cache(maxsize=4096)
def spoken_price(amount: Decimal, currency: str) -> str:
    """A unit price with two to four decimals."""
    decimals = max(2, -int(amount.normalize().as_tuple().exponent))
    pattern = f"¤#,##0.{'0' * decimals}"
    return str(format_currency(amount, currency, format=pattern, locale="en_US", currency_digits=False))


def spoken_day(day: date) -> str:
    """Nov 22, 2026"""
    return f"{day:%b %-d, %Y}"


def spoken_days(count: int) -> str:
    """1 day, 30 days"""
    return f"{count} day{'' if count == 1 else 's'}"


def spoken_percent(share: Decimal) -> str:
    """12.5 %"""
    return f"{plain(share)} %"
