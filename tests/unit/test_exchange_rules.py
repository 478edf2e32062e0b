"""States of messages and retry pauses, over every state, action, outcome and number of tries."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable, Unreadable
from portal.exchange.rules import (
    ASK_FIRST_AFTER,
    LONGEST_PAUSE,
    MOST_TRIES,
    PAUSES,
    REPEATED,
    SETTLING_TIME,
    TRANSITIONS,
    MessageState,
    Outcome,
    outcome_of,
    pause_after,
)

S = MessageState
ACTIONS = ("claim", "finish", "wait", "stop", "retry", "replay", "withdraw")
ALLOWED = {
    S.WAITING: {"claim", "finish", "retry", "withdraw"},
    S.WORKING: {"claim", "finish", "wait", "stop"},
    S.DONE: {"replay"},
    S.NEEDS_ATTENTION: {"finish", "retry", "withdraw"},
    S.WITHDRAWN: set(),
}


@pytest.mark.parametrize("state", MessageState)
def test_every_state_allows_exactly_its_actions(state: MessageState) -> None:
    assert {action for action in ACTIONS if (state, action) in TRANSITIONS} == ALLOWED[state]


def test_every_action_leads_to_one_state() -> None:
    led = {action: {after for (_, one), after in TRANSITIONS.items() if one == action} for action in ACTIONS}
    assert led == {
        "claim": {S.WORKING},
        "finish": {S.DONE},
        "wait": {S.WAITING},
        "stop": {S.NEEDS_ATTENTION},
        "retry": {S.WAITING},
        "replay": {S.WAITING},
        "withdraw": {S.WITHDRAWN},
    }


@given(st.sampled_from(Outcome), st.integers(1, 50), st.none() | st.floats(0, allow_nan=False))
def test_a_pause_is_bounded_and_ends_in_a_persons_hands(
    outcome: Outcome, tries: int, retry_after: float | None
) -> None:
    pause = pause_after(outcome, tries, retry_after)
    if outcome not in REPEATED or tries >= MOST_TRIES:
        assert pause is None
    else:
        assert pause is not None
        assert PAUSES[tries - 1] <= pause <= LONGEST_PAUSE
        if outcome is Outcome.AMBIGUOUS:
            assert pause >= SETTLING_TIME
        if retry_after is not None:
            assert pause >= min(timedelta(seconds=min(retry_after, 10**6)), LONGEST_PAUSE)


def test_pauses_grow() -> None:
    assert list(PAUSES) == sorted(PAUSES)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Retryable("later"), Outcome.RETRYABLE),
        (Ambiguous("unclear"), Outcome.AMBIGUOUS),
        (Rejected("no"), Outcome.REJECTED),
        (Misconfigured("login"), Outcome.MISCONFIGURED),
        (Unreadable("what"), Outcome.UNREADABLE),
        (type("Busy", (Retryable,), {})("later"), Outcome.RETRYABLE),
        (PartnerError("unnamed"), Outcome.AMBIGUOUS),
    ],
)
def test_an_error_is_named_by_what_follows(error: PartnerError, outcome: Outcome) -> None:
    assert outcome_of(error) is outcome


def test_the_partner_is_asked_first_wherever_it_may_hold_the_document() -> None:
    certain = {Outcome.RETRYABLE, Outcome.REJECTED, Outcome.MISCONFIGURED, Outcome.UNREADABLE}
    assert set(Outcome) - certain == ASK_FIRST_AFTER
