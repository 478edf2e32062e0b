"""What is cancelled of an order that partners hold already reaches them, once, as its next version."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.exchange.delivery import deliver_due
from portal.exchange.models import Message
from portal.exchange.rules import MessageState
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.orders.cancelling import cancel_rest
from portal.orders.models import PurchaseOrder
from portal.orders.rules import OrderStatus, Transmission
from tests import ordering
from tests.faults.crashing_worker import deliver_all
from tests.hospital import Hospital, add_partners
from tests.ordering import balance, fresh, words
from tests.partners import Partners, running
from tests.visitor import Visitor


@pytest.fixture
def partners(hospital: Hospital, tmp_path: Path) -> Iterator[Partners]:
    with running(tmp_path, hospital) as partners:
        with transaction():
            add_partners(hospital, erp_url=partners.erp_url, network_url=partners.network_url)
        yield partners


@pytest.fixture
def order(hospital: Hospital, partners: Partners) -> PurchaseOrder:
    """Four boxes of catheters and two of gloves, taken by both partners."""
    order = ordering.placed(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
    deliver_all(hospital.organization.id)
    return fresh(order)


def cancel(hospital: Hospital, order: PurchaseOrder, number: int) -> PurchaseOrder:
    line = next(one for one in fresh(order).lines if one.line_number == number)
    with transaction():
        cancel_rest(hospital.actor(Role.BUYER), order.id, line.id, "No longer needed")
    return fresh(order)


def test_a_cancelled_line_leaves_the_erp_and_the_supplier(
    hospital: Hospital, partners: Partners, order: PurchaseOrder
) -> None:
    changed = cancel(hospital, order, 20)
    assert (changed.version, changed.transmission) == (2, Transmission.PLACED)
    deliver_all(hospital.organization.id)
    assert fresh(order).transmission is Transmission.SENT
    (there,) = partners.erp_orders()
    assert [(one["item"], one["deleted"]) for one in there["items"]] == [("10", False), ("20", True)]
    (held,) = partners.network_orders()
    assert (held["version"], [line["line_number"] for line in held["document"]["lines"]]) == (2, [10])
    assert held["document"]["replaces"].startswith(f"{order.number}-v1@")


def test_a_cancelled_order_is_withdrawn_from_both(
    client: Visitor, hospital: Hospital, partners: Partners, order: PurchaseOrder
) -> None:
    buyer = ordering.visitor(client, hospital, Role.BUYER)
    address = f"/orders/{order.id}/cancel"
    assert "4 BX of Urinary catheter, 14 Fr" in words(buyer.get(address))
    assert buyer.submit(address, {"reason": ""}).status_code == 422
    answer = buyer.submit(address, {"reason": "Clinic closed"})
    assert answer.status_code == 303
    assert "Nothing can be cancelled any more" in words(buyer.get(address))
    deliver_all(hospital.organization.id)
    shown = fresh(order)
    assert (shown.status, shown.version) == (OrderStatus.CANCELLED, 2)
    (there,) = partners.erp_orders()
    assert all(one["deleted"] for one in there["items"])
    (held,) = partners.network_orders()
    assert (held["version"], held["document"]["is_cancelled"]) == (2, True)
    assert balance(hospital).available == 1000


def test_who_never_heard_of_an_order_is_not_told_that_it_is_cancelled(
    hospital: Hospital, partners: Partners
) -> None:
    order = ordering.placed(hospital, {hospital.catheter_offer: 4})
    deliver_erp_only(hospital, order)
    cancel(hospital, order, 10)
    deliver_all(hospital.organization.id)
    (there,) = partners.erp_orders()
    assert [one["deleted"] for one in there["items"]] == [True]
    assert partners.network_orders() == []
    states = db.session.query(Message.state).filter_by(subject_type="purchase_order", subject_id=order.id)
    assert {state for (state,) in states} == {MessageState.DONE, MessageState.WITHDRAWN}


def deliver_erp_only(hospital: Hospital, order: PurchaseOrder) -> None:
    with transaction():
        message = db.session.query(Message).filter_by(subject_id=order.id).one()
        partner_id = message.partner_id
    deliver_due(partner_id)
    assert fresh(order).transmission is Transmission.POSTED
