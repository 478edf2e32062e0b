"""The buyer's pages: workbench, list of orders, order page."""

import pytest

from portal.foundation import clock
from portal.identity.rules import Role
from portal.orders.models import PurchaseOrder
from tests import ordering
from tests.hospital import Hospital
from tests.visitor import Visitor


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Sent, partly backordered, partly shipped."""
    ordering.connect(hospital)
    order = ordering.sent(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
    answered = {10: [ordering.part(3), ordering.part(1, "backordered")]}
    ordering.confirm(ordering.confirmation(order.number, answered))
    ordering.ship(ordering.ship_notice(order.number, {10: [ordering.lot(3, "L1")]}, arrives=clock.now()))
    return ordering.fresh(order)


@pytest.mark.parametrize(
    ("role", "pages"),
    [
        (Role.BUYER, ["/workbench", "/orders", "/orders/{}", "/orders/{}/live", "/orders/{}/print"]),
        (Role.RECEIVER, ["/receive", "/receive/receipts", "/receive/{}"]),
        (Role.AP_ANALYST, ["/invoices", "/invoices?show=all", "/invoices?show=differs", "/invoices/new/{}"]),
    ],
)
def test_the_pages_open(
    hospital: Hospital, client: Visitor, order: PurchaseOrder, role: Role, pages: list[str]
) -> None:
    ordering.approved(hospital, {hospital.gloves_offer: 2})
    browser = ordering.visitor(client, hospital, role)
    for page in pages:
        assert browser.get(page.format(order.id)).status_code == 200, page
        if "{}" in page:
            assert browser.get(page.format(order.id + 10_000)).status_code == 404, page
