"""The demo organizations' prices, contracts and budgets: whatever the day of seeding, they make sense."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import combinations, groupby, pairwise

import pytest

from tests.demo_tables import ORGANIZATIONS, Row, column, day, table, window

DATES = {
    "cost_centers": "valid_from,valid_to",
    "contracts": "valid_from,valid_to",
    "contract_lines": "valid_from,valid_to",
    "budgets": "period_start,period_end",
}
SEEDING_DAYS = (date(2026, 1, 1), date(2026, 12, 31), date(2028, 2, 29))


def contract_windows(organization: str, today: date) -> dict[str, tuple[date, date]]:
    return {row["number"]: window(row, today) for row in table(organization, "contracts")}


@pytest.fixture(params=ORGANIZATIONS)
def organization(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("today", SEEDING_DAYS)
@pytest.mark.parametrize("name", DATES)
def test_date_cells_parse_and_run_forward(organization: str, name: str, today: date) -> None:
    start, end = DATES[name].split(",")
    for row in table(organization, name):
        assert day(row[start], today) <= day(row[end], today), row


def test_money_is_positive_with_at_most_four_decimals(organization: str) -> None:
    for name, field in (("offers", "list_price"), ("contract_lines", "unit_price"), ("budgets", "amount")):
        for text in column(organization, name, field):
            assert re.fullmatch(r"\d+\.\d{2,4}", text), text
            assert Decimal(text) > 0
    assert all(Decimal(text) >= 0 for text in column(organization, "suppliers", "minimum_order"))


def price_ladders(organization: str) -> Iterator[list[Row]]:
    """The tiers of one contract price on the same days, as written."""

    def ladder(row: Row) -> tuple[str, ...]:
        return row["contract"], row["item"], row["uom"], row["valid_from"], row["valid_to"]

    for _, rows in groupby(table(organization, "contract_lines"), key=ladder):
        yield list(rows)


def test_tiers_start_at_one_and_the_price_falls_as_the_quantity_rises(organization: str) -> None:
    tiered = 0
    for rows in price_ladders(organization):
        assert rows[0]["minimum_quantity"] == "1", rows[0]
        tiered += len(rows) > 1
        for lower, higher in pairwise(rows):
            assert int(lower["minimum_quantity"]) < int(higher["minimum_quantity"]), higher
            assert Decimal(lower["unit_price"]) > Decimal(higher["unit_price"]), higher
    assert tiered > 10


def test_a_contract_price_is_below_the_list_price_of_an_offer_with_the_same_part(organization: str) -> None:
    supplier = {row["number"]: row["supplier"] for row in table(organization, "contracts")}
    offers = {
        (row["item"], row["supplier"], row["supplier_part"], row["uom"]): Decimal(row["list_price"])
        for row in table(organization, "offers")
    }
    for row in table(organization, "contract_lines"):
        key = (row["item"], supplier[row["contract"]], row["supplier_part"], row["uom"])
        assert Decimal(row["unit_price"]) < offers[key], row


@pytest.mark.parametrize("today", SEEDING_DAYS)
def test_contract_lines_stay_inside_their_contract(organization: str, today: date) -> None:
    contracts = contract_windows(organization, today)
    for row in table(organization, "contract_lines"):
        start, end = window(row, today)
        first, last = contracts[row["contract"]]
        assert first <= start <= end <= last, row


@pytest.mark.parametrize("today", SEEDING_DAYS)
def test_no_two_prices_of_a_tier_hold_on_the_same_day(organization: str, today: date) -> None:
    tiers: dict[tuple[str, ...], list[tuple[date, date]]] = {}
    for row in table(organization, "contract_lines"):
        tier = (row["contract"], row["item"], row["uom"], row["minimum_quantity"])
        tiers.setdefault(tier, []).append(window(row, today))
    for key, windows in tiers.items():
        for one, other in combinations(windows, 2):
            assert one[1] < other[0] or other[1] < one[0], key


@pytest.mark.parametrize("today", SEEDING_DAYS)
def test_there_is_an_expiring_an_expired_a_future_and_a_future_priced_contract(
    organization: str, today: date
) -> None:
    windows = contract_windows(organization, today).values()
    in_force = [end for start, end in windows if start <= today <= end]
    assert any((end - today).days in range(15, 26) for end in in_force)
    assert any(end < today for _, end in windows)
    assert any(start > today for start, _ in windows)
    contracts = contract_windows(organization, today)
    lines = table(organization, "contract_lines")
    assert any(contracts[row["contract"]][0] <= today < window(row, today)[0] for row in lines)


@pytest.mark.parametrize("today", SEEDING_DAYS)
def test_one_cost_center_is_expired_and_one_not_yet_valid(organization: str, today: date) -> None:
    windows = [window(row, today) for row in table(organization, "cost_centers")]
    assert sum(end < today for _, end in windows) == 1
    assert sum(start > today for start, _ in windows) == 1


def test_some_items_have_several_suppliers_and_some_offers_no_contract(organization: str) -> None:
    suppliers: dict[str, set[str]] = {}
    for row in table(organization, "offers"):
        suppliers.setdefault(row["item"], set()).add(row["supplier"])
    assert max(len(codes) for codes in suppliers.values()) >= 2
    supplier = {row["number"]: row["supplier"] for row in table(organization, "contracts")}
    priced = {(row["item"], supplier[row["contract"]]) for row in table(organization, "contract_lines")}
    offered = {(row["item"], row["supplier"]) for row in table(organization, "offers")}
    assert offered - priced
    assert offered & priced


def test_budgets_cover_this_year_and_one_is_nearly_used_up_from_the_start(organization: str) -> None:
    rows = table(organization, "budgets")
    assert {(row["period_start"], row["period_end"]) for row in rows} == {("year-start", "year-end")}
    amounts = sorted(Decimal(row["amount"]) for row in rows)
    assert amounts[0] < 1000 < amounts[1]


@pytest.mark.parametrize("today", SEEDING_DAYS)
def test_most_active_items_have_a_contract_price_on_the_day(organization: str, today: date) -> None:
    active = {row["code"] for row in table(organization, "items") if row["lifecycle"] == "active"}
    priced = {
        row["item"]
        for row in table(organization, "contract_lines")
        if window(row, today)[0] <= today <= window(row, today)[1]
    }
    assert len(active) / 2 < len(active & priced) < len(active)
