"""The state of a requisition follows from quantities."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from portal.requisitions.presenters import APPROVED, CLOSED, LADDER, on_ladder
from portal.requisitions.rules import (
    TRANSITIONS,
    Progress,
    RequisitionState,
    Stage,
    progress_of,
    reached,
)

packs = st.integers(min_value=0, max_value=20)


def progress(
    requested: int,
    *,
    closed: int = 0,
    ordered: int = 0,
    confirmed: int = 0,
    shipped: int = 0,
    received: int = 0,
) -> Progress:
    """A line that far."""
    numbers = (requested, closed, ordered, 0, confirmed, shipped, received)
    return Progress(*(Decimal(number) for number in numbers))


def test_the_ladder_is_climbed_step_by_step() -> None:
    steps = [
        ({}, "Approved, to be ordered"),
        ({"ordered": 2}, "Partly ordered"),
        ({"ordered": 4}, "Ordered"),
        ({"ordered": 4, "confirmed": 1}, "Partly confirmed"),
        ({"ordered": 4, "confirmed": 4}, "Confirmed"),
        ({"ordered": 4, "confirmed": 4, "shipped": 3}, "Partly shipped"),
        ({"ordered": 4, "confirmed": 4, "shipped": 4}, "Shipped"),
        ({"ordered": 4, "confirmed": 4, "shipped": 4, "received": 1}, "Partly received"),
        ({"ordered": 4, "confirmed": 4, "shipped": 4, "received": 4}, "Received"),
        ({"closed": 4}, "Closed"),
        ({"closed": 1, "ordered": 3, "received": 3}, "Received"),
    ]
    for quantities, label in steps:
        assert on_ladder([progress(4, **quantities)]).label == label


@given(st.lists(st.lists(packs, min_size=4, max_size=4).map(sorted), min_size=1, max_size=5))
def test_one_state_always_fits(lines: list[list[int]]) -> None:
    followed = [
        progress(requested, ordered=ordered, confirmed=shipped, shipped=shipped, received=received)
        for received, shipped, ordered, requested in lines
    ]
    shown = on_ladder(followed)
    known = [CLOSED, APPROVED, *(one for _, *two in LADDER for one in two)]
    assert shown in known
    if shown.label == "Received":
        assert all(reached(Stage.RECEIVED, one) >= one.wanted for one in followed)


def test_a_line_without_orders_has_only_its_own_quantities() -> None:
    line = progress_of(requested=Decimal(5), closed=Decimal(2), ordered=Decimal(), parts=[])
    assert (line.wanted, line.open) == (3, 3)


def test_nothing_leads_back_to_the_cart() -> None:
    assert RequisitionState.DRAFT not in TRANSITIONS.values()
    final = {state for state in RequisitionState if not any(known is state for known, _ in TRANSITIONS)}
    assert final == {RequisitionState.CANCELLED}, "what was decided may be changed and decided again"
