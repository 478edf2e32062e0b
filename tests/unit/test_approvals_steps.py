"""Which steps a request needs: every line asked of everybody it concerns, in an order that ends."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.approvals.rules import (
    AnswerState,
    Changed,
    Policy,
    Request,
    StepKind,
    Wish,
    is_through,
    is_touched,
    plans,
    turns,
)

money = st.decimals(min_value="0.01", max_value="9999.99", places=2)
CATEGORIES = ("Med-surg", "Implants", "Office")


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Lines of up to three cost centers, some split between them."""
    wishes = [
        Wish(
            line_id,
            draw(st.dictionaries(st.integers(1, 3), money, min_size=1, max_size=2)),
            draw(st.sampled_from(CATEGORIES)),
            on_contract=draw(st.booleans()),
        )
        for line_id in range(1, draw(st.integers(1, 5)) + 1)
    ]
    limits = draw(st.dictionaries(st.integers(1, 3), money | st.none(), max_size=3))
    return Request(wishes, draw(st.booleans()), draw(st.booleans()), limits)


policies = st.builds(Policy, money | st.none(), st.frozensets(st.sampled_from(CATEGORIES)))


@settings(max_examples=60)
@given(requests(), policies)
def test_every_dollar_is_asked_of_its_cost_center_and_covered_by_a_limit(
    request: Request, policy: Policy
) -> None:
    found = plans(request, policy)
    for wish in request.wishes:
        owners = {plan.cost_center_id: plan for plan in found if plan.kind is StepKind.OWNER}
        assert {center: owners[center].parts[wish.line_id] for center in wish.shares} == wish.shares
    for center in {center for wish in request.wishes for center in wish.shares}:
        asked = [plan for plan in found if plan.cost_center_id == center]
        whole = sum((wish.shares.get(center, Decimal()) for wish in request.wishes), Decimal())
        needed = [plan.limit_needed for plan in asked if plan.limit_needed is not None]
        assert needed == [whole], "exactly one step needs a limit over all of it"
        kinds = [plan.kind for plan in asked]
        assert len(kinds) == len(set(kinds))
        assert (StepKind.OVERRIDE in kinds) is request.is_override
    assert all(plan.parts and plan.amount > 0 for plan in found)


@settings(max_examples=60)
@given(requests(), policies)
def test_the_order_is_serial_unless_it_is_a_rush(request: Request, policy: Policy) -> None:
    found = plans(request, policy)
    positions = [plan.position for plan in found]
    assert positions == sorted(positions)
    if request.is_rush:
        assert set(positions) == {1}
    for plan in found:
        if not request.is_rush and plan.kind in (StepKind.HIGHER, StepKind.OVERRIDE):
            assert plan.position > 1
            assert plan.why
    assert {plan.position for plan in found if plan.kind is StepKind.OWNER} == {1}


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.booleans()), max_size=8),
)
def test_turns_come_to_an_end(rows: list[tuple[int, int, bool]]) -> None:
    steps = [(number, *row) for number, row in enumerate(rows)]
    rounds = 0
    while any(lacks for *_, lacks in steps):
        turn = turns(steps)
        assert any(turn.values()), "somebody can always decide"
        open_now = {step_id for step_id, is_open in turn.items() if is_open}
        for step_id, center, position, lacks in steps:
            if lacks and step_id not in open_now:
                assert any(
                    other in open_now and center == theirs and first < position
                    for other, theirs, first, _ in steps
                ), "who waits, waits for somebody"
        steps = [
            (step_id, center, position, lacks and step_id not in open_now)
            for step_id, center, position, lacks in steps
        ]
        rounds += 1
    assert rounds <= 3


def test_a_change_asks_again_only_whom_it_touches() -> None:
    touched_by_a_day = [kind for kind in StepKind if is_touched(kind, [Changed.NEED_BY])]
    assert touched_by_a_day == [StepKind.OWNER, StepKind.ADDED]
    assert all(is_touched(kind, [Changed.QUANTITY]) for kind in StepKind)
    assert not any(is_touched(kind, []) for kind in (StepKind.HIGHER, StepKind.OVERRIDE))


def test_a_line_is_through_when_nobody_is_left() -> None:
    assert is_through([AnswerState.APPROVED, AnswerState.MOOT])
    for lacking in (AnswerState.OPEN, AnswerState.HELD, AnswerState.REJECTED):
        assert not is_through([AnswerState.APPROVED, lacking])
