"""Stock is the sum of its movements, whoever moves it how often at once."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from portal.exchange.models import WorkItem
from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Invalid
from portal.identity.rules import Role
from portal.inventory import jobs, queries
from portal.inventory.models import Stock, StockMovement
from portal.inventory.proof import discrepancies
from portal.inventory.rules import (
    NEVER_BELOW_ZERO,
    Condition,
    LotOnHand,
    MovementKind,
    Owner,
    first_to_expire,
)
from portal.inventory.services import Move, move, reverse
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.requesting import offered
from tests.statements import recorded

K = MovementKind
TODAY = clock.today()


@pytest.fixture
def keeper(hospital: Hospital) -> Actor:
    """Who moves stock."""
    return hospital.actor(Role.RECEIVER)


def used(hospital: Hospital, key: str, quantity: int = 1, **values: object) -> Move:
    """Gloves used in the clinic."""
    one = Move(key, K.USAGE, hospital.clinic.id, hospital.gloves.id, Decimal(-quantity))
    return replace(one, **values)  # type: ignore[arg-type]


def open_items() -> list[WorkItem]:
    """The work items about stock that nobody has resolved."""
    statement = select(WorkItem).where(
        WorkItem.kind.in_([WorkItemKind.STOCK_BELOW_ZERO, WorkItemKind.STOCK_DIFFERS]),
        WorkItem.resolved_at.is_(None),
    )
    return list(db.session.scalars(statement))


MOVES = st.lists(
    st.tuples(
        st.sampled_from([kind for kind in K if kind not in NEVER_BELOW_ZERO]),
        st.integers(0, 12),  # a small number of keys, so that some repeat
        st.booleans(),
        st.sampled_from(["", "A", "B"]),
        st.sampled_from(["", "S1"]),
        st.sampled_from(Owner),
        st.sampled_from(Condition),
        st.decimals(-50, 50, places=3),
    ),
    max_size=12,
)


@settings(max_examples=20)
@given(batches=st.lists(MOVES, max_size=4), undone=st.sets(st.integers(0, 12), max_size=4))
def test_on_hand_is_the_sum_of_the_movements(
    app: Flask, batches: list[list[tuple[object, ...]]], undone: set[int]
) -> None:
    with app.app_context():
        hospital = _shared(app)
        keeper = hospital.actor(Role.RECEIVER)
        run = random.getrandbits(60)
        with transaction():
            for batch in batches:
                move(keeper, [_move(hospital, run, *values) for values in batch])  # type: ignore[arg-type]
            names = queries.movements_named([f"{run}-{number}" for number in undone])
            kept = [one.key for one in names if one.kind not in (K.OPENING, K.COUNT, *_REVERSALS)]
            reverse(keeper, kept, "Wrong item")
            assert reverse(keeper, kept, "Wrong item") == set()
        with transaction():
            assert discrepancies() == []


_REVERSALS = (K.RECEIPT_REVERSAL, K.USAGE_REVERSAL, K.TRANSFER_IN)
_HOSPITALS: list[Hospital] = []


def _shared(app: Flask) -> Hospital:
    """One organization for all examples of the property."""
    if not _HOSPITALS:
        with transaction() as session:
            session.expire_on_commit = False
            _HOSPITALS.append(hospitals.build())
    enter_organization(_HOSPITALS[0].organization.id)
    return _HOSPITALS[0]


def _move(
    hospital: Hospital, run: int, kind: MovementKind, key: int, elsewhere: bool, lot: str, serial: str,
    owner: Owner, condition: Condition, quantity: Decimal,
) -> Move:  # fmt: skip
    place = hospital.storeroom if elsewhere else hospital.clinic
    return Move(
        f"{run}-{key}", kind, place.id, hospital.gloves.id, quantity, lot=lot, serial=serial, owner=owner,
        condition=condition,
    )  # fmt: skip


def test_the_same_movements_from_many_at_once_count_once_and_nobody_deadlocks(
    app: Flask, hospital: Hospital, keeper: Actor
) -> None:
    items = [offered(hospital, f"N-{number}", "Needle").item_id for number in range(20)]
    db.session.commit()
    keys = [f"use-{number}" for number in range(200)]

    def work(seed: int) -> int:
        with app.app_context():
            enter_organization(hospital.organization.id)
            mine = [
                Move(key, K.USAGE, hospital.clinic.id, items[number % 20], Decimal(-1), document=str(seed))
                for number, key in enumerate(keys)
            ]
            random.Random(seed).shuffle(mine)
            applied = 0
            for start in range(0, 200, 40):
                with transaction():
                    applied += len(move(keeper, mine[start : start + 40]))
            db.session.remove()
            return applied

    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(work, range(4)))
    assert sum(applied) == 200
    assert queries.on_hand(hospital.clinic.id, items) == dict.fromkeys(items, Decimal(-10))
    assert discrepancies() == []


def test_many_movements_take_no_more_statements_than_one(hospital: Hospital, keeper: Actor) -> None:
    with transaction():
        move(keeper, [used(hospital, "open", -5000, kind=K.OPENING)])
    with recorded() as one, transaction():
        assert move(keeper, [used(hospital, "a")]) == {"a"}
    with recorded() as many, transaction():
        moves = [used(hospital, f"m-{number}", lot=f"L{number % 7}") for number in range(500)]
        assert len(move(keeper, [used(hospital, "a"), *moves])) == 500
    assert len([one for one in many if "stock" in one.lower()]) <= len(one) + 3, "and the work item"


def test_used_below_zero_asks_for_a_count_until_the_book_is_right(hospital: Hospital, keeper: Actor) -> None:
    with transaction():
        move(keeper, [used(hospital, "open", -2, kind=K.OPENING), used(hospital, "used", 3)])
        assert [one.sentence for one in open_items()] == [
            "Emergency department used more Exam glove, nitrile, medium than the book had."
        ]
        move(keeper, [used(hospital, "again", 3)])
        assert len(open_items()) == 1
    with transaction():
        move(keeper, [used(hospital, "count", -9, kind=K.COUNT)])
        assert open_items() == []
    assert queries.on_hand(hospital.clinic.id, [hospital.gloves.id]) == {hospital.gloves.id: 5}


@pytest.mark.parametrize("kind", sorted(NEVER_BELOW_ZERO))
def test_what_is_not_there_can_be_neither_sent_nor_returned(
    hospital: Hospital, keeper: Actor, kind: MovementKind
) -> None:
    with transaction():
        move(keeper, [used(hospital, "open", -2, kind=K.OPENING, lot="A")])
    with pytest.raises(Invalid, match=r"Emergency department has 2 of .*lot A, not 3"), transaction():
        move(keeper, [used(hospital, "gone", 3, kind=kind, lot="A")])
    assert queries.on_hand(hospital.clinic.id, [hospital.gloves.id]) == {hospital.gloves.id: 2}
    assert db.session.scalar(select(func.count(StockMovement.id))) == 1


def test_named_movements_are_undone_once_with_a_reason(hospital: Hospital, keeper: Actor) -> None:
    with transaction():
        move(
            keeper,
            [used(hospital, "open", -10, kind=K.OPENING), used(hospital, "u1", 4, lot="A", serial="S")],
        )
    with pytest.raises(Invalid, match="why"), transaction():
        reverse(keeper, ["u1"], " ")
    with pytest.raises(Invalid, match="opening"), transaction():
        reverse(keeper, ["open"], "Wrong")
    with transaction():
        assert reverse(keeper, ["u1", "unknown"], "Opened, not used") == {"u1"}
        assert reverse(keeper, ["u1"], "Again") == set()
    assert queries.on_hand(hospital.clinic.id, [hospital.gloves.id]) == {hospital.gloves.id: 10}
    (undone,) = queries.movements_named(["u1:undone"])
    assert (undone.kind, undone.lot, undone.serial, undone.reason, undone.account_id) == (
        K.USAGE_REVERSAL, "A", "S", "Opened, not used", keeper.account_id,
    )  # fmt: skip
    with pytest.raises(Invalid, match="cannot be undone"), transaction():
        reverse(keeper, ["u1:undone"], "Back")


def test_quarantined_stock_is_there_but_not_to_be_used(hospital: Hospital, keeper: Actor) -> None:
    away = used(hospital, "q", 3, kind=K.QUARANTINE, lot="A")
    held = replace(away, key="q:held", quantity=Decimal(3), condition=Condition.QUARANTINED)
    with transaction():
        move(keeper, [used(hospital, "open", -5, kind=K.OPENING, lot="A"), away, held])
        move(keeper, [used(hospital, "far", -7, kind=K.OPENING, location_id=hospital.storeroom.id)])
    near = queries.near(queries.stock_near(hospital.gloves.id, hospital.clinic), hospital.clinic)
    assert [(one.location, one.on_hand, one.is_here) for one in near] == [
        ("Emergency department", 2, True),
        ("Central storeroom", 7, False),
    ]
    lots = queries.lots_at(hospital.clinic.id, [hospital.gloves.id])
    assert [(lot.condition, lot.on_hand) for lot in lots] == [("available", 2), ("quarantined", 3)]


def test_a_shelf_without_lots_expires_with_its_oldest(hospital: Hospital, keeper: Actor) -> None:
    near, far = TODAY + timedelta(days=5), TODAY + timedelta(days=500)
    with transaction():
        for key, day in (("a", near), ("b", far)):
            move(keeper, [used(hospital, key, -1, kind=K.RECEIPT, expires_on=day)])
    assert db.session.scalars(select(Stock.expires_on)).all() == [near]


def test_the_first_to_expire_is_taken_first() -> None:
    lots = [
        LotOnHand("late", "", Decimal(5), TODAY + timedelta(days=9)),
        LotOnHand("never", "", Decimal(5), None),
        LotOnHand("minus", "", Decimal(-5), TODAY),
        LotOnHand("soon", "", Decimal(2), TODAY),
    ]
    taken = first_to_expire(lots, Decimal(8))
    assert [(lot.lot, quantity) for lot, quantity in taken] == [("soon", 2), ("late", 5), ("never", 1)]
    assert Counter(lot.lot for lot, _ in first_to_expire(lots, Decimal(100))).total() == 3


def test_a_book_written_past_the_portal_is_found(app: Flask, hospital: Hospital, keeper: Actor) -> None:
    with transaction():
        move(keeper, [used(hospital, "open", -5, kind=K.OPENING)])
    with transaction():
        db.session.execute(update(Stock).values(on_hand=6))
    jobs.prove()
    enter_organization(hospital.organization.id)
    assert len(open_items()) == 1
    with transaction():
        db.session.execute(update(Stock).values(on_hand=5))
    jobs.prove()
    enter_organization(hospital.organization.id)
    assert open_items() == []


@pytest.mark.parametrize("change", ["UPDATE stock_movement SET quantity = 1", "DELETE FROM stock_movement"])
def test_a_movement_stays_as_it_was_written(hospital: Hospital, keeper: Actor, change: str) -> None:
    with transaction():
        move(keeper, [used(hospital, "open", -5, kind=K.OPENING)])
    with pytest.raises(Exception, match=r"append|denied|refuse"):
        db.session.execute(text(change))
