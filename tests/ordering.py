"""Orders at a stage of their life, made through the services that people and partners use."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from lxml import html
from werkzeug.test import TestResponse

from integrations import canonical
from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.budgets.queries import balances
from portal.budgets.rules import Balance
from portal.catalog.models import Offer
from portal.exchange.models import Message, Partner
from portal.exchange.rules import Direction, MessageState
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.masterdata.models import ContractLine, Location
from portal.orders import answers, queries
from portal.orders import services as orders
from portal.orders.models import PurchaseOrder
from portal.receiving import services as receiving
from portal.receiving.models import Receipt
from portal.receiving.rules import Entry
from portal.requisitions import services as requisitions
from tests.hospital import Hospital, add_partners
from tests.visitor import Visitor

NOWHERE = "http://127.0.0.1:9"
_keys = count(1)


def connect(hospital: Hospital) -> None:
    """Partners and routes, so that orders may be placed; nothing is delivered."""
    with transaction():
        add_partners(hospital, erp_url=NOWHERE, network_url=NOWHERE)


def approved(
    hospital: Hospital,
    wanted: Mapping[Offer, int],
    *,
    need_by: date | None = None,
    location: Location | None = None,
) -> list[int]:
    """The ids of the lines of a requisition, submitted and approved in full; of the clinic unless said."""
    manager = hospital.actor(Role.CLINIC_MANAGER)
    place = location or hospital.clinic
    with transaction():
        for offer, quantity in wanted.items():
            requisitions.add(manager, place.id, offer.id, Decimal(quantity))
        cart = requisitions.cart(manager, place.id)
        requisitions.describe(manager, cart.id, need_by=need_by, note="")
    with transaction():
        cart = requisitions.cart(manager, place.id)
        requisition = requisitions.submit(manager, cart.id, seen_version=cart.version)
    with transaction():
        step = approval_queries.steps_of(requisition.id)[0]
        decisions = {line.id: Decision(approved=True) for line in requisition.lines}
        approvals.decide(hospital.actor(Role.APPROVER), step.id, decisions, seen_version=requisition.version)
    return [line.id for line in requisition.lines]


def placed(hospital: Hospital, wanted: Mapping[Offer, int], *, need_by: date | None = None) -> PurchaseOrder:
    """An order of one approved requisition."""
    return placed_lines(hospital, approved(hospital, wanted, need_by=need_by))


def taken(order: PurchaseOrder, *, erp_number: str = "4500000001") -> PurchaseOrder:
    """The order after the ERP and the network took it."""
    for kind, reference in (("erp", erp_number), ("network", "n-1")):
        with transaction():
            message = (
                db.session.query(Message)
                .join(Partner, Partner.id == Message.partner_id)
                .filter(
                    Partner.kind == kind, Message.subject_id == order.id, Message.kind == "purchase_order"
                )
                .one()
            )
            message.reference = reference
            message.state = MessageState.DONE
            {"erp": orders.taken_by_erp, "network": orders.taken_by_network}[kind](message)
    return fresh(order)


def sent(hospital: Hospital, wanted: Mapping[Offer, int], *, need_by: date | None = None) -> PurchaseOrder:
    """An order that the supplier has."""
    return taken(placed(hospital, wanted, need_by=need_by))


def fresh(order: PurchaseOrder) -> PurchaseOrder:
    """The order as the database has it now."""
    db.session.expire_all()
    found = queries.find(order.id)
    assert found is not None
    return found


def inbound(sender: str = "") -> Message:
    """A received message; each call makes another one."""
    partner = db.session.query(Partner).filter_by(kind="network").one()
    message = Message(
        partner_id=partner.id,
        direction=Direction.INBOUND,
        kind="cxml",
        key=f"m-{next(_keys)}",
        sender=sender,
    )
    db.session.add(message)
    db.session.flush()
    return message


def part(
    quantity: object,
    status: str = "accepted",
    *,
    uom: str = "BX",
    price: str | None = None,
    promised_on: date | None = None,
    substitute: str = "",
    comments: str = "",
) -> canonical.ConfirmedPart:
    """What a supplier says of a quantity."""
    return canonical.ConfirmedPart(
        status=canonical.ConfirmationStatus(status),
        quantity=Decimal(str(quantity)),
        uom=uom,
        unit_price=canonical.Money(amount=Decimal(price), currency="USD") if price else None,
        promised_on=promised_on,
        substitute_part=substitute,
        comments=comments,
    )


def confirmation(
    order_number: str,
    lines: Mapping[int, list[canonical.ConfirmedPart]] | None = None,
    *,
    number: str = "OC-1",
    type_: str = "detail",
    operation: str = "new",
    at: datetime | None = None,
    uom: str = "BX",
) -> canonical.Confirmation:
    """A confirmation; `lines` are the parts by line number."""
    return canonical.Confirmation.model_validate(
        {
            "number": number,
            "order_number": order_number,
            "type": type_,
            "operation": operation,
            "noticed_at": at or datetime.now(UTC),
            "lines": [
                {
                    "line_number": line_number,
                    "quantity": sum((one.quantity for one in parts), Decimal()),
                    "uom": uom,
                    "parts": parts,
                }
                for line_number, parts in (lines or {}).items()
            ],
        }
    )


def confirm(document: canonical.Confirmation, *, sender: str = "") -> None:
    """The confirmation arrives."""
    with transaction():
        answers.apply_confirmation(inbound(sender), document)


def ship_notice(
    order_number: str,
    lines: Mapping[int, list[canonical.ShippedLot]] | None = None,
    *,
    number: str = "SN-1",
    operation: str = "new",
    at: datetime | None = None,
    uom: str = "BX",
    sscc: str = "",
    arrives: datetime | None = None,
) -> canonical.ShipNotice:
    """A ship notice; `lines` are the lots by line number."""
    return canonical.ShipNotice.model_validate(
        {
            "number": number,
            "operation": operation,
            "noticed_at": at or datetime.now(UTC),
            "delivery_expected_at": arrives,
            "carrier": "Northline Freight",
            "tracking": "1Z-42",
            "lines": [
                {
                    "order_number": order_number,
                    "line_number": line_number,
                    "quantity": sum((one.quantity for one in lots), Decimal()),
                    "uom": uom,
                    "sscc": sscc,
                    "lots": lots,
                }
                for line_number, lots in (lines or {}).items()
            ],
        }
    )


def lot(quantity: object, name: str = "", expires_on: date | None = None) -> canonical.ShippedLot:
    """A shipped quantity of a lot."""
    return canonical.ShippedLot(quantity=Decimal(str(quantity)), lot=name, expires_on=expires_on)


def ship(document: canonical.ShipNotice, *, sender: str = "") -> None:
    """The ship notice arrives."""
    with transaction():
        answers.apply_ship_notice(inbound(sender), document)


def visitor(client: Visitor, hospital: Hospital, role: Role) -> Visitor:
    """Another browser beside `client`, with the person of this role signed in."""
    browser = Visitor(client.application, client.application.response_class)
    browser.sign_in(hospital.email(role))
    return browser


def priced(hospital: Hospital, offer: Offer, unit_price: str) -> None:
    """From now on the offer costs this under its contract."""
    with transaction():
        line = db.session.query(ContractLine).filter_by(item_id=offer.item_id, uom=offer.uom).one()
        line.unit_price = Decimal(unit_price)


def balance(hospital: Hospital) -> Balance:
    """What the hospital's budget holds now."""
    return balances([hospital.budget])[hospital.budget.id]


def placed_lines(hospital: Hospital, line_ids: list[int]) -> PurchaseOrder:
    """One order of approved lines."""
    with transaction():
        (order,) = orders.place(hospital.actor(Role.BUYER), line_ids)
    return fresh(order)


def received(
    hospital: Hospital, order: PurchaseOrder, counted: Mapping[int, object], *, cancel: bool = False
) -> Receipt:
    """Goods of the order by line number, entered and posted; lots and expiry where the item needs them.

    `cancel`: nothing more is expected of these lines.
    """
    lines = {line.line_number: line for line in order.lines}
    entries = [
        Entry(
            lines[number].id,
            Decimal(str(quantity)),
            "L1" if lines[number].item.lot_tracked else "",
            clock.today() + timedelta(days=90) if lines[number].item.expiry_tracked else None,
        )
        for number, quantity in counted.items()
    ]
    receiver = hospital.actor(Role.RECEIVER)
    with transaction():
        receipt = receiving.enter(receiver, order.id, form_key=f"key-{next(_keys)}", entries=entries)
    with transaction():
        rests = [lines[number].id for number in counted] if cancel else []
        return receiving.post(receiver, receipt.id, cancel=rests)


def parsed(shown: TestResponse) -> Any:
    """The page or fragment as an lxml document."""
    return html.document_fromstring(shown.get_data(as_text=True))


def words(shown: TestResponse) -> str:
    """The text of the page's content, spaces made one."""
    (content,) = parsed(shown).xpath("//main")
    return re.sub(r"\s+", " ", content.text_content())
