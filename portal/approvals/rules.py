"""States of approval steps and who may decide them."""

from decimal import Decimal
from enum import StrEnum

from portal.foundation.access import Actor, Permission


class StepState(StrEnum):
    """Whether the step was decided; its lines carry yes or no one by one."""

    OPEN = "open"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


def may_decide(actor: Actor, *, requester_id: int, cost_center_id: int, amount: Decimal) -> bool:
    """The requester never approves; others need the cost center and a limit that covers the amount."""
    return actor.account_id != requester_id and any(
        Permission.APPROVE in grant.permissions
        and grant.cost_center_id in (None, cost_center_id)
        and (grant.approval_limit is None or grant.approval_limit >= amount)
        for grant in actor.grants
    )
