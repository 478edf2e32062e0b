"""Money, prices, days and quantities as the sentences of checks say them."""

from datetime import date
from decimal import Decimal
from functools import cache

from babel.numbers import get_currency_precision, get_currency_symbol

from portal.foundation.quantity import plain


def spoken_money(amount: Decimal, currency: str) -> str:
    """$1,234.50; nothing is written as $0.00 whatever its sign."""
    symbol, decimals = _style(currency)
    return _spoken(amount + 0, symbol, decimals)


def spoken_price(amount: Decimal, currency: str) -> str:
    """A unit price with two to four decimals."""
    symbol, _ = _style(currency)
    return _spoken(amount, symbol, max(2, -int(amount.normalize().as_tuple().exponent)))


def _spoken(amount: Decimal, symbol: str, decimals: int) -> str:
    # As Babel writes it, in a twentieth of its time: a submit speaks of dozens of amounts.
    return f"{'-' if amount < 0 else ''}{symbol}{abs(amount):,.{decimals}f}"


@cache
def _style(currency: str) -> tuple[str, int]:
    return get_currency_symbol(currency, locale="en_US"), get_currency_precision(currency)


def spoken_day(day: date) -> str:
    """Nov 22, 2026"""
    return f"{day:%b %-d, %Y}"


def spoken_days(count: int) -> str:
    """1 day, 30 days"""
    return f"{count} day{'' if count == 1 else 's'}"


def spoken_percent(share: Decimal) -> str:
    """12.5 %"""
    return f"{plain(share)} %"
