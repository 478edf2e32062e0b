"""An order is changed as its next version: the partners get it, the budget follows, nothing goes too far."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portal.budgets.rules import Term
from portal.exchange.models import Message
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid
from portal.identity.rules import Role
from portal.orders.cancelling import cancel_rest
from portal.orders.models import PurchaseOrder
from portal.orders.versions import services
from portal.orders.versions.queries import versions_of
from portal.orders.versions.rules import Wish
from tests import ordering
from tests.faults.crashing_worker import deliver_all
from tests.hospital import Hospital, add_partners
from tests.ordering import balance, fresh, lot, ship, ship_notice, words
from tests.partners import Partners, running
from tests.visitor import Visitor

DAY = clock.today() + timedelta(days=9)


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    ordering.connect(hospital)
    return hospital


def change(
    hospital: Hospital,
    order: PurchaseOrder,
    number: int = 10,
    *,
    quantity: object = None,
    price: str = "",
    day: date | None = None,
    location_id: int | None = None,
    seen: int | None = None,
) -> PurchaseOrder:
    now = fresh(order)
    line = next(one for one in now.lines if one.line_number == number)
    wanted = line.quantities.wanted if quantity is None else Decimal(str(quantity))
    wish = Wish(line.id, wanted, day or line.needed_on, Decimal(price) if price else line.unit_price)
    with transaction():
        services.change(
            hospital.actor(Role.BUYER), order.id, [wish],
            location_id=location_id or now.location_id, reason="The clinic asked for it",
            seen=now.version if seen is None else seen,
        )  # fmt: skip
    return fresh(order)


def ordered(hospital: Hospital) -> Decimal:
    return balance(hospital).held(Term.ORDERED)


def test_a_change_reaches_erp_and_supplier_and_the_page_says_what_they_answered(
    hospital: Hospital, tmp_path: Path, client: Visitor
) -> None:
    with running(tmp_path, hospital) as partners:
        with transaction():
            add_partners(hospital, erp_url=partners.erp_url, network_url=partners.network_url)
        order = ordering.placed(hospital, {hospital.catheter_offer: 4, hospital.gloves_offer: 2})
        deliver_all(hospital.organization.id)
        buyer = ordering.visitor(client, hospital, Role.BUYER)
        shown = buyer.get(f"/orders/{order.id}/change")
        answer = buyer.send(
            shown,
            {
                "lines-0-quantity": "3",
                "lines-0-needed_on": DAY.isoformat(),
                "lines-1-unit_price": "7.30",
                "location": str(hospital.storeroom.id),
                "reason": "Case moved",
            },
            action=f"/orders/{order.id}/change",
        )
        assert answer.status_code == 303
        deliver_all(hospital.organization.id)
        _check_partners(partners, order)
    page = words(buyer.get(f"/orders/{order.id}"))
    assert "Case moved" in page
    assert "S/4HANA: took it" in page
    assert "Business Network: took it" in page


def _check_partners(partners: Partners, order: PurchaseOrder) -> None:
    (there,) = partners.erp_orders()
    assert [one["quantity"] for one in there["items"]] == ["3.000", "2.000"]
    (held,) = partners.network_orders()
    document = held["document"]
    assert (held["version"], document["location"]) == (2, "ST01")
    assert document["replaces"].startswith(f"{order.number}-v1@")
    first, second = document["lines"]
    assert (first["quantity"], first["need_by"]) == ("3.000", DAY.isoformat())
    assert Decimal(second["unit_price"]["amount"]) == Decimal("7.3")


def test_the_budget_follows_every_change_to_the_cent(connected: Hospital) -> None:
    order = ordering.placed(connected, {connected.gloves_offer: 7})  # at 7.25
    assert ordered(connected) == Decimal("50.75")
    assert ordered_after(connected, order, quantity=3) == Decimal("21.75")
    assert ordered_after(connected, order, price="7.0333") == Decimal("21.10")
    assert ordered_after(connected, order, quantity=7) == Decimal("49.23")
    with transaction():
        line = fresh(order).lines[0]
        cancel_rest(connected.actor(Role.BUYER), order.id, line.id, "Closed")
    assert ordered(connected) == 0
    numbers = [(one.number, one.changes[0]["after"]) for one in versions_of(order.id)]
    assert numbers == [(5, "0 BX"), (4, "7 BX"), (3, "$7.0333"), (2, "3 BX")]


def ordered_after(
    hospital: Hospital, order: PurchaseOrder, *, quantity: object = None, price: str = ""
) -> Decimal:
    change(hospital, order, quantity=quantity, price=price)
    return ordered(hospital)


def test_what_goes_too_far_is_refused_and_changes_nothing(connected: Hospital) -> None:
    order = ordering.sent(connected, {connected.catheter_offer: 10})  # 200.00 were approved
    ship(ship_notice(order.number, {10: [lot(4)]}))
    with pytest.raises(Invalid, match="4 BX are shipped"):
        change(connected, order, quantity=3)
    with pytest.raises(Invalid, match=r"would cost \$220.00; \$200.00 were approved"):
        change(connected, order, quantity=11)
    with pytest.raises(Invalid, match="cancel the line"):
        change(connected, order, quantity=0)
    with pytest.raises(Invalid, match="from today on"):
        change(connected, order, day=clock.today() - timedelta(days=3))
    with pytest.raises(Invalid, match="on their way"):
        change(connected, order, location_id=connected.storeroom.id)
    with pytest.raises(Invalid, match="Nothing is different"):
        change(connected, order)
    with pytest.raises(Conflict, match="changed meanwhile"):
        change(connected, order, quantity=5, seen=7)
    assert (fresh(order).version, ordered(connected)) == (1, Decimal(200))
    assert change(connected, order, price="21.00").version == 2  # inside the tolerance nobody is asked
    assert ordered(connected) == Decimal(210)


def test_before_a_partner_knows_the_order_it_simply_leaves_as_changed(connected: Hospital) -> None:
    order = ordering.placed(connected, {connected.gloves_offer: 4})
    changed = change(connected, order, quantity=2, day=DAY)
    assert (changed.version, changed.lines[0].quantities.wanted) == (2, 2)
    (message,) = db.session.query(Message).filter_by(subject_id=order.id).all()
    (line,) = (message.canonical or {})["lines"]
    assert (line["quantity"], line["need_by"]) == ("2.000", DAY.isoformat())
