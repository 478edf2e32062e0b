"""How much may be received, and what stops an entry, for every quantity."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from portal.receiving.rules import (
    Entry,
    Receivable,
    Verdict,
    as_sscc,
    fingerprint,
    in_order_unit,
    most_receivable,
    percent_over,
    problems,
    still_to_come,
)

TODAY = date(2026, 3, 2)
quantities = st.decimals(0, 100, places=3)
positive = st.decimals(Decimal("0.001"), 100, places=3)
PLAIN = Receivable("Gloves", "BX", Decimal(4), Decimal(0), needs_lot=False, needs_expiry=False)
TRACKED = Receivable("Catheter", "BX", Decimal(4), Decimal(1), needs_lot=True, needs_expiry=True)
LINES = {1: PLAIN, 2: TRACKED}


@given(quantities, st.lists(positive, max_size=6), st.integers(0, 50).map(Decimal))
def test_many_deliveries_together_never_exceed_the_tolerance(
    wanted: Decimal, deliveries: list[Decimal], percent: Decimal
) -> None:
    received = Decimal()
    for delivery in deliveries:
        if delivery <= most_receivable(wanted, received, percent):
            received += delivery
    assert received <= wanted * (1 + percent / 100)
    over = percent_over(received, wanted)
    assert (over is None) == (received <= wanted)
    assert over is None or over <= percent


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), quantities, st.sampled_from(["", "L1", "L2"])), max_size=6)
)
def test_what_is_accepted_is_whole(rows: list[tuple[int, Decimal, str]]) -> None:
    entries = [Entry(line, quantity, lot, TODAY) for line, quantity, lot in rows]
    found = problems(LINES, entries, TODAY)
    assert [one.index for one in found] == sorted(one.index for one in found)
    refused = {one.index for one in found}
    for index, entry in enumerate(entries):
        bad = entry.quantity <= 0 or (entry.order_line_id == 2 and not entry.lot)
        assert not bad or index in refused
    if not found:
        for line_id, line in LINES.items():
            total = sum((one.quantity for one in entries if one.order_line_id == line_id), Decimal())
            assert line.received + total <= line.wanted * Decimal("1.1")


def sentences(*entries: Entry) -> list[tuple[int, str, str]]:
    return [(one.index, one.field, one.sentence) for one in problems(LINES, entries, TODAY)]


def test_every_problem_is_told_beside_its_field() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert sentences(Entry(2, Decimal(1)), Entry(2, Decimal(1), "L1", yesterday)) == [
        (0, "lot", "Catheter is tracked by lot. Enter the lot printed on the pack."),
        (0, "expires_on", "Catheter expires. Enter the date printed on the pack."),
        (
            1,
            "expires_on",
            "Catheter expired on Mar 1, 2026. Do not receive it: set it aside and tell the buyer.",
        ),
    ]


def test_several_lots_of_a_line_are_counted_together() -> None:
    day = TODAY + timedelta(days=90)
    two = (Entry(2, Decimal(2), "L1", day), Entry(2, Decimal("1.4"), "L2", day))
    assert sentences(*two) == []
    (told,) = sentences(*two, Entry(2, Decimal("0.1"), "L3", day))
    assert told == (
        2,
        "quantity",
        (
            "Catheter: 3.5 BX entered, but at most 3.4 BX can be received (4 ordered, 1 received before). "
            "Count again, or ask the buyer to order more."
        ),
    )


def test_a_lot_expires_once() -> None:
    day = TODAY + timedelta(days=90)
    (told,) = sentences(Entry(2, Decimal(1), "L1", day), Entry(2, Decimal(1), "L1", day + timedelta(days=1)))
    assert told == (1, "expires_on", "Lot L1 is entered with two expiry dates. Check the packs.")


def test_what_expires_today_is_good_today() -> None:
    assert sentences(Entry(2, Decimal(1), "L1", TODAY)) == []


lots = st.builds(
    Entry,
    order_line_id=st.sampled_from([1, 2]),
    quantity=positive,
    lot=st.sampled_from(["", "L1", "L2"]),
    expires_on=st.just(TODAY),
)


@given(st.lists(lots, max_size=5), st.lists(lots, max_size=5))
def test_what_is_still_to_come_is_what_was_shipped_without_what_is_here(
    shipped: list[Entry], received: list[Entry]
) -> None:
    left = still_to_come(shipped, received)
    for line in (1, 2):

        def total(entries: list[Entry], line: int = line) -> Decimal:
            return sum((one.quantity for one in entries if one.order_line_id == line), Decimal())

        assert total(left) == max(total(shipped) - total(received), Decimal())
    assert all(one.quantity > 0 for one in left)


def test_a_received_lot_is_not_offered_again_as_long_as_another_is_open() -> None:
    shipped = [Entry(1, Decimal(2), "L1"), Entry(1, Decimal(2), "L2")]
    assert still_to_come(shipped, [Entry(1, Decimal(2), "L2")]) == [Entry(1, Decimal(2), "L1")]


@given(st.text(alphabet="0123456789", min_size=18, max_size=18))
def test_a_parcel_number_is_the_same_however_it_is_scanned(digits: str) -> None:
    for scanned in (digits, f"00{digits}", f"(00){digits}", f"]C100{digits}", f" {digits[:9]} {digits[9:]} "):
        assert as_sscc(scanned) == digits


@given(st.text())
def test_other_texts_stay_as_they_are(text: str) -> None:
    found = as_sscc(text)
    assert found == text.strip() or (len(found) == 18 and found.isdigit())


@given(st.integers(1, 5000), st.integers(1, 1000))
def test_pieces_in_the_orders_unit_are_exact_or_nothing(pieces: int, factor: int) -> None:
    quantity = in_order_unit(Decimal(pieces), Decimal(factor))
    assert quantity is None or quantity * factor == pieces
    assert in_order_unit(Decimal(pieces * factor), Decimal(factor)) == pieces


def test_a_serial_number_is_one_piece_and_entered_once() -> None:
    pump = Receivable(
        "Pump", "BX", Decimal(4), Decimal(), needs_lot=False, needs_expiry=False, needs_serial=True,
        factor=Decimal(10),
    )  # fmt: skip
    tenth = Decimal("0.1")
    entries = [Entry(1, tenth), Entry(1, Decimal(1), serial="S1"), Entry(1, tenth, serial="S1")]
    assert [(one.index, one.field) for one in problems({1: pump}, entries, TODAY)] == [
        (0, "serial"),
        (1, "quantity"),
        (2, "serial"),
    ]
    bad = [Entry(1, Decimal(9), verdict=Verdict.DAMAGED), Entry(1, Decimal(), verdict=Verdict.SHORT)]
    assert [(one.index, one.field) for one in problems({1: pump}, bad, TODAY)] == [(1, "quantity")]
    assert fingerprint(entries) == fingerprint(list(reversed(entries)))
    assert fingerprint(entries) != fingerprint(entries[1:])
