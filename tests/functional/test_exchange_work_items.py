"""Work items: one open per cause, settled by people or by the cause going away."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from portal.exchange import services
from portal.exchange.models import WorkItem
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import About
from portal.foundation.access import Actor, system
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity import services as identity
from portal.identity.rules import Role
from portal.masterdata.models import Facility
from portal.operations import work_items
from portal.operations.work_items import ItemFilter
from tests.hospital import Hospital
from tests.inbound_documents import place_order


def opened(
    kind: WorkItemKind = WorkItemKind.PRICE, sentence: str = "The price differs.", **options: object
) -> None:
    with transaction():
        services.open_item(kind, key="line-1-price", sentence=sentence, **options)  # type: ignore[arg-type]


def counted(actor: Actor) -> int | None:
    return db.session.scalar(work_items.open_count(actor))


def items() -> list[WorkItem]:
    db.session.expire_all()
    return list(db.session.scalars(select(WorkItem).order_by(WorkItem.id)))


def test_one_cause_has_one_open_item_with_the_newest_words(hospital: Hospital) -> None:
    opened(sentence="8.00 instead of 7.25", at_stake=Decimal("3.75"))
    opened(sentence="9.00 instead of 7.25", at_stake=Decimal("8.75"))
    [item] = items()
    assert (item.sentence, item.at_stake) == ("9.00 instead of 7.25", Decimal("8.75"))


def test_what_a_person_has_settled_does_not_come_back_with_the_next_document(hospital: Hospital) -> None:
    opened()
    with transaction():
        services.resolve(hospital.actor(Role.BUYER), items()[0], "Accepted")
    opened()
    assert len(items()) == 1
    opened(sentence="Another price.")
    assert [item.resolved_at is None for item in items()] == [False, True]


def test_what_the_portal_has_closed_comes_back_when_it_happens_again(hospital: Hospital) -> None:
    opened()
    with transaction():
        services.resolve_by_system(system(hospital.organization.id, "test"), "line-1-price", "It fits again.")
    opened()
    assert [item.resolved_at is None for item in items()] == [False, True]


def test_a_stop_that_a_person_has_settled_is_told_again(hospital: Hospital) -> None:
    for _ in range(2):
        opened(WorkItemKind.DELIVERY_STOPPED)
        with transaction():
            services.resolve(hospital.actor(Role.BUYER), items()[-1], "Done")
    assert len(items()) == 2


def test_taking_and_resolving_stand_in_the_trail(hospital: Hospital) -> None:
    buyer = hospital.actor(Role.BUYER)
    opened()
    with transaction():
        services.take(buyer, items()[0])
    with pytest.raises(Invalid, match="Say how"), transaction():
        services.resolve(buyer, items()[0], " ")
    with transaction():
        services.resolve(buyer, items()[0], " Accepted ")
    assert items()[0].resolution == "Accepted"
    trail = db.session.scalars(
        select(AuditEvent.action).where(AuditEvent.subject_type == "work_item").order_by(AuditEvent.id)
    )
    assert list(trail) == ["work_item.take", "work_item.resolve"]


def test_a_settled_item_can_be_neither_taken_nor_settled_again(hospital: Hospital) -> None:
    opened()
    buyer = hospital.actor(Role.BUYER)
    with transaction():
        services.resolve(buyer, items()[0], "Accepted")
    with pytest.raises(Conflict, match="resolved already"), transaction():
        services.take(buyer, items()[0])
    with pytest.raises(Conflict, match="resolved already"), transaction():
        services.resolve(buyer, items()[0], "Again")


def test_a_person_of_one_facility_sees_the_items_of_its_orders(hospital: Hospital) -> None:
    with transaction() as session:
        other = Facility(code="2020", name="Surgery center")
        session.add(other)
        session.flush()
        account = identity.create_account(
            email=f"far-{hospital.organization.slug}@example.org", name="Receiver"
        )
        identity.assign_role(account, Role.RECEIVER, facility_id=other.id)
        order_id = place_order(hospital, "PO-1")
    opened(WorkItemKind.BACKORDERED, subject=About("purchase_order", order_id, "PO-1"))
    far, near = identity.actor_of(account), hospital.actor(Role.RECEIVER)
    assert (counted(near), counted(far)) == (1, 0)
    assert db.session.execute(work_items.listing(far, ItemFilter())).all() == []


def test_whoever_may_not_decide_sees_none(hospital: Hospital) -> None:
    opened()
    assert counted(hospital.actor(Role.CLINICIAN)) == 0
    assert counted(hospital.actor(Role.BUYER)) == 1
