"""Status, answers, deviations and money of order lines, for every quantity."""

import itertools
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from integrations.canonical import ConfirmationStatus
from portal.exchange.rules import WorkItemKind
from portal.foundation.filters import day
from portal.foundation.money import extended
from portal.orders.differences.rules import Act, Ordered, acts_for, deviations
from portal.orders.packs import in_packs, surplus
from portal.orders.rules import (
    Answer,
    OrderStatus,
    Quantities,
    current_answers,
    day_needed,
    overlaps,
    part_of,
    status_of,
)

TODAY = date(2026, 3, 2)
quantities = st.decimals(0, 100, places=3)
positive = st.decimals(Decimal("0.001"), 100, places=3)
prices = st.decimals(0, 50, places=4)
counts = st.builds(
    Quantities,
    ordered=positive,
    confirmed=quantities,
    backordered=quantities,
    rejected=quantities,
    shipped=quantities,
    received=quantities,
    invoiced=quantities,
)
LADDER = list(OrderStatus)


@given(positive, prices, st.lists(st.decimals(0, 1, places=3), max_size=5))
def test_stretches_of_an_amount_add_up_to_it(quantity: Decimal, price: Decimal, cuts: list[Decimal]) -> None:
    amount = extended(quantity, price)
    marks = [Decimal(), *sorted(cut * quantity for cut in cuts), quantity]
    parts = [part_of(amount, quantity, before, after) for before, after in itertools.pairwise(marks)]
    assert sum(parts) == amount
    assert all(part >= 0 for part in parts)


@given(st.lists(positive, min_size=1, max_size=6), quantities, quantities)
def test_a_stretch_falls_on_the_sources_without_gap_or_overlap(
    sources: list[Decimal], one: Decimal, other: Decimal
) -> None:
    since, until = min(one, other), max(one, other)
    found = list(overlaps(sources, since, until))
    covered = sum((end - begin for _, begin, end in found), Decimal())
    assert covered == max(min(until, sum(sources)) - since, Decimal())
    assert [index for index, _, _ in found] == sorted({index for index, _, _ in found})
    assert all(0 <= begin < end <= sources[index] for index, begin, end in found)


@given(counts)
def test_cancelling_never_takes_what_is_here_or_paid(line: Quantities) -> None:
    rest = line.cancellable
    assert 0 <= rest <= line.wanted
    assert line.wanted - rest >= min(line.wanted, max(line.received, line.invoiced))
    if line.unshipped:
        assert line.wanted - rest >= min(line.wanted, line.shipped)


@given(st.lists(counts, min_size=1, max_size=4), st.booleans())
def test_an_order_is_never_further_than_its_slowest_full_step(lines: list[Quantities], sent: bool) -> None:
    status = status_of(lines, sent=sent)
    if status is OrderStatus.RECEIVED:
        assert all(line.outstanding == 0 for line in lines)
    if status is OrderStatus.INVOICED:
        assert all(line.outstanding == 0 and line.invoiced >= line.wanted for line in lines)
    if status in (OrderStatus.PLACED, OrderStatus.SENT):
        assert not any(line.answered or line.shipped or line.received for line in lines)


@given(counts, st.booleans(), st.sampled_from(["shipped", "received"]), positive)
def test_more_arriving_never_moves_a_line_back(
    line: Quantities, sent: bool, field: str, more: Decimal
) -> None:
    before = status_of([line], sent=sent)
    grown = Quantities(**{**vars(line), field: getattr(line, field) + more})
    assert LADDER.index(status_of([grown], sent=sent)) >= LADDER.index(before)


def test_the_statuses_by_example() -> None:
    def status(**changed: int) -> OrderStatus:
        return status_of([Quantities(Decimal(4), **{k: Decimal(v) for k, v in changed.items()})], sent=True)

    assert status() is OrderStatus.SENT
    assert status(confirmed=4) is OrderStatus.CONFIRMED
    assert status(confirmed=3, rejected=1) is OrderStatus.PARTLY_CONFIRMED
    assert status(confirmed=3, cancelled=1) is OrderStatus.CONFIRMED
    assert status(rejected=4) is OrderStatus.REJECTED
    assert status(backordered=4) is OrderStatus.BACKORDERED
    assert status(shipped=1) is OrderStatus.PARTLY_SHIPPED
    assert status(shipped=4) is OrderStatus.SHIPPED
    assert status(received=4) is OrderStatus.RECEIVED
    assert status(invoiced=4) is OrderStatus.SENT  # the invoice came before the goods
    assert status(received=4, invoiced=4) is OrderStatus.INVOICED
    assert status(cancelled=4) is OrderStatus.CANCELLED


answers = st.builds(Answer, status=st.sampled_from(ConfirmationStatus), quantity=st.decimals(0, 20, places=3))
confirmations = st.lists(
    st.tuples(st.sampled_from(["OC-1", "OC-2", "OC-3"]), st.lists(answers, max_size=4)), max_size=5
)


@given(positive, confirmations)
def test_answers_never_count_more_than_the_newest_says_or_the_order_asks(
    ordered: Decimal, spoken: list[tuple[str, list[Answer]]]
) -> None:
    counted = current_answers(ordered, spoken)
    total = sum((one.quantity for one in counted), Decimal())
    largest = max((sum((one.quantity for one in parts), Decimal()) for _, parts in spoken), default=Decimal())
    assert total <= max(ordered, largest)
    assert all(one.quantity > 0 for one in counted)


@given(positive, st.lists(answers, min_size=1, max_size=4), confirmations)
def test_the_newest_answer_is_heard_in_full(
    ordered: Decimal, newest: list[Answer], older: list[tuple[str, list[Answer]]]
) -> None:
    said = [one for one in newest if one.quantity > 0]
    assume(said)
    assert current_answers(ordered, [("OC-9", newest), *older])[: len(said)] == said


@given(positive, confirmations)
def test_an_older_version_of_the_same_confirmation_is_not_heard(
    ordered: Decimal, spoken: list[tuple[str, list[Answer]]]
) -> None:
    assume(spoken)
    number, parts = spoken[0]
    assert current_answers(ordered, [spoken[0], (number, parts * 2), *spoken[1:]]) == current_answers(
        ordered, spoken
    )


def ordered_line(**changed: Decimal) -> Ordered:
    return Ordered("Gloves", "BX", Decimal("7.25"), TODAY, Quantities(Decimal(4), **changed))


@given(counts)
def test_what_came_or_was_cancelled_is_no_shortage(line: Quantities) -> None:
    kinds = {one.kind for one in deviations(Ordered("Gloves", "BX", Decimal("7.25"), TODAY, line), [])}
    if max(line.confirmed, line.shipped, line.received) >= line.wanted:
        assert not kinds & {WorkItemKind.BACKORDERED, WorkItemKind.REJECTED}
    assert (WorkItemKind.OVER_RECEIPT in kinds) == (line.received > line.wanted)


def test_a_line_that_is_here_asks_nothing_about_its_date() -> None:
    late = [Answer(ConfirmationStatus.ACCEPTED, Decimal(4), promised_on=TODAY + timedelta(days=5))]
    (told,) = deviations(ordered_line(confirmed=Decimal(4)), late)
    assert told.sentence == "Gloves is promised for Mar 7, 2026, needed on Mar 2, 2026."
    assert deviations(ordered_line(confirmed=Decimal(4), received=Decimal(4)), late) == []


def test_the_same_kind_of_difference_is_told_once() -> None:
    split = [
        Answer(ConfirmationStatus.ACCEPTED, Decimal(2), unit_price=Decimal(8)),
        Answer(ConfirmationStatus.ACCEPTED, Decimal(2), unit_price=Decimal("7.5")),
    ]
    (told,) = deviations(ordered_line(confirmed=Decimal(4)), split)
    assert told.sentence == "Gloves: $7.50 and $8.00 confirmed, $7.25 per BX ordered."


def test_the_earliest_request_decides_when_a_line_is_needed() -> None:
    soon, later = TODAY + timedelta(days=2), TODAY + timedelta(days=9)
    assert day_needed([later, soon], TODAY) == soon
    assert day_needed([later, None], TODAY) == TODAY + timedelta(days=3)
    assert day_needed([TODAY - timedelta(days=4)], TODAY) == TODAY


@given(st.lists(positive, min_size=1, max_size=6), st.integers(1, 5000))
def test_whole_packs_are_never_less_than_needed(needs: list[Decimal], factor: int) -> None:
    parts = in_packs(needs, Decimal(factor))
    assert all(part > 0 for part in parts)
    whole = sum(parts, Decimal())
    assert whole * factor >= sum(needs)
    if all(one * 1000 >= factor for one in needs):
        assert whole == whole.to_integral_value()
        assert (whole - 1) * factor < sum(needs)
    assert surplus(needs[0], Decimal(1), Decimal(factor)) >= 0


def test_only_a_part_of_a_line_is_split_off() -> None:
    part = Quantities(Decimal(4), confirmed=Decimal(3), backordered=Decimal(1))
    whole = Quantities(Decimal(4), backordered=Decimal(4))
    assert Act.SPLIT in acts_for(WorkItemKind.BACKORDERED, part)
    assert Act.SPLIT not in acts_for(WorkItemKind.BACKORDERED, whole)


def test_a_backorder_tells_its_new_day_itself() -> None:
    late = TODAY + timedelta(days=9)
    answer = Answer(ConfirmationStatus.BACKORDERED, Decimal(4), promised_on=late)
    (told,) = deviations(ordered_line(backordered=Decimal(4)), [answer])
    assert told.kind is WorkItemKind.BACKORDERED
    assert f"until {day(late)}, needed on {day(TODAY)}" in told.sentence
