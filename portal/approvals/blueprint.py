"""The pages of approvals: one blueprint, filled by several modules."""

from flask import Blueprint

from portal.approvals import people
from portal.approvals.rules import DECIDES
from portal.foundation.access import Actor
from portal.foundation.errors import NotAllowed

blueprint = Blueprint("approvals", __name__)


def decider(actor: Actor) -> Actor:
    """The person; raises NotAllowed for who decides nothing, also for nobody absent."""
    if not any(person.can(one) for person in people.persons(actor) for one in DECIDES):
        raise NotAllowed("Your role does not decide requests. Ask your administrator for access.")
    return actor
