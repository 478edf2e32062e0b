"""By how much a confirmed price may differ without anybody being asked is a dated rule."""

from decimal import Decimal

import pytest

from portal.exchange.models import WorkItem
from portal.exchange.queries import open_items_about
from portal.foundation import clock
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.orders.differences import services
from portal.orders.models import PurchaseOrder
from portal.requisitions.rulebook import services as rulebook
from portal.requisitions.rulebook.rules import Severity
from portal.requisitions.rulebook.services import Wanted
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import confirm, confirmation, fresh, part, words
from tests.visitor import Visitor


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters at 20.00 on line 10, two of gloves on line 20; the supplier has it."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})


def item_of(order: PurchaseOrder) -> WorkItem:
    (item,) = open_items_about("purchase_order", order.id)
    return item


def test_how_far_a_confirmed_price_may_be_off_is_a_dated_rule(
    hospital: Hospital, order: PurchaseOrder, client: Visitor
) -> None:
    """20.20 for 20.00 is 1 % and 0.80 more: nobody is asked, until the rule says half a percent."""
    today = clock.today(hospital.facility.time_zone)
    with transaction():
        hospital.organization.time_zone = hospital.facility.time_zone
    dearer = [part(4, "changed", price="20.20")]
    confirm(confirmation(order.number, {10: dearer, 20: [part(2)]}))
    assert open_items_about("purchase_order", order.id) == []
    kept = db.session.query(AuditEvent).filter_by(action="order.tolerate_price").one()
    assert "more than 1 %, version 1" in str(kept.evidence)
    client.sign_in(hospital.email(Role.FINANCE_DIRECTOR))
    asked = {"severity": "block", "threshold": "0.5", "category": "", "reason": "Count", "facility": ""}
    asked |= {
        "starts_on": today.isoformat(),
        "csrf_token": client.csrf_token("/rules/setting?rule=last_price"),
    }
    told = words(client.post("/rules/trial?rule=confirmed_price_share", data=asked))
    assert "Confirmed in the last 30 days 1" in told
    assert "Newly asked 1" in told
    wanted = Wanted("confirmed_price_share", Severity.BLOCK, Decimal("0.5"), hospital.facility.id, "", today)
    with transaction():
        rulebook.set_rule(hospital.actor(Role.FINANCE_DIRECTOR), wanted, today)
    confirm(confirmation(order.number, {10: dearer, 20: [part(2)]}, number="OC-2"))
    assert item_of(order).sentence.endswith("$20.20 confirmed, $20.00 per BX ordered.")
    with transaction():
        services.accept(hospital.actor(Role.BUYER), item_of(order).id)
    assert fresh(order).lines[0].unit_price == Decimal("20.20")
