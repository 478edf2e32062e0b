"""Requesting supplies from the point of care: a requisition of its own; the patient stays on our side."""

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from portal.clinical.care import queries as care_queries
from portal.clinical.care.answer import Entry, answer
from portal.clinical.care.context import Care
from portal.clinical.care.recording import Message
from portal.clinical.care.rules import amount, may_undo
from portal.clinical.models import CareRequest
from portal.clinical.usage import facts as usage_facts
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid
from portal.foundation.quantity import whole_packs
from portal.requisitions import services as requisitions
from portal.requisitions.rules import RequisitionSource, RequisitionState


def request(actor: Actor, care: Care, entry: Entry, *, rush_reason: str = "") -> Message:
    """Submits a requisition for the place and its cost center; with a reason it is needed today.

    Raises Invalid for what the checks of every requisition refuse, and for what nobody offers.
    """
    before = db.session.scalar(_requests().where(CareRequest.key == entry.key))
    if before is not None:
        return Message(f"This was requested already as {before.requisition.number}.", "info")
    known = answer(care, entry)
    price = usage_facts.price_of(known.item.id, care.today)
    if price is None:
        raise Invalid(f"Nobody offers {known.item.name} now. Ask the storeroom or a buyer.")
    packs = whole_packs(known.base_quantity, price.offer.factor)
    requisition = requisitions.request(
        actor,
        care.place.id,
        {price.offer.id: packs},
        source=RequisitionSource.CASE,
        need_by=care.today if rush_reason else None,
        note=f"Rush: {rush_reason}" if rush_reason else "",
    )
    row = CareRequest(
        requisition_id=requisition.id,
        key=entry.key,
        case_id=care.case.id if care.case else None,
        encounter_id=care.encounter_id,
        launch_id=care.launch.id if care.launch else None,
        account_id=actor.account_id,
        rush_reason=rush_reason,
    )
    db.session.add(row)
    db.session.flush()  # the button that takes it back needs its id
    how = "Requested as rush" if rush_reason else "Requested"
    what = f"{amount(packs, price.offer.uom)} of {known.item.name}"
    return Message(
        f"{how}: {what}, for {care.place.name}, as {requisition.number}.", undo=f"withdraw:{row.id}"
    )


def take_back(actor: Actor, care: Care, request_id: int) -> Message:
    """Withdraws a request made here, as long as nobody has decided it and the undo window is open."""
    row = found(db.session.scalar(_requests().where(CareRequest.id == request_id)), "request")
    same_case = care.case is not None and row.case_id == care.case.id
    same_launch = care.launch is not None and row.launch_id == care.launch.id
    found(row if same_case or same_launch else None, "request")
    if row.requisition.state is RequisitionState.CANCELLED:
        return Message("This request was taken back already.", "info")
    if not may_undo(row.at):
        raise Invalid(f"It is too late to take {row.requisition.number} back here. Open it to withdraw it.")
    requisitions.withdraw(actor, row.requisition_id)
    return Message(f"Taken back: {row.requisition.number}. Nothing is ordered.", "info")


def last_undoable(care: Care) -> CareRequest | None:
    """The newest request made here that may still be taken back."""
    asked = care_queries.requested(care)
    waiting = (one for one in asked if one.requisition.state is RequisitionState.SUBMITTED)
    return next((one for one in waiting if may_undo(one.at)), None)


def _requests() -> Select[CareRequest]:
    return select(CareRequest).options(joinedload(CareRequest.requisition))
