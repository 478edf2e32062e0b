"""The checks before submit: each says pass, warn or block, with the evidence it used."""

from portal.requisitions.checks.facts import (
    BudgetFacts,
    CartFacts,
    CenterFacts,
    LastOrder,
    LineFacts,
    Need,
    PlaceFacts,
    RecallFacts,
    ShareFacts,
    SupplierFacts,
)
from portal.requisitions.checks.item import (
    check_duplicate,
    check_gl_account,
    check_item,
    check_quantity,
    check_recalled,
    check_restricted,
    check_uom,
)
from portal.requisitions.checks.money import check_budget
from portal.requisitions.checks.place import (
    check_closed_day,
    check_cost_center,
    check_location,
    check_need_by,
    check_supplier_minimum,
)
from portal.requisitions.checks.price import (
    check_contract_ends,
    check_last_price,
    check_price,
    check_price_moved,
)
from portal.requisitions.checks.result import Check, Evidence, dated, stamped, stamps, worst
from portal.requisitions.checks.split import check_payers, check_split
from portal.requisitions.checks.words import spoken_day, spoken_money, spoken_price
from portal.requisitions.rulebook.rules import LABELS

__all__ = [
    "LABELS", "BudgetFacts", "CartFacts", "CenterFacts", "Check", "Evidence", "LastOrder", "LineFacts",
    "Need", "PlaceFacts", "RecallFacts", "ShareFacts", "SupplierFacts", "check", "check_budget",
    "check_closed_day", "check_cost_center", "check_line", "check_location", "check_need_by",
    "check_supplier_minimum", "dated", "spoken_day", "spoken_money", "spoken_price", "worst",
]  # fmt: skip


def check(facts: CartFacts) -> list[Check]:
    """What every rule says, line by line, then of the whole."""
    stamp = stamps(facts)
    results = [
        stamped(result, stamp(result.rule, line.category, line.place))
        for line in facts.lines
        for result in check_line(line, facts)
    ]
    whole = [(None, result) for result in _whole(facts)]
    minimums = [
        (one.place, check_supplier_minimum(one, facts.rules_at(one.place))) for one in facts.suppliers
    ]
    return [
        *results,
        *(stamped(result, stamp(result.rule, "", place)) for place, result in [*whole, *minimums]),
    ]


def check_line(line: LineFacts, facts: CartFacts) -> list[Check]:
    """All rules of one line, as they are set where it goes."""
    rules = facts.rules_at(line.place)
    results = [
        check_item(line),
        check_recalled(line),
        check_restricted(line, rules),
        check_uom(line),
        check_quantity(line),
        check_price(line, rules),
        check_contract_ends(line, facts.today, rules),
        check_price_moved(line),
        check_last_price(line, rules),
        check_duplicate(line, rules),
        *_charged(line, facts),
    ]
    if line.need_by is not None:
        results.append(check_need_by(line.need_by, facts.today_at(line.place), line.number))
    if line.place is not None:
        results.append(check_location(line.place, line.number))
    place = line.place or facts.place
    # A day or a place of its own; else what is said of the whole counts.
    if place is not None and (line.need_by is not None or line.place is not None):
        need_by = line.need_by or facts.need_by
        results.append(check_closed_day(place, need_by, rules, line.number))
    return results


def _charged(line: LineFacts, facts: CartFacts) -> list[Check]:
    today = facts.today_at(line.place)
    if line.split_by is not None:
        return [check_split(line), *check_payers(line, today)]
    return [check_gl_account(line), check_cost_center(line.center, today, line.number)]


def _whole(facts: CartFacts) -> list[Check]:
    place = facts.place
    return [
        *([check_location(place)] if place else []),
        check_need_by(facts.need_by, facts.today),
        *([check_closed_day(place, facts.need_by, facts.rules)] if place else []),
        *(check_budget(one, facts.override_reason) for one in facts.budgets),
    ]
