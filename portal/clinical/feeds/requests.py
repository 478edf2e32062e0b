"""Supplies a clinical system asks for become a submitted requisition; a cancel withdraws it."""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from integrations.clinical import PatientIdentifier, RequestedSupply, SupplyRequestDocument
from portal.clinical import encounters
from portal.clinical.encounters import System
from portal.clinical.models import CareRequest, Feed
from portal.clinical.usage import facts as usage_facts
from portal.clinical.usage import reported
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid
from portal.foundation.quantity import whole_packs
from portal.identity import queries as people
from portal.identity import services as identity
from portal.masterdata.models import Location
from portal.requisitions import services as requisitions
from portal.requisitions.rules import RequisitionSource, RequisitionState


def apply_request(feed: Feed, said: SupplyRequestDocument, system: System) -> int | None:
    """Requests once what an order asks for; returns the patient. Raises Invalid for what a person must do."""
    patient = encounters.patient_id(
        system, PatientIdentifier(id=said.patient_id, assigner=said.patient_assigner)
    )
    key = f"feed-{feed.partner_id}-{said.number}"
    before = db.session.scalar(
        select(CareRequest).where(CareRequest.key == key).options(joinedload(CareRequest.requisition))
    )
    if said.operation == "cancel":
        _cancel(feed, before, said.number)
    elif said.operation == "change" and before is not None:
        raise Invalid(
            f"Order {said.number} was changed. Change requisition {before.requisition.number} by hand."
        )
    elif before is None:
        _request(feed, said, system, key, patient)
    return patient


def _cancel(feed: Feed, before: CareRequest | None, number: str) -> None:
    if before is None:
        raise Invalid(f"Order {number} was cancelled, but no requisition was made for it.")
    if before.requisition.state is not RequisitionState.CANCELLED:
        requisitions.withdraw(_requester(feed), before.requisition_id)


def _requester(feed: Feed) -> Actor:
    email = str(feed.settings.get("requester", ""))
    account = people.account_by_email(email) if email else None
    if account is None:
        raise Invalid(f"The interface {feed.name} does not say who requests. Name a person on its page.")
    return identity.actor_of(account)


def _request(feed: Feed, said: SupplyRequestDocument, system: System, key: str, patient: int | None) -> None:
    actor = _requester(feed)
    place = _place(said, system)
    encounter = encounters.encounter_id(system, said.visit, patient)
    today = clock.today(place.facility.time_zone)
    days = [line.need_by for line in said.lines if line.need_by]
    need_by = today if said.priority == "rush" else max(min(days), today) if days else None
    requisition = requisitions.request(
        actor,
        place.id,
        _wanted(said),
        source=RequisitionSource.CASE,
        need_by=need_by,
        note=f"Order {said.number} of {feed.name}",
    )
    db.session.add(
        CareRequest(
            requisition_id=requisition.id,
            key=key,
            encounter_id=encounter,
            account_id=actor.account_id,
            rush_reason="Ordered as urgent" if said.priority == "rush" else "",
        )
    )
    db.session.flush()


def _place(said: SupplyRequestDocument, system: System) -> Location:
    codes = sorted({line.deliver_to for line in said.lines})
    ids = {encounters.location_id(system, code) for code in codes}
    if len(ids) != 1 or None in ids:
        named = ", ".join(codes) or "no place"
        raise Invalid(f"Order {said.number} is for {named}, which is not one place here.")
    statement = select(Location).where(Location.id == ids.pop()).options(joinedload(Location.facility))
    return found(db.session.scalar(statement), "location")


def _wanted(said: SupplyRequestDocument) -> Mapping[int, Decimal]:
    """Packs by offer: what covers the quantity, from the cheapest offer of the day."""
    wanted: dict[int, Decimal] = {}
    for line in said.lines:
        item, factor = _item(said, line)
        price = usage_facts.price_of(item, clock.today())
        if price is None:
            raise Invalid(f"Nobody offers {line.item_code} of order {said.number} now.")
        packs = whole_packs(line.quantity * factor, price.offer.factor)
        wanted[price.offer.id] = wanted.get(price.offer.id, Decimal()) + packs
    return wanted


def _item(said: SupplyRequestDocument, line: RequestedSupply) -> tuple[int, Decimal]:
    item = reported.item_named(line.item_code, "", line.catalog_number)
    if item is None:
        raise Invalid(f"The item {line.item_code} of order {said.number} is not known here.")
    factor = reported.factor_of(item, line.uom)
    if factor is None:
        raise Invalid(f"The item {line.item_code} of order {said.number} has no unit {line.uom} here.")
    return item.id, factor
