"""Requisitions as comments know them."""

from portal.comments.subjects import Subject
from portal.foundation.access import Actor, Permission
from portal.identity.queries import accounts_with
from portal.requisitions import queries
from portal.requisitions.models import Requisition

KIND = Requisition.__tablename__


def subject(actor: Actor, requisition_id: int) -> Subject | None:
    """The submitted requisition, if the person may see it, with all who may."""
    requisition = queries.find(requisition_id)
    if requisition is None or not queries.may_see(actor, requisition):
        return None
    location = requisition.location
    people = [requisition.requester]
    for permission in (Permission.APPROVE, Permission.VIEW_ORDERS):
        people += accounts_with(
            permission, facility_id=location.facility_id, cost_center_id=location.cost_center_id
        )
    return Subject(
        KIND,
        requisition_id,
        f"Requisition {requisition.number}",
        f"/requisitions/{requisition_id}",
        f"/comments/{KIND}/{requisition_id}",
        {one.id: one.name for one in people},
    )
