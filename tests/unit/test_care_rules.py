"""What the point of care asks, stops and understands; every lot it chooses is in date."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from integrations.clinical import UsageStatus
from portal.clinical.care.commands import PATTERNS, code39, sheet
from portal.clinical.care.rules import (
    Command,
    Do,
    Known,
    OnShelf,
    Tracking,
    amount,
    chosen_lots,
    command_of,
    expired,
    outcomes,
    pack_words,
    questions,
)

TODAY = date(2026, 11, 22)
IMPLANT = Tracking(is_implant=True, lot=True, serial=True, expiry=True)
KNOWN: dict[str, Any] = {"di": "1", "lot": "2", "serial": "3", "expires_on": TODAY, "side": "Left"}


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (".ok", Command(Do.RECORD)),
        (".OK", Command(Do.RECORD)),
        (". undo ", Command(Do.UNDO)),
        (".wasted", Command(outcome=UsageStatus.WASTED)),
        (".12", Command(quantity=Decimal(12))),
        (".left", Command(side="Left")),
        (".box", Command(in_packs=True)),
        (".0", Command(is_unknown=True)),
        (".1000", Command(is_unknown=True)),
        (".", Command(is_unknown=True)),
        ("ok", None),
        ("0109521101010107", None),
        ("3.5 mm screw", None),
    ],
)
def test_commands_begin_with_a_point(text: str, command: Command | None) -> None:
    assert command_of(text) == command


def test_every_printed_command_is_understood_and_its_barcode_is_well_formed() -> None:
    for one in sheet():
        command = command_of(one.text.upper())  # Code 39 has capitals only
        assert command is not None
        assert not command.is_unknown
        ends = [place + width for place, width in one.bars]
        assert all(end < start for end, (start, _) in zip(ends, one.bars[1:], strict=False))
    assert all(pattern.count("1") == 3 for pattern in PATTERNS.values())
    assert len(set(PATTERNS.values())) == len(PATTERNS)
    with pytest.raises(KeyError):
        code39("ä")


@pytest.mark.parametrize("missing", KNOWN)
def test_an_implant_asks_for_all_that_a_registry_needs(missing: str) -> None:
    facts = {**KNOWN, missing: None if missing == "expires_on" else ""}
    known = Known(UsageStatus.IMPLANTED, **facts)
    assert list(questions(IMPLANT, known)) == [missing]
    assert not questions(Tracking(), known)


def test_what_was_not_put_in_asks_for_less() -> None:
    assert not questions(IMPLANT, Known(UsageStatus.EXPLANTED, side="Left"))
    assert set(questions(IMPLANT, Known(UsageStatus.WASTED))) == {"lot", "serial"}
    assert UsageStatus.EXPLANTED in outcomes(IMPLANT)
    assert UsageStatus.EXPLANTED not in outcomes(Tracking())


def test_the_last_day_is_still_good() -> None:
    assert expired(TODAY, TODAY, "") is None
    assert expired(None, TODAY, "") is None
    assert expired(TODAY - timedelta(days=1), TODAY, "yesterday") is not None


def test_units_are_said_as_people_say_them() -> None:
    assert amount(Decimal("1.000"), "EA") == "1 piece"
    assert amount(Decimal(3), "BX") == "3 boxes"
    assert amount(Decimal("2.5"), "MTR") == "2.5 MTR"
    assert pack_words("BX", Decimal(10), "EA") == "box of 10 pieces"


lots = some.lists(
    some.builds(
        OnShelf,
        id=some.integers(1, 99),
        lot=some.sampled_from("ABCDE"),
        serial=some.just(""),
        expires_on=some.none() | some.dates(TODAY - timedelta(days=9), TODAY + timedelta(days=9)),
        on_hand=some.integers(0, 9).map(Decimal),
        is_quarantined=some.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=60)
@given(shelf=lots, wanted=some.integers(1, 30).map(Decimal))
def test_a_card_takes_only_what_may_be_used_first_to_expire_first(
    shelf: list[OnShelf], wanted: Decimal
) -> None:
    taken, missing = chosen_lots(shelf, wanted, TODAY)
    assert sum((part for _, part in taken), missing) == wanted
    assert all(part <= one.on_hand and not one.is_quarantined for one, part in taken)
    days = [one.expires_on or date.max for one, _ in taken]
    assert days == sorted(days)
    assert all(day >= TODAY for day in days)
