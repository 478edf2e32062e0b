"""Every check says pass, warn or block for the right reason, with its evidence."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import Lifecycle
from portal.budgets.rules import Balance, Control
from portal.requisitions.checks import (
    LABELS,
    BudgetFacts,
    CartFacts,
    CenterFacts,
    Check,
    LineFacts,
    check,
    check_budget,
    check_cost_center,
    check_line,
    check_need_by,
    spoken_money,
    spoken_price,
    worst,
)
from portal.requisitions.rules import CheckOutcome

TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)
LINE = LineFacts(
    number=1, item="Exam glove", quantity=Decimal(3), uom="BX", pack="BX of 100 EA",
    lifecycle=Lifecycle.ACTIVE, offer_active=True, supplier="Harborline", supplier_blocked=False,
    currency="USD", unit_price=Decimal("7.2500"), price_shown=Decimal("7.25"), contract_line_id=9,
    contract="C-1", contract_tier=Decimal(0), contract_ends=TODAY + 90 * DAY, gl_account="65100000 Supplies",
)  # fmt: skip
CENTER = CenterFacts("CC100 Emergency", TODAY - DAY, TODAY + DAY, is_allowed=True)
BUDGET = BudgetFacts("CC100 Emergency", Control.BLOCK, Balance(Decimal(100)), Decimal(40))
amounts = st.decimals(min_value=0, max_value=10**6, places=2)


def said(rule: str, **changes: Any) -> Check:
    """What one rule says of the line with these changes."""
    return next(one for one in check_line(replace(LINE, **changes), TODAY) if one.rule == rule)


def test_a_good_line_passes_every_rule() -> None:
    results = check_line(LINE, TODAY)
    assert {one.outcome for one in results} == {CheckOutcome.PASS}
    assert all(one.line == 1 and one.sentence and one.evidence for one in results)


@pytest.mark.parametrize(
    ("rule", "changes", "outcome", "words"),
    [
        ("item", {"lifecycle": Lifecycle.DISCONTINUED}, "block", "discontinued"),
        ("item", {"lifecycle": Lifecycle.BLOCKED}, "block", "blocked"),
        ("item", {"offer_active": False}, "block", "no longer offered"),
        ("item", {"supplier_blocked": True}, "block", "blocked for new orders"),
        ("quantity", {"quantity": Decimal("2.5")}, "block", "whole packs (BX of 100 EA)"),
        ("quantity", {"quantity": Decimal(0)}, "block", "Enter a whole number"),
        ("quantity", {"quantity": Decimal(-1)}, "block", "Enter a whole number"),
        ("price", {"contract": None, "contract_ends": None}, "warn", "no contract price today"),
        ("price", {"contract_ends": TODAY + 30 * DAY}, "warn", "ends on Dec 22, 2026"),
        ("price", {"contract_ends": TODAY + 31 * DAY}, "pass", "contract C-1"),
        ("price_moved", {"unit_price": Decimal("7.5")}, "warn", "now costs $7.50 per BX; it was $7.25"),
        ("price_moved", {"unit_price": Decimal("0.0825")}, "warn", "$0.0825"),
        ("gl_account", {"gl_account": None}, "block", "no GL account"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(
    rule: str, changes: dict[str, Any], outcome: str, words: str
) -> None:
    result = said(rule, **changes)
    assert result.outcome == outcome
    assert words in result.sentence


@pytest.mark.parametrize(
    ("center", "outcome", "words"),
    [
        (CENTER, "pass", "valid today"),
        (None, "block", "no cost center"),
        (replace(CENTER, valid_to=TODAY - DAY), "block", "ended on Nov 21, 2026"),
        (replace(CENTER, valid_from=TODAY + DAY), "block", "begins on Nov 23, 2026"),
        (replace(CENTER, is_allowed=False), "block", "may not charge"),
        (replace(CENTER, valid_from=TODAY, valid_to=TODAY), "pass", "valid today"),
    ],
)
def test_the_cost_center_must_be_valid_today(center: CenterFacts | None, outcome: str, words: str) -> None:
    result = check_cost_center(center, TODAY)
    assert result.outcome == outcome
    assert words in result.sentence


@pytest.mark.parametrize(
    ("need_by", "outcome"), [(None, "pass"), (TODAY, "pass"), (TODAY + DAY, "pass"), (TODAY - DAY, "block")]
)
def test_the_need_by_date_is_not_past(need_by: date | None, outcome: str) -> None:
    assert check_need_by(need_by, TODAY).outcome == outcome


@pytest.mark.parametrize(
    ("facts", "outcome", "words"),
    [
        (BUDGET, "pass", "$60.00 left"),
        (replace(BUDGET, asked=Decimal(100)), "pass", "$0.00 left"),
        (replace(BUDGET, asked=Decimal("100.01")), "block", "$100.00 available; this request needs $100.01"),
        (replace(BUDGET, asked=Decimal(101), control=Control.WARN), "warn", "The approver will see it"),
        (replace(BUDGET, asked=Decimal(101), control=Control.NONE), "pass", "The approver will see it"),
        (replace(BUDGET, balance=None), "warn", "no budget for today"),
    ],
)
def test_the_budget_must_cover_what_is_asked(facts: BudgetFacts, outcome: str, words: str) -> None:
    result = check_budget(facts)
    assert result.outcome == outcome
    assert words in result.sentence


@given(budget=amounts, requested=amounts, ordered=amounts, invoiced=amounts, asked=amounts)
def test_a_blocking_budget_lets_through_what_leaves_it_above_zero_and_nothing_else(
    budget: Decimal, requested: Decimal, ordered: Decimal, invoiced: Decimal, asked: Decimal
) -> None:
    balance = Balance(budget, requested, ordered, invoiced)
    result = check_budget(BudgetFacts("CC", Control.BLOCK, balance, asked))
    left = budget - requested - ordered - invoiced - asked
    assert (result.outcome is CheckOutcome.PASS) == (left >= 0)
    assert dict(result.evidence)["Left after it"] == spoken_money(left, "USD")


def test_the_whole_cart_is_checked_line_by_line_and_as_a_whole() -> None:
    facts = CartFacts(TODAY, None, CENTER, [LINE, replace(LINE, number=2)], [BUDGET])
    results = check(facts)
    assert [one.line for one in results] == [1] * 5 + [2] * 5 + [0, 0, 0]
    assert {one.rule for one in results} == set(LABELS)
    assert facts.total == Decimal("43.50")
    assert worst(results) is CheckOutcome.PASS
    assert worst([]) is CheckOutcome.PASS


def test_a_tier_is_named() -> None:
    assert replace(LINE, contract_tier=Decimal("10.000")).contract_in_words == "C-1, tier from 10 BX"
    assert replace(LINE, contract=None).contract_in_words == "List price"
    assert spoken_price(Decimal("12.5000"), "USD") == "$12.50"
