"""Deciding through the link of a mail: one person, one step, once, for two days."""

from collections.abc import Mapping

from portal.approvals import notices, services
from portal.approvals.models import ApprovalLink
from portal.approvals.services import Decision
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import enter_organization
from portal.foundation.errors import Conflict, NotAllowed
from portal.identity.queries import account
from portal.identity.services import actor_of
from portal.requisitions.models import Requisition


def opened(token: str, reader: Actor | None = None) -> tuple[Actor, ApprovalLink]:
    """Whose link it is; `reader` is who is signed in.

    Raises NotFound, NotAllowed for a reader it was not sent to, Conflict when it was used or is too old.
    """
    organization_id, link_id = notices.link_of(token)
    enter_organization(organization_id)
    link = notices.locked_link(link_id)
    if link.used_at is not None:
        raise Conflict("This link was used already. Sign in to see what was decided.")
    if link.expires_at < clock.now():
        raise Conflict("This link is too old. Sign in; the request waits in your inbox.")
    person = account(link.account_id)
    if not person.active:
        raise NotAllowed("This account is closed.")
    if reader is not None and (reader.organization_id, reader.account_id) != (organization_id, person.id):
        raise NotAllowed(f"This link is for {person.name}; you are signed in as {reader.name}.")
    return actor_of(person), link


def decide(
    token: str,
    answers: Mapping[int, Decision],
    *,
    seen_version: int,
    comment: str,
    reader: Actor | None = None,
) -> Requisition:
    """Decides as the person of the link; the link is used up. Raises as `opened` and `services.decide`."""
    actor, link = opened(token, reader)
    requisition = services.decide(
        actor, link.step_id, answers, seen_version=seen_version, comment=comment, via="mail"
    )
    link.used_at = clock.now()
    return requisition
