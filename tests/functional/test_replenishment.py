"""Suggestions stay true and single, whatever happens at once, and become requisitions once."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from portal.catalog.models import Offer
from portal.clinical.models import Case, PreferenceCard, PreferenceLine
from portal.clinical.rules import CaseState
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.jobs import queue
from portal.identity.rules import Role
from portal.inventory.models import ParLevel
from portal.inventory.proof import discrepancies
from portal.inventory.queries import on_hand
from portal.inventory.rules import MovementKind, ParMethod
from portal.inventory.services import Move, move
from portal.masterdata.models import Supplier
from portal.replenishment import jobs, queries, services
from portal.replenishment.models import ReplenishmentPolicy, Suggestion
from portal.replenishment.rules import SuggestionState
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionSource
from tests.hospital import Hospital
from tests.requesting import offered, par, stocked

TODAY = clock.today("America/Chicago")


@pytest.fixture
def manager(hospital: Hospital) -> Actor:
    """The clinic manager; gloves are below par, catheters are not."""
    receiver = hospital.actor(Role.RECEIVER)
    with transaction():
        stocked(receiver, hospital.clinic, hospital.gloves.id, 12)
        stocked(receiver, hospital.clinic, hospital.catheter.id, 30, lot="A")
        par(hospital.clinic, hospital.gloves.id, 40, 40)
        par(hospital.clinic, hospital.catheter.id, 20, 40)
    return hospital.actor(Role.CLINIC_MANAGER)


def refreshed(hospital: Hospital) -> list[Suggestion]:
    """The open suggestions of the clinic after looking again."""
    with transaction():
        services.refresh(hospital.clinic.id)
    return queries.open_at(hospital.clinic.id)


def use(hospital: Hospital, item_id: int, quantity: int, key: str) -> None:
    """Takes from the clinic's shelf."""
    with transaction():
        one = Move(key, MovementKind.USAGE, hospital.clinic.id, item_id, Decimal(-quantity), lot="")
        move(hospital.actor(Role.RECEIVER), [one])


def level_of(hospital: Hospital, item_id: int) -> ParLevel:
    """The clinic's par level of an item."""
    return db.session.scalars(
        select(ParLevel).where(ParLevel.location_id == hospital.clinic.id, ParLevel.item_id == item_id)
    ).one()


def policy(hospital: Hospital, **values: object) -> None:
    """How the clinic is filled up."""
    with transaction():
        db.session.add(ReplenishmentPolicy(location_id=hospital.clinic.id, **values))


def test_one_suggestion_follows_the_shelf(hospital: Hospital, manager: Actor) -> None:
    (first,) = refreshed(hospital)
    assert [(line.item_id, line.packs, line.explanation) for line in first.lines] == [
        (hospital.gloves.id, 3, "par 40, on hand 12, pack of 10 → 3 boxes")
    ]
    version = first.version
    (again,) = refreshed(hospital)
    assert (again.id, again.version) == (first.id, version), "nothing new, nothing written"
    use(hospital, hospital.catheter.id, 15, "use")
    (both,) = refreshed(hospital)
    assert both.id == first.id
    assert {line.item_id: line.packs for line in both.lines} == {
        hospital.gloves.id: 3,
        hospital.catheter.id: 2,
    }
    with transaction():
        stocked(manager, hospital.clinic, hospital.gloves.id, 90)
        stocked(manager, hospital.clinic, hospital.catheter.id, 90)
    assert refreshed(hospital) == []
    assert queries.suggestion(first.id).state is SuggestionState.DROPPED


def test_accepted_packs_become_one_submitted_requisition(hospital: Hospital, manager: Actor) -> None:
    with transaction():
        requisitions.add(manager, hospital.clinic.id, hospital.catheter_offer.id, Decimal(1))
    (suggestion,) = refreshed(hospital)
    (line,) = suggestion.lines
    with transaction():
        requisition = services.accept(manager, suggestion.id, {line.id: Decimal(3)})
        assert (requisition.number or "").startswith("RQ")
        assert requisition.source is RequisitionSource.REPLENISHMENT
        assert [(one.item_id, one.quantity) for one in requisition.lines] == [(hospital.gloves.id, 3)]
    assert refreshed(hospital) == [], "what is requested is counted"
    with pytest.raises(Conflict), transaction():
        services.accept(manager, suggestion.id, {line.id: Decimal(3)})
    assert len(requisitions.cart(manager, hospital.clinic.id).lines) == 1, "the cart is left alone"
    use(hospital, hospital.gloves.id, 12, "use")
    (more,) = refreshed(hospital)
    assert more.lines[0].explanation == "par 40, on hand 0, requested 30, pack of 10 → 1 box"


def test_less_than_suggested_is_not_asked_again_today(hospital: Hospital, manager: Actor) -> None:
    (suggestion,) = refreshed(hospital)
    (line,) = suggestion.lines
    with pytest.raises(Invalid, match="at least one"), transaction():
        services.accept(manager, suggestion.id, {line.id: Decimal(0)})
    with pytest.raises(Conflict, match="other lines"), transaction():
        services.accept(manager, suggestion.id, {line.id + 1: Decimal(1)})
    with transaction():
        services.accept(manager, suggestion.id, {line.id: Decimal(1)})
    assert refreshed(hospital) == []
    with clock.shifted(timedelta(days=1)):
        assert [one.packs for one in refreshed(hospital)[0].lines] == [2]


def test_snoozed_with_a_reason_until_a_day(hospital: Hospital, manager: Actor) -> None:
    (suggestion,) = refreshed(hospital)
    level = level_of(hospital, hospital.gloves.id)
    for until, reason in (
        (TODAY, "Moving"),
        (TODAY + timedelta(days=31), "Moving"),
        (TODAY + timedelta(days=2), " "),
    ):
        with pytest.raises(Invalid), transaction():
            services.snooze(manager, level.id, until=until, reason=reason)
    with pytest.raises(NotAllowed), transaction():
        services.snooze(hospital.actor(Role.CLINICIAN), level.id, until=TODAY + timedelta(days=2), reason="x")
    with transaction():
        services.snooze(manager, level.id, until=TODAY + timedelta(days=2), reason="The clinic moves")
    assert queries.open_at(hospital.clinic.id) == []
    assert queries.suggestion(suggestion.id).state is SuggestionState.DROPPED
    with clock.shifted(timedelta(days=2)):
        assert len(refreshed(hospital)) == 1


def test_expired_stock_and_scheduled_cases_count(hospital: Hospital, manager: Actor) -> None:
    soon = clock.now() + timedelta(days=3)
    with transaction():
        card = PreferenceCard(
            procedure_code="CATH", procedure_name="Catheterization", location_id=hospital.clinic.id,
            lines=[PreferenceLine(item_id=hospital.catheter.id, position=1, to_open=Decimal(15))],
        )  # fmt: skip
        other = PreferenceCard(
            procedure_code="CATH", procedure_name="Catheterization",
            lines=[PreferenceLine(item_id=hospital.gloves.id, position=1, to_open=Decimal(99))],
        )  # fmt: skip
        cases = [
            Case(
                number=f"C-{state}-{days}", location_id=hospital.clinic.id, procedure_code="CATH",
                state=state, scheduled_at=soon + timedelta(days=days),
            )
            for state, days in (
                (CaseState.SCHEDULED, 0), (CaseState.CANCELLED, 0), (CaseState.SCHEDULED, -4),
                (CaseState.SCHEDULED, 40),
            )
        ]  # fmt: skip
        db.session.add_all([card, other, *cases])
        yesterday = TODAY - timedelta(days=1)
        stocked(manager, hospital.clinic, hospital.gloves.id, 30, lot="OLD", expires_on=yesterday)
    (suggestion,) = refreshed(hospital)
    told = {line.item_id: line.explanation for line in suggestion.lines}
    assert "on hand 12, 30 more expired" in told[hospital.gloves.id]
    assert "on hand 30, cases need 15 by" in told[hospital.catheter.id]
    assert "cases" not in told[hospital.gloves.id], "the card of the place counts, not the general one"


def test_other_days_than_review_days_wait_unless_it_is_critical(hospital: Hospital, manager: Actor) -> None:
    policy(hospital, review_days=[(TODAY.weekday() + 1) % 7])
    assert refreshed(hospital) == []
    with transaction():
        level_of(hospital, hospital.gloves.id).critical = Decimal(12)
    (suggestion,) = refreshed(hospital)
    assert [line.is_critical for line in suggestion.lines] == [True]
    with clock.shifted(timedelta(days=1)):
        use(hospital, hospital.catheter.id, 15, "use")
        assert len(refreshed(hospital)[0].lines) == 2


def test_a_location_may_ask_by_itself_but_never_insists(hospital: Hospital, manager: Actor) -> None:
    account = hospital.accounts[Role.CLINIC_MANAGER]
    policy(hospital, auto_submit=True, requester_id=account.id)
    assert refreshed(hospital) == []
    (requisition,) = db.session.scalars(select(Requisition)).all()
    assert (requisition.requester_id, requisition.source) == (account.id, RequisitionSource.REPLENISHMENT)
    with transaction():
        requisitions.withdraw(manager, requisition.id)
    (left,) = refreshed(hospital)
    assert "did not want" in left.problem
    assert len(db.session.scalars(select(Requisition)).all()) == 1


def test_what_checks_refuse_stays_a_suggestion_with_the_reason(hospital: Hospital, manager: Actor) -> None:
    policy(hospital, auto_submit=True, requester_id=hospital.accounts[Role.CLINIC_MANAGER].id)
    with transaction():
        level = level_of(hospital, hospital.gloves.id)
        level.minimum = level.maximum = Decimal(9000)
    (suggestion,) = refreshed(hospital)
    assert "this request needs" in suggestion.problem
    assert db.session.scalars(select(Requisition)).all() == []


def test_the_card_of_an_empty_bin_asks_once(hospital: Hospital, manager: Actor) -> None:
    with transaction():
        level = level_of(hospital, hospital.catheter.id)
        level.method, level.minimum, level.maximum = ParMethod.KANBAN, Decimal(50), Decimal(100)
        stocked(manager, hospital.clinic, hospital.gloves.id, 90)
    assert refreshed(hospital) == []
    for _ in range(2):
        with transaction():
            services.empty_bin(hospital.actor(Role.RECEIVER), f" kb-{level.id}\n")
    (suggestion,) = queries.open_at(hospital.clinic.id)
    (line,) = suggestion.lines
    assert line.explanation == "bin of 50 empty, on hand 30, pack of 10 → 5 boxes"
    with transaction():
        services.accept(manager, suggestion.id, {line.id: line.packs})
    assert refreshed(hospital) == []
    for code in ("KB-0", "X", "KB-999999", services.card_of(level_of(hospital, hospital.gloves.id).id)):
        with pytest.raises(Invalid), transaction():
            services.empty_bin(hospital.actor(Role.RECEIVER), code)


def test_a_thousand_uses_at_once_leave_exact_stock_and_one_suggestion_per_supplier(
    app: Flask, hospital: Hospital, manager: Actor
) -> None:
    suppliers = [hospital.supplier, Supplier(code="S2", name="Second supplier")]
    with transaction():
        db.session.add(suppliers[1])
        db.session.flush()
        offers = [offered(hospital, f"T-{number}", f"Item {number}") for number in range(50)]
        for number, offer in enumerate(offers):
            offer.supplier_id = suppliers[number % 2].id
            stocked(manager, hospital.clinic, offer.item_id, 100)
            par(hospital.clinic, offer.item_id, 95, 100)
    keys = [(f"use-{number}", offers[number % 50].item_id) for number in range(1000)]

    def work(seed: int) -> None:
        with app.app_context():
            enter_organization(hospital.organization.id)
            mine = keys[seed * 200 : seed * 200 + 300]  # a third comes twice
            random.Random(seed).shuffle(mine)
            for start in range(0, len(mine), 60):
                with transaction():
                    moves = [
                        Move(key, MovementKind.USAGE, hospital.clinic.id, item_id, Decimal(-1))
                        for key, item_id in mine[start : start + 60]
                    ]
                    move(hospital.actor(Role.RECEIVER), moves)
                jobs.refresh(hospital.organization.id, hospital.clinic.id)
            db.session.remove()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    jobs.refresh(hospital.organization.id, hospital.clinic.id)
    items = [offer.item_id for offer in offers]
    assert on_hand(hospital.clinic.id, items) == dict.fromkeys(items, Decimal(80))
    assert discrepancies() == []
    found = queries.open_at(hospital.clinic.id)
    assert sorted(one.supplier_id for one in found) == sorted(one.id for one in suppliers)
    packs = {line.item_id: line.packs for one in found for line in one.lines if line.item_id in set(items)}
    factor = {offer.item_id: offer.factor for offer in offers}
    assert packs == {item_id: Decimal(20) / factor[item_id] for item_id in items}


def test_a_move_asks_a_worker_once_and_a_lost_queue_loses_nothing(hospital: Hospital, manager: Actor) -> None:
    waiting = queue("default")
    waiting.delete(delete_jobs=True)
    for number in range(3):
        use(hospital, hospital.gloves.id, 1, f"w-{number}")
    asked = [job for job in waiting.jobs if job.args == (hospital.organization.id, hospital.clinic.id)]
    assert len(asked) <= 1, "one is enough until it begins"
    waiting.delete(delete_jobs=True)
    jobs.refresh_all(hospital.organization.id)
    assert len(queries.open_at(hospital.clinic.id)) == 1


def test_the_unit_of_the_order_guide_then_the_contract_then_the_price_decides(
    hospital: Hospital, manager: Actor
) -> None:
    with transaction():
        db.session.add(
            Offer(
                item_id=hospital.gloves.id, supplier_id=hospital.supplier.id, supplier_part="CASE", uom="CA",
                factor=Decimal(100), list_price=Decimal(1), words="gloves case",
            )
        )  # fmt: skip
    (suggestion,) = refreshed(hospital)
    assert [line.offer_id for line in suggestion.lines] == [hospital.gloves_offer.id]
