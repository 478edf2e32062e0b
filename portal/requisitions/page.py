"""What the page of a requisition shows, gathered once for the page and for its live part."""

import hashlib
from decimal import Decimal
from typing import Any

from portal.comments import queries as comments
from portal.foundation.access import Actor, Permission
from portal.foundation.audit import history_of
from portal.foundation.db import found
from portal.foundation.errors import Conflict
from portal.requisitions import presenters, queries, said, services, steps
from portal.requisitions.changing import may_change
from portal.requisitions.models import Requisition
from portal.requisitions.rules import LineState, RequisitionState


def context(actor: Actor, requisition: Requisition) -> dict[str, Any]:
    """The values of the template."""
    kept = said.kept_checks(queries.checks_of(requisition.id), requisition.lines)
    location = requisition.location
    may_request = actor.can(
        Permission.REQUEST, facility_id=location.facility_id, cost_center_id=location.cost_center_id
    )
    shown = {
        "checks": said.grouped(kept),
        "is_kept": True,
        "may_request": may_request,
        "comment_count": comments.count(Requisition.__tablename__, requisition.id),
    }
    return {**changing(actor, requisition), **shown}


def changing(actor: Actor, requisition: Requisition) -> dict[str, Any]:
    """The part that changes by itself; `seen` changes whenever something of it does."""
    parts = queries.order_parts([requisition.id])
    approvals = queries.approval_parts(requisition.id)
    followed = presenters.follow(requisition, parts)
    is_own = requisition.requester_id == actor.account_id
    may_follow = actor.can(Permission.VIEW_ORDERS, facility_id=requisition.location.facility_id)
    may_open = actor.can(Permission.VIEW_CATALOG)
    status = presenters.status_of(requisition, followed)
    shown = {
        "status": status,
        "changeable": [line.id for line in requisition.lines if may_change(actor, requisition, line)],
        "questions": [one for part in approvals for one in part.questions if is_own and not one.answer],
        "asides": {line.id: presenters.aside(line, requisition.currency) for line in requisition.lines},
        "is_on_its_way": status not in presenters.FINAL,
        "steps": steps.steps(requisition, approvals, followed),
        "lines": presenters.line_rows(
            requisition, followed, may_close=services.may_close(actor, requisition)
        ),
        "history": presenters.history(
            history_of("requisition", requisition.id), parts, may_follow=may_follow
        ),
        "may_withdraw": is_own and _is_undecided(requisition),
    }
    seen = hashlib.sha256(repr(shown).encode()).hexdigest()[:16]
    zone = requisition.location.facility.time_zone
    return {
        **shown,
        "seen": seen,
        "requisition": requisition,
        "zone": zone,
        "may_follow": may_follow,
        "may_open": may_open,
        "rejected": sum(
            (one.amount for one in requisition.lines if one.state is LineState.REJECTED), Decimal()
        ),
        "may_choose": is_own and actor.can(Permission.REQUEST),
    }


def _is_undecided(requisition: Requisition) -> bool:
    is_waiting = requisition.state is RequisitionState.SUBMITTED
    return is_waiting and all(line.state is LineState.OPEN for line in requisition.lines)


def closing(actor: Actor, requisition: Requisition, line_id: int) -> dict[str, Any]:
    """The line that is to be closed; raises NotFound, or Conflict when nothing of it is open."""
    line = found(next((one for one in requisition.lines if one.id == line_id), None), "line")
    open_quantity = services.open_quantity(line)
    if line.state is not LineState.APPROVED or open_quantity <= 0:
        raise Conflict("Nothing of this line is open: it is ordered, closed, rejected or not approved yet.")
    return {"requisition": requisition, "line": line, "open_quantity": open_quantity}
