"""What a supplier's recent deliveries say of the next one."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.orders.expecting import expected_on
from portal.orders.models import PurchaseOrderLine
from portal.orders.punctuality import Delivery, History, Punctuality

PROMISED = date(2027, 3, 1)
COUNTED = ("confirmed", "backordered", "shipped", "received", "invoiced")


def came(number: int, days: int, *, item: int = 1, supplier: int = 7, receipt: int | None = None) -> Delivery:
    """The delivery of the month of that number, so many days after the promise."""
    promised = PROMISED + timedelta(days=30 * number)
    return Delivery(supplier, item, receipt or number, promised, promised + timedelta(days=days))


def test_late_more_often_than_not_moves_the_next_day() -> None:
    history = History(came(number, 2 if number < 6 else -1) for number in range(10))
    judged = history.of(7)
    assert judged == Punctuality(late=6, of=10, days=2, shift=2)
    assert judged.told("Harborline") == (
        "Harborline was late in 6 of the last 10 deliveries, usually by 2 days."
    )
    assert history.expected(7, 99, PROMISED) == PROMISED + timedelta(days=2)


def test_late_now_and_then_does_not() -> None:
    history = History(came(number, 9 if number < 4 else 0) for number in range(10))
    assert history.expected(7, 1, PROMISED) == PROMISED
    punctual = History(came(number, -3) for number in range(4)).of(7)
    assert punctual is not None
    assert punctual.told("Harborline") == "Harborline was on time in the last 4 deliveries."


def test_only_the_last_ten_count_and_fewer_than_three_say_nothing() -> None:
    judged = History(came(number, 5 if number < 20 else 0) for number in range(30)).of(7)
    assert judged == Punctuality(late=0, of=10, days=0, shift=0)
    few = History([came(1, 5), came(2, 5)])
    assert few.of(7) is None
    assert few.expected(7, 1, PROMISED) == PROMISED
    assert History([]).of(7) is None


def test_the_items_own_deliveries_come_before_the_suppliers() -> None:
    others = [came(number, 0, item=2) for number in range(10)]
    history = History([*others, *(came(number, 1, item=3, receipt=50 + number) for number in range(3))])
    judged = history.of(7, 3)
    assert judged is not None
    assert judged.told("Harborline").endswith("3 of the last 3 deliveries of this item, usually by 1 day.")
    assert history.expected(7, 2, PROMISED) == PROMISED
    assert history.of(8, 3) is None


def test_a_receipt_of_many_lines_is_one_delivery_as_late_as_its_latest() -> None:
    lines = [came(number, item, item=item, receipt=number) for number in range(3) for item in (0, 4)]
    assert History(lines).of(7) == Punctuality(late=3, of=3, days=4, shift=4)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-30, 60)), max_size=30))
def test_nothing_is_expected_before_the_promise_nor_later_than_ever_seen(seen: list[tuple[int, int]]) -> None:
    history = History(came(number, days, receipt=index) for index, (number, days) in enumerate(seen))
    moved = (history.expected(7, 1, PROMISED) - PROMISED).days
    assert 0 <= moved <= max([0, *(days for _, days in seen)])


def test_what_the_supplier_rejected_is_not_expected() -> None:
    line = PurchaseOrderLine(item_id=1, needed_on=PROMISED, **dict.fromkeys(COUNTED, Decimal()))
    line.quantity = Decimal(4)
    for rejected, cancelled, day in ((0, 0, PROMISED), (2, 0, PROMISED), (4, 0, None), (2, 2, PROMISED)):
        line.rejected, line.cancelled = Decimal(rejected), Decimal(cancelled)
        assert expected_on(History([]), 7, line) == day
