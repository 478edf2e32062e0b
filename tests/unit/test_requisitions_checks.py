"""Every check says pass, warn or block for the right reason, with its evidence."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import Lifecycle
from portal.budgets.rules import Balance, Control
from portal.foundation.money import split
from portal.masterdata.rules import Closing, next_open
from portal.requisitions.checks import (
    BudgetFacts,
    CartFacts,
    CenterFacts,
    Check,
    LastOrder,
    LineFacts,
    Need,
    PlaceFacts,
    RecallFacts,
    ShareFacts,
    SupplierFacts,
    check,
    check_budget,
    check_closed_day,
    check_cost_center,
    check_line,
    check_location,
    check_need_by,
    check_supplier_minimum,
    spoken_money,
    spoken_price,
    worst,
)
from portal.requisitions.rulebook.rules import RULES, Rulebook, Severity, Version
from portal.requisitions.rules import CheckOutcome, SplitBy

TODAY = date(2026, 11, 22)
DAY = timedelta(days=1)
CENTER = CenterFacts("CC100 Emergency", TODAY - DAY, TODAY + DAY, is_allowed=True)
LINE = LineFacts(
    number=1, item="Exam glove", quantity=Decimal(3), uom="BX", pack="BX of 100 EA",
    lifecycle=Lifecycle.ACTIVE, offer_active=True, supplier="Harborline", supplier_blocked=False,
    currency="USD", unit_price=Decimal("7.2500"), price_shown=Decimal("7.25"), contract_line_id=9,
    contract="C-1", contract_tier=Decimal(0), contract_ends=TODAY + 90 * DAY, gl_account="65100000 Supplies",
    category="Gloves", base_uom="EA", factor=Decimal(100), offered_uom="BX", packed=Decimal(100),
    center=CENTER, last_order=LastOrder(Decimal("7.25"), TODAY - 30 * DAY, "RQ26-1"),
)  # fmt: skip
BUDGET = BudgetFacts("CC100 Emergency", Control.BLOCK, Balance(Decimal(100)), Decimal(40))
PLACE = PlaceFacts(
    "Emergency", "Main hospital", active=True, closings=(Closing(weekday=6, reason="weekend"),)
)
CART = CartFacts(TODAY, None, CENTER, [LINE], [BUDGET], PLACE, read_at=datetime(2026, 11, 22, 18, tzinfo=UTC))
OFF_CONTRACT = {"contract": None, "contract_ends": None}
amounts = st.decimals(min_value=0, max_value=10**6, places=2)


def said(rule: str, *versions: Version, **changes: Any) -> Check:
    """What one rule says of the line with these changes, under these settings."""
    facts = replace(CART, rules=Rulebook(versions))
    return next(one for one in check_line(replace(LINE, **changes), facts) if one.rule == rule)


def setting(rule: str, severity: Severity | None, threshold: int | None = None, **values: Any) -> Version:
    """A version of a rule that counts since yesterday."""
    known = {"number": 2, "starts_on": TODAY - DAY, **values}
    return Version(
        rule, severity=severity, threshold=None if threshold is None else Decimal(threshold), **known
    )


def test_a_good_line_passes_every_rule() -> None:
    results = check_line(LINE, CART)
    assert {one.outcome for one in results} == {CheckOutcome.PASS}
    assert all(one.line == 1 and one.sentence for one in results)


@pytest.mark.parametrize(
    ("rule", "changes", "outcome", "words"),
    [
        ("item", {"lifecycle": Lifecycle.DISCONTINUED}, "block", "discontinued"),
        ("item", {"lifecycle": Lifecycle.BLOCKED}, "block", "blocked"),
        (
            "item",
            {"lifecycle": Lifecycle.DISCONTINUED, "replacements": ("GL-2 Exam glove II",)},
            "block",
            "take GL-2 Exam glove II instead",
        ),
        ("item", {"offer_active": False}, "block", "no longer offered"),
        ("item", {"supplier_blocked": True}, "block", "blocked for new orders"),
        ("recalled", {"recalls": (RecallFacts("RC-1", "Torn cuffs"),)}, "block", "RC-1, Torn cuffs"),
        ("recalled", {"recalls": (RecallFacts("RC-1", "Torn", ("L7", "L8")),)}, "warn", "recalled: L7, L8"),
        ("restricted", {"needs": (Need("the role Buyer", is_met=False),)}, "block", "needs the role Buyer"),
        (
            "restricted",
            {"needs": (Need("the role Buyer", is_met=False), Need("the credential X", is_met=True))},
            "pass",
            "You have",
        ),
        ("uom", {"offered_uom": "CA"}, "block", "offers Exam glove in CA now"),
        ("uom", {"packed": Decimal(50)}, "block", "holds 100 EA by the offer, 50 by the item's packaging"),
        ("uom", {"packed": None}, "pass", "BX of 100 EA"),
        ("quantity", {"quantity": Decimal("2.5")}, "block", "whole packs (BX of 100 EA)"),
        ("quantity", {"quantity": Decimal("2.5")}, "block", "Enter a whole number, for example 3."),
        ("quantity", {"quantity": Decimal(0)}, "block", "Enter a whole number."),
        ("quantity", {"quantity": Decimal(-1)}, "block", "Enter a whole number."),
        ("price", OFF_CONTRACT, "warn", "no contract price today"),
        (
            "price",
            {**OFF_CONTRACT, "equivalents": ("BX of 100 EA from Lakes, $0.06 per EA",)},
            "warn",
            "On contract instead: BX of 100 EA from Lakes",
        ),
        ("contract_ends", {"contract_ends": TODAY + 30 * DAY}, "warn", "ends on Dec 22, 2026"),
        ("contract_ends", {"contract_ends": TODAY + 31 * DAY}, "pass", "in 31 days"),
        ("contract_ends", OFF_CONTRACT, "pass", "No contract"),
        ("price_moved", {"unit_price": Decimal("7.5")}, "warn", "now costs $7.50 per BX; it was $7.25"),
        ("price_moved", {"unit_price": Decimal("0.0825")}, "warn", "$0.0825"),
        ("last_price", {"unit_price": Decimal("7.975")}, "pass", "10 % more"),
        ("last_price", {"unit_price": Decimal("7.98")}, "warn", "10.1 % more than when it was last ordered"),
        ("last_price", {"unit_price": Decimal("3.625")}, "warn", "50 % less"),
        ("last_price", {"last_order": None}, "pass", "not ordered before"),
        ("duplicate", {"on_order": Decimal(200), "expected_on": TODAY + DAY}, "warn", "200 EA of Exam glove"),
        ("duplicate", {"requested": (("RQ26-7", Decimal(300)),)}, "warn", "RQ26-7"),
        ("gl_account", {"gl_account": None}, "block", "no GL account"),
        ("cost_center", {"center": None}, "block", "no cost center"),
        ("cost_center", {"center": replace(CENTER, is_allowed=False)}, "block", "for this location"),
        ("need_by", {"need_by": TODAY - DAY}, "block", "in the past"),
        ("closed_day", {"need_by": TODAY + 7 * DAY}, "warn", "Choose Mon, Nov 30, 2026"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(
    rule: str, changes: dict[str, Any], outcome: str, words: str
) -> None:
    result = said(rule, **changes)
    assert result.outcome == outcome
    assert words in result.sentence
    assert result.line == 1


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


def test_the_place_is_in_use_and_open() -> None:
    assert check_location(PLACE).outcome is CheckOutcome.PASS
    assert check_location(replace(PLACE, active=False)).outcome is CheckOutcome.BLOCK
    sunday = check_closed_day(PLACE, TODAY, Rulebook())
    assert sunday.outcome is CheckOutcome.WARN
    assert "takes no deliveries on Sun, Nov 22, 2026 (weekend). Choose Mon, Nov 23, 2026." in sunday.sentence
    assert check_closed_day(PLACE, TODAY + DAY, Rulebook()).outcome is CheckOutcome.PASS
    always = tuple(Closing(weekday=number) for number in range(7))
    assert next_open(TODAY, always) is None
    assert "Choose" not in check_closed_day(replace(PLACE, closings=always), TODAY, Rulebook()).sentence


@pytest.mark.parametrize(("asked", "outcome"), [("49.99", "warn"), ("50", "pass"), ("50.01", "pass")])
def test_the_least_order_of_a_supplier_is_told(asked: str, outcome: str) -> None:
    result = check_supplier_minimum(SupplierFacts("Harborline", Decimal(50), Decimal(asked)), Rulebook())
    assert result.outcome == outcome


@pytest.mark.parametrize(
    ("facts", "outcome", "words"),
    [
        (BUDGET, "pass", "$60.00 left"),
        (replace(BUDGET, asked=Decimal(100)), "pass", "$0.00 left"),
        (replace(BUDGET, asked=Decimal("100.01")), "block", "$100.00 available; this request needs $100.01"),
        (replace(BUDGET, asked=Decimal(101), control=Control.WARN), "warn", "The approver will see it"),
        (replace(BUDGET, asked=Decimal(101), control=Control.NONE), "pass", "The approver will see it"),
        (replace(BUDGET, balance=None), "warn", "no budget for today"),
        (replace(BUDGET, category="Gloves"), "pass", "CC100 Emergency (Gloves) has"),
    ],
)
def test_the_budget_must_cover_what_is_asked(facts: BudgetFacts, outcome: str, words: str) -> None:
    result = check_budget(facts)
    assert result.outcome == outcome
    assert words in result.sentence


def test_a_reason_asks_for_an_override_only_where_the_budget_blocks() -> None:
    beyond = replace(BUDGET, asked=Decimal(101))
    result = check_budget(beyond, "Winter surge")
    assert result.outcome is CheckOutcome.WARN
    assert dict(result.evidence)["Reason for the override"] == "Winter surge"
    for fine in (BUDGET, replace(beyond, control=Control.WARN)):
        assert "Reason for the override" not in dict(check_budget(fine, "Winter surge").evidence)


@given(budget=amounts, requested=amounts, ordered=amounts, invoiced=amounts, asked=amounts)
def test_a_blocking_budget_lets_through_what_leaves_it_above_zero_and_nothing_else(
    budget: Decimal, requested: Decimal, ordered: Decimal, invoiced: Decimal, asked: Decimal
) -> None:
    balance = Balance(budget, requested, ordered, invoiced)
    result = check_budget(BudgetFacts("CC", Control.BLOCK, balance, asked))
    left = budget - requested - ordered - invoiced - asked
    assert (result.outcome is CheckOutcome.PASS) == (left >= 0)
    assert dict(result.evidence)["Left after it"] == spoken_money(left, "USD")


def test_the_budget_vector_of_the_design() -> None:
    """1000; request 300, order 200 of it, invoice 200, request 50: 700, 700, 700, 650 are available."""
    steps = [
        (Balance(Decimal(1000), requested=Decimal(300)), 700),
        (Balance(Decimal(1000), requested=Decimal(100), ordered=Decimal(200)), 700),
        (Balance(Decimal(1000), requested=Decimal(100), invoiced=Decimal(200)), 700),
        (Balance(Decimal(1000), requested=Decimal(150), invoiced=Decimal(200)), 650),
    ]
    for balance, available in steps:
        whole = replace(BUDGET, balance=balance, asked=Decimal(available))
        assert check_budget(whole).outcome is CheckOutcome.PASS
        assert check_budget(replace(whole, asked=whole.asked + 1)).outcome is CheckOutcome.BLOCK


def shared(*parts: str, by: SplitBy = SplitBy.PERCENT, gl_account: str | None = "65100000") -> LineFacts:
    """The line, its $21.75 shared by cost centers."""
    weights = [Decimal(part) for part in parts]
    amounts = split(LINE.amount, weights) if any(weights) else weights
    shares = zip(weights, amounts, strict=True)
    found = tuple(ShareFacts(CENTER, gl_account, weight, amount) for weight, amount in shares)
    return replace(LINE, split_by=by, shares=found)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (shared("33.3", "33.3", "33.4"), ""),
        (shared("21.74", "0.03", by=SplitBy.AMOUNT), "add up to $21.77; the line costs $21.75"),
        (shared("20", "1.75", by=SplitBy.AMOUNT), ""),
        (shared("60", "30"), "add up to 90 %; they must make 100 %"),
        (shared("100"), "at least two cost centers"),
        (shared("100", "0"), "its part, or leave it out"),
        (shared("0", "0"), "its part, or leave it out"),
        (shared("99.99", "0.01"), "less than a cent or 0.1 %"),
        (shared("50", "50", gl_account=None), "no GL account in use"),
    ],
)
def test_shares_make_the_whole(line: LineFacts, words: str) -> None:
    (result,) = [one for one in check_line(line, CART) if one.rule == "split"]
    assert result.outcome is (CheckOutcome.BLOCK if words else CheckOutcome.PASS)
    assert words in result.sentence
    assert len(result.evidence) == len(line.shares)


def test_the_whole_cart_is_checked_line_by_line_and_as_a_whole() -> None:
    minimum = SupplierFacts("Harborline", Decimal(10), Decimal(43))
    facts = replace(CART, lines=[LINE, replace(shared("50", "50"), number=2)], suppliers=[minimum])
    results = check(facts)
    assert [one.line for one in results] == [1] * 12 + [2] * 13 + [0] * 5
    assert {one.rule for one in results} == {
        rule.key for rule in RULES.values() if rule.weighs == "requisition"
    }
    assert facts.total == Decimal("43.50")
    assert worst(results) is CheckOutcome.PASS
    assert worst([]) is CheckOutcome.PASS


def test_each_result_carries_the_version_of_its_rule_and_the_age_of_its_data() -> None:
    at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    versions = [setting("contract_ends", Severity.BLOCK, 100, number=4)]
    facts = replace(CART, rules=Rulebook(versions), ages={"contract_lines": at})
    results = {one.rule: one for one in check(facts)}
    ends = results["contract_ends"]
    assert (ends.outcome, ends.version, ends.data_at, ends.measure) == ("block", 4, at, 90)
    assert dict(ends.evidence)["Rule"] == "version 4 since Nov 21, 2026: blocks, within 100 days"
    assert dict(ends.evidence)["Data of"] == "Nov 20, 2026, 9:30 AM"
    assert results["duplicate"].data_at == CART.read_at, "the portal's own books are read now"
    assert results["item"].data_at is None, "never read from elsewhere"
    assert "Rule" not in dict(results["item"].evidence)


@pytest.mark.parametrize(
    ("versions", "outcome"),
    [
        ([], "warn"),
        ([setting("price", Severity.OFF)], "pass"),
        ([setting("price", Severity.BLOCK, 20)], "block"),
        ([setting("price", Severity.BLOCK, 25)], "pass"),
        ([setting("price", Severity.OFF), setting("price", Severity.BLOCK, 0, category="Gloves")], "block"),
        ([setting("price", Severity.OFF), setting("price", Severity.BLOCK, 0, category="Gowns")], "pass"),
        (
            [
                setting("price", Severity.BLOCK, 0, category="Gloves"),
                setting("price", None, number=3, category="Gloves", starts_on=TODAY),
            ],
            "warn",
        ),
        ([setting("price", Severity.BLOCK, 0, number=2), setting("price", Severity.OFF, number=3)], "pass"),
        ([setting("price", Severity.BLOCK, 0, facility_id=7)], "warn"),
    ],
)
def test_the_narrowest_and_latest_setting_counts(versions: list[Version], outcome: str) -> None:
    assert said("price", *versions, **OFF_CONTRACT).outcome == outcome


def test_a_line_for_another_facility_is_checked_by_its_rules_and_its_day() -> None:
    west = replace(PLACE, name="West", zone="Pacific/Honolulu", facility_id=8)
    begins = replace(CENTER, valid_from=TODAY)  # at 5 in the morning of the main hospital it is not yet there
    off = replace(LINE, contract=None, contract_ends=None, center=begins, place=west)
    cart = replace(
        CART,
        lines=[off, replace(off, number=2, place=None)],
        suppliers=[SupplierFacts("Harborline", Decimal(50), Decimal(40), place=west)],
        rules=Rulebook([setting("supplier_minimum", Severity.OFF)]),
        rules_there={8: Rulebook([setting("price", Severity.BLOCK, 0, number=5, facility_id=8)], 8)},
        read_at=datetime(2026, 11, 22, 5, tzinfo=UTC),
    )
    results = {(one.rule, one.line): one for one in check(cart)}
    assert [results["cost_center", line].outcome for line in (1, 2)] == [
        CheckOutcome.BLOCK,
        CheckOutcome.PASS,
    ]
    assert [results["price", line].outcome for line in (1, 2)] == [CheckOutcome.BLOCK, CheckOutcome.WARN]
    assert ("Rule", "version 5 since Nov 21, 2026: blocks") in results["price", 1].evidence
    assert ("Rule", "version 1: warns") in results["price", 2].evidence
    assert results["supplier_minimum", 0].outcome is CheckOutcome.WARN


def test_a_setting_of_a_category_counts_below_it() -> None:
    above = setting("price", Severity.BLOCK, 0, category="Protection")
    near = setting("price", Severity.OFF, number=3, category="Gloves, sterile")
    tree = {"Gloves, sterile": "Gloves", "Gloves": "Protection", "Protection": "Gloves"}  # also in a circle
    book = Rulebook([above, near], 8, tree)
    names = ("Gloves", "Protection", "Gloves, sterile", "Gauze", "")
    found = [book.setting("price", name).severity for name in names]
    assert found == [Severity.BLOCK, Severity.BLOCK, Severity.OFF, Severity.WARN, Severity.WARN]


def test_a_setting_of_the_facility_counts_there() -> None:
    here = setting("price", Severity.OFF, facility_id=7)
    for category, severity in (("", Severity.OFF), ("Gloves", Severity.BLOCK)):
        book = Rulebook([here, setting("price", Severity.BLOCK, category="Gloves")], 7)
        assert book.setting("price", category).severity is severity


@given(measure=st.decimals(0, 1000, places=1), threshold=st.decimals(0, 1000, places=1))
def test_a_threshold_cuts_at_one_place(measure: Decimal, threshold: Decimal) -> None:
    for key in ("contract_ends", "last_price"):
        book = Rulebook([Version(key, 2, TODAY, Severity.BLOCK, threshold)])
        found = book.setting(key).outcome(measure) is CheckOutcome.BLOCK
        assert found == (measure <= threshold if key == "contract_ends" else measure > threshold)
        assert book.setting(key).outcome(None) is CheckOutcome.PASS


def test_fixed_rules_have_one_severity_and_the_others_start_gently() -> None:
    strict = {"restricted", "over_receipt"}
    strict |= {
        f"{what}_{unit}" for what in ("over_approval", "confirmed_price") for unit in ("share", "amount")
    }
    assert {rule.usual for rule in RULES.values() if not rule.is_fixed and rule.key not in strict} == {
        Severity.WARN
    }
    assert {RULES[key].usual for key in strict} == {Severity.BLOCK}


@pytest.mark.parametrize("currency", ["USD", "EUR", "CHF", "JPY", "KWD", "XXX"])
@pytest.mark.parametrize("amount", ["0", "-0.001", "0.005", "0.015", "-3.005", "1234.5", "-1234567.891"])
def test_money_is_spoken_as_babel_writes_it(amount: str, currency: str) -> None:
    value = Decimal(amount)
    assert spoken_money(value, currency) == format_currency(value, currency, locale="en_US")


def test_a_tier_is_named() -> None:
    assert replace(LINE, contract_tier=Decimal("10.000")).contract_in_words == "C-1, tier from 10 BX"
    assert replace(LINE, contract=None).contract_in_words == "List price"
    assert spoken_price(Decimal("12.5000"), "USD") == "$12.50"
