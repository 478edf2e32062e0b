"""A catalog, shelves and a second person for tests of requesting; carts and requisitions by the services."""

import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.catalog.models import Offer, OrderGuideLine, Substitute, Synonym
from portal.catalog.services import align_offers
from portal.foundation.access import Actor
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, transaction
from portal.identity import services as identity
from portal.identity.models import Account
from portal.identity.queries import assignments_of
from portal.identity.rules import ROLE_LABELS, Role
from portal.inventory.models import ParLevel
from portal.inventory.rules import MovementKind
from portal.inventory.services import Move, move
from portal.masterdata.models import ContractLine, Item, ItemPackaging, Location
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition
from tests.hospital import PASSWORD, Hospital
from tests.visitor import Visitor, form_of


def offered(
    hospital: Hospital, code: str, name: str, *, price: str = "5.00", contract: bool = True, **values: Any
) -> Offer:
    """An item in boxes of 10, on contract unless said otherwise, with its offer; the caller commits."""
    item_values = {"category": "Med-surg", "manufacturer": "", "manufacturer_part": "", "base_uom": "EA"}
    given = {key: value for key, value in values.items() if hasattr(Item, key)}
    item = Item(code=code, name=name, gl_account_id=hospital.gl_account.id, **{**item_values, **given})
    db.session.add(item)
    db.session.flush()
    gtin = values.get("gtin", "")
    db.session.add(ItemPackaging(item_id=item.id, uom="EA", factor=Decimal(1)))
    db.session.add(ItemPackaging(item_id=item.id, uom="BX", factor=Decimal(10), gtin=gtin))
    if contract:
        db.session.add(
            ContractLine(
                contract_id=hospital.contract.id, item_id=item.id, supplier_part=f"S-{code}", uom="BX",
                minimum_quantity=Decimal(0), unit_price=Decimal(price),
                valid_from=hospital.contract.valid_from, valid_to=hospital.contract.valid_to,
            )
        )  # fmt: skip
    offer = Offer(
        item_id=item.id, supplier_id=hospital.supplier.id, supplier_part=f"S-{code}", uom="BX",
        factor=Decimal(10), list_price=Decimal(price) + 1,
    )  # fmt: skip
    db.session.add(offer)
    db.session.flush()
    align_offers()
    return offer


def synonym(word: str, meaning: str) -> None:
    """A word people type and what it means; the caller commits."""
    db.session.add(Synonym(word=word, meaning=meaning))


def substitute(item_id: int, other_id: int, note: str) -> None:
    """Another item that may stand in; the caller commits."""
    db.session.add(Substitute(item_id=item_id, substitute_id=other_id, note=note))


def guided(location: Location, offers: Mapping[Offer, int], *, name: str = "Daily") -> None:
    """The offers on the order guide of a location, in the order of their positions; the caller commits."""
    db.session.add_all(
        OrderGuideLine(
            location_id=location.id, item_id=offer.item_id, uom=offer.uom, name=name, position=position
        )
        for offer, position in offers.items()
    )


def par(location: Location, item_id: int, minimum: int, maximum: int) -> None:
    """What to keep of an item; the caller commits."""
    db.session.add(
        ParLevel(location_id=location.id, item_id=item_id, minimum=Decimal(minimum), maximum=Decimal(maximum))
    )


def stocked(actor: Actor, location: Location, item_id: int, quantity: int, **values: Any) -> None:
    """So much on hand of an item (and lot); the caller commits."""
    key = f"test-{secrets.token_hex(6)}"
    one = Move(key, MovementKind.OPENING, location.id, item_id, Decimal(quantity), **values)
    move(actor, [one])


def colleague(role: Role, *, approval_limit: str | None = None, **scope: Any) -> Account:
    """One more person with a role; the caller commits."""
    account = identity.create_account(
        email=f"{role}-{secrets.token_hex(4)}@example.org",
        name=f"Second {ROLE_LABELS[role].lower()}",
        password=PASSWORD,
        roles=[role],
    )
    (assignment,) = assignments_of(account.id)
    assignment.approval_limit = Decimal(approval_limit) if approval_limit else None
    for name, value in scope.items():
        setattr(assignment, name, value)
    db.session.flush()
    return account


def in_cart(hospital: Hospital, wanted: Mapping[Offer, int], *, actor: Actor | None = None) -> Requisition:
    """A cart of the clinic with these packs."""
    person = actor or hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        quantities = {offer.id: Decimal(quantity) for offer, quantity in wanted.items()}
        requisitions.add_all(person, hospital.clinic.id, quantities)
    return requisitions.cart(person, hospital.clinic.id)


def submitted(hospital: Hospital, wanted: Mapping[Offer, int], *, actor: Actor | None = None) -> Requisition:
    """A submitted requisition of the clinic."""
    person = actor or hospital.actor(Role.CLINIC_MANAGER)
    cart = in_cart(hospital, wanted, actor=person)
    with transaction():
        return requisitions.submit(person, cart.id, seen_version=cart.version)


def approve(hospital: Hospital, requisition: Requisition) -> Requisition:
    """The approver says yes to every line."""
    with transaction():
        step = approval_queries.steps_of(requisition.id)[0]
        answers = {line.id: Decision(approved=True) for line in requisition.lines}
        approver = hospital.actor(Role.APPROVER)
        return approvals.decide(approver, step.id, answers, seen_version=requisition.version)


def approved(hospital: Hospital, wanted: Mapping[Offer, int]) -> Requisition:
    """A requisition of the clinic, approved in full."""
    return approve(hospital, submitted(hospital, wanted))


def fields(client: Visitor, page: str, action: str) -> dict[str, Any]:
    """What the form with this action would send as the page filled it in."""
    return dict(form_of(client.get(page), action).form_values())


def step_id(client: Visitor, number: str) -> int:
    """The approval of a requisition as the inbox links it."""
    found = re.search(rf'/approvals/(\d+)">{number}', client.get("/approvals").get_data(as_text=True))
    assert found, f"{number} is not in the inbox"
    return int(found.group(1))


def actions(subject_type: str, subject_id: int) -> list[str]:
    """What the audit trail says was done to a row, oldest first."""
    rows = db.session.query(AuditEvent).filter_by(subject_type=subject_type, subject_id=subject_id)
    return [event.action for event in rows.order_by(AuditEvent.id)]
