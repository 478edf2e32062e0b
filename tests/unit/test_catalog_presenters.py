"""The chart of use."""

from datetime import date
from decimal import Decimal

from portal.catalog.presenters import CHART_HEIGHT, usage_chart

TODAY = date(2026, 2, 14)


def test_twelve_months_end_with_the_present_one_and_the_highest_fills_the_chart() -> None:
    bars = usage_chart([(date(2026, 1, 1), Decimal(10)), (date(2025, 3, 1), Decimal(5))], TODAY)
    assert [bar.month for bar in bars][::11] == ["Mar 2025", "Feb 2026"]
    assert [bar.height for bar in bars if bar.used] == [CHART_HEIGHT // 2, CHART_HEIGHT]
    assert all(bar.y + bar.height == CHART_HEIGHT for bar in bars)


def test_no_use_is_no_chart() -> None:
    assert usage_chart([], TODAY) == []
    assert usage_chart([(date(2026, 1, 1), Decimal(-2))], TODAY) == []
