"""The way an order takes: by e-mail with its PDF, only through the ERP, only over the network."""

from collections.abc import Iterator
from email import message_from_string, policy

import pytest
from flask import Flask
from pydantic import SecretStr

from portal.exchange.models import Message
from portal.exchange.rules import MessageState
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid
from portal.foundation.mail import Mail
from portal.identity.rules import Role
from portal.orders.cancelling import cancel_order
from portal.orders.routing import services
from portal.orders.routing.rules import Way
from portal.orders.rules import Transmission
from portal.orders.services import taken_by_erp
from tests import ordering
from tests.faults.crashing_worker import deliver_all
from tests.hospital import Hospital
from tests.ordering import fresh, words
from tests.smtp_server import Letters, serving
from tests.visitor import Visitor

ADDRESS = "orders@harborline.example"


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    ordering.connect(hospital)
    return hospital


@pytest.fixture
def letters(app: Flask) -> Iterator[Letters]:
    """A mail server that the portal uses."""
    before = app.extensions["settings"]
    with serving() as running:
        app.extensions["settings"] = before.model_copy(update={"smtp_url": SecretStr(running.url)})
        yield running
    app.extensions["settings"] = before


def choose(hospital: Hospital, way: Way, email: str = "") -> None:
    with transaction():
        services.choose(hospital.actor(Role.BUYER), hospital.supplier.id, way, email)


def test_a_supplier_without_a_network_gets_each_version_once_by_e_mail(
    connected: Hospital, letters: Letters, client: Visitor
) -> None:
    buyer = ordering.visitor(client, connected, Role.BUYER)
    address = f"/orders/routes/{connected.supplier.id}"
    assert (
        buyer.send(buyer.get(address), {"way": "mail", "email": ADDRESS}, action=address).status_code == 303
    )
    assert "E-mail only" in words(buyer.get("/orders/routes"))
    order = ordering.placed(connected, {connected.gloves_offer: 2})
    letters.refusing = True
    deliver_all(connected.organization.id)
    letters.refusing = False
    assert (letters.texts, fresh(order).sent_at) == ([], None)
    _again(order.id)
    for _ in range(2):
        deliver_all(connected.organization.id)
    (first,) = [message_from_string(text, policy=policy.default) for text in letters.texts]
    assert (first["To"], first["Subject"].split(" from ")[0]) == (ADDRESS, f"Purchase order {order.number}")
    (paper,) = first.iter_attachments()
    assert (paper.get_content_type(), paper.get_filename()) == ("application/pdf", f"{order.number}.pdf")
    assert paper.get_content().startswith(b"%PDF-")
    assert fresh(order).transmission is Transmission.SENT
    page = words(buyer.get(f"/orders/{order.id}"))
    assert "Sent to the supplier" in page
    assert "Posted in the ERP" not in page, "no step of its way"
    with transaction():
        cancel_order(connected.actor(Role.BUYER), order.id, "No longer needed")
    deliver_all(connected.organization.id)
    assert message_from_string(letters.texts[1])["Subject"].startswith("Cancelled: purchase order")
    kept = db.session.query(Mail).filter_by(address=ADDRESS).all()
    assert len(kept) == 2  # in the buyer's mailbox as well
    shown = buyer.get(f"/orders/{order.id}/order.pdf")
    assert (shown.status_code, shown.get_data()[:5]) == (200, b"%PDF-")


def _again(order_id: int) -> None:
    """As if the pause after the refusal had passed."""
    with transaction():
        message = db.session.query(Message).filter_by(subject_id=order_id, kind="purchase_order").one()
        assert message.state is MessageState.WAITING
        message.available_at = message.created_at


def test_what_only_the_erp_gets_is_sent_once_the_erp_has_it(connected: Hospital) -> None:
    choose(connected, Way.ERP)
    order = ordering.placed(connected, {connected.gloves_offer: 2})
    with transaction():
        message = db.session.query(Message).filter_by(subject_id=order.id, kind="purchase_order").one()
        message.reference, message.state = "4500000001", MessageState.DONE
        taken_by_erp(message)
    assert fresh(order).transmission is Transmission.SENT
    assert db.session.query(Message).filter_by(subject_id=order.id).count() == 1
    choose(connected, Way.NETWORK)
    other = ordering.placed(connected, {connected.gloves_offer: 1})
    (only,) = db.session.query(Message).filter_by(subject_id=other.id).all()
    assert only.partner_id != message.partner_id


def test_a_way_that_leads_nowhere_is_refused(hospital: Hospital, client: Visitor) -> None:
    with pytest.raises(Invalid, match="No network is set up"):
        choose(hospital, Way.NETWORK)
    with pytest.raises(Invalid, match="Enter the address"):
        choose(hospital, Way.MAIL)
    with pytest.raises(Invalid, match="no e-mail address"):
        choose(hospital, Way.MAIL, "orders at supplier")
    assert ordering.visitor(client, hospital, Role.RECEIVER).get("/orders/routes").status_code == 403
