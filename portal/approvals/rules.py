"""States of approval steps, who may decide them, and the reasons for a no."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from portal.foundation.access import Actor, Grant, Permission


class StepState(StrEnum):
    """Whether the step was decided; its lines carry yes or no one by one."""

    OPEN = "open"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


OTHER_REASON = "Other"
REASONS = (
    "Use what is on hand first",
    "Not needed now",
    "Too many",
    "Use another item",
    "Not in the budget",
    OTHER_REASON,
)
LONGEST_REASON = 300
LONGEST_COMMENT = 1000


@dataclass(frozen=True)
class Asked:
    """What there is to decide: whose request, for which place and cost center, over how much."""

    requester_id: int
    facility_id: int
    cost_center_id: int
    amount: Decimal


def may_decide(actor: Actor, asked: Asked) -> bool:
    """The requester never decides; others need facility and cost center, and a limit that covers it."""
    return actor.account_id != asked.requester_id and any(
        _covers(grant, asked) and (grant.approval_limit is None or grant.approval_limit >= asked.amount)
        for grant in actor.grants
    )


def may_look(actor: Actor, asked: Asked) -> bool:
    """Whether it lies in the person's facility and cost center, whatever the limit."""
    return any(_covers(grant, asked) for grant in actor.grants)


def _covers(grant: Grant, asked: Asked) -> bool:
    return (
        Permission.APPROVE in grant.permissions
        and grant.facility_id in (None, asked.facility_id)
        and grant.cost_center_id in (None, asked.cost_center_id)
    )
