"""Which steps a request needs, who may decide them, in which order, and the reasons for a no. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from portal.foundation.access import Actor, Grant, Permission
from portal.requisitions.rulebook.rules import lineage


class StepState(StrEnum):
    """Whether it is the step's turn, and whether it was decided; its lines carry their answers one by one."""

    WAITING = "waiting"
    OPEN = "open"
    DECIDED = "decided"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"


LIVE = (StepState.WAITING, StepState.OPEN)


class StepKind(StrEnum):
    """Why a step is there, and with it who decides it."""

    OWNER = "owner"
    HIGHER = "higher"
    OFF_CONTRACT = "off_contract"
    CATEGORY = "category"
    OVERRIDE = "override"
    ADDED = "added"


DECIDED_BY: dict[StepKind, Permission] = {
    StepKind.OWNER: Permission.APPROVE,
    StepKind.HIGHER: Permission.APPROVE,
    StepKind.OFF_CONTRACT: Permission.BUY,
    StepKind.CATEGORY: Permission.BUY,
    StepKind.OVERRIDE: Permission.OVERRIDE_BUDGET,
    StepKind.ADDED: Permission.APPROVE,
}
DECIDES = frozenset(DECIDED_BY.values())
"""Who holds one of these may have something in the inbox."""


class AnswerState(StrEnum):
    """What a step says to a line."""

    OPEN = "open"
    HELD = "held"
    APPROVED = "approved"
    REJECTED = "rejected"
    MOOT = "moot"


UNANSWERED = (AnswerState.OPEN, AnswerState.HELD)


class Act(StrEnum):
    """What somebody did about a step or a line."""

    APPROVE = "approve"
    REDUCE = "reduce"
    REJECT = "reject"
    HOLD = "hold"
    ASK = "ask"
    ANSWER = "answer"
    FORWARD = "forward"
    ADD = "add"
    REOPEN = "reopen"
    ESCALATE = "escalate"


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
EXPORTED = 50_000
EXPORTED_SINCE = timedelta(days=366)


# Who may decide


@dataclass(frozen=True)
class Asked:
    """What there is to decide: whose request, for which place and cost center, and who is asked."""

    requester_id: int
    facility_id: int
    cost_center_id: int
    amount: Decimal | None  # what the limit must cover; None when any limit will do
    permission: Permission = Permission.APPROVE
    assigned_to: int | None = None
    anywhere: bool = False  # the person was added by name, whatever the place


def may_decide(actor: Actor, asked: Asked) -> bool:
    """The requester never decides; others need facility and cost center, and a limit that covers it."""
    if actor.account_id == asked.requester_id:
        return False
    if asked.assigned_to is not None and asked.assigned_to != actor.account_id:
        return False
    return any(_covers(grant, asked) and is_enough(grant.approval_limit, asked) for grant in actor.grants)


def may_look(actor: Actor, asked: Asked) -> bool:
    """Whether it lies in the person's facility and cost center, whatever the limit."""
    return any(_covers(grant, asked) for grant in actor.grants)


def is_enough(limit: Decimal | None, asked: Asked) -> bool:
    """Whether an approval limit covers it."""
    return limit is None or asked.amount is None or asked.anywhere or limit >= asked.amount


def _covers(grant: Grant, asked: Asked) -> bool:
    return asked.permission in grant.permissions and (
        asked.anywhere
        or (
            grant.facility_id in (None, asked.facility_id)
            and grant.cost_center_id in (None, asked.cost_center_id)
        )
    )


# Which steps


@dataclass(frozen=True)
class Policy:
    """What asks for more than the cost center's own yes."""

    off_contract_above: Decimal | None = None  # spend without contract; None: never asks for more
    categories: frozenset[str] = frozenset()  # names of item categories a buyer looks at
    parents: Mapping[str, str] = field(default_factory=dict)  # the category above each that has one

    def looks_at(self, category: str) -> bool:
        """Whether a category, or one above it, is looked at."""
        return not self.categories.isdisjoint(lineage(category, self.parents))


@dataclass(frozen=True)
class Wish:
    """A line of a request: what each cost center pays of it."""

    line_id: int
    shares: Mapping[int, Decimal]
    category: str = ""
    on_contract: bool = True


@dataclass(frozen=True)
class Request:
    """What the steps are computed from. `owner_limits`: the highest limit among the people named for a
    cost center (None: no bound); a cost center without such people is absent."""

    wishes: Sequence[Wish]
    is_rush: bool = False
    is_override: bool = False
    owner_limits: Mapping[int, Decimal | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A step to be opened; `parts` is what the cost center pays of each line."""

    kind: StepKind
    cost_center_id: int
    position: int
    limit_needed: Decimal | None
    parts: Mapping[int, Decimal]
    why: str = ""

    @property
    def amount(self) -> Decimal:
        """What the step decides on."""
        return sum(self.parts.values(), Decimal())


def plans(request: Request, policy: Policy) -> list[Plan]:
    """The steps in order: side by side at one position, one position after the other.

    Each line has a step of every cost center that pays for it. Rush asks everybody at once.
    """
    found = [
        plan
        for center_id, parts in sorted(_parts(request.wishes).items())
        for plan in _plans_of(request, policy, center_id, parts)
    ]
    if request.is_rush:
        found = [_at_once(plan) for plan in found]
    return sorted(found, key=lambda plan: plan.position)


def _parts(wishes: Iterable[Wish]) -> dict[int, dict[int, Decimal]]:
    parts: dict[int, dict[int, Decimal]] = defaultdict(dict)
    for wish in wishes:
        for center_id, amount in wish.shares.items():
            parts[center_id][wish.line_id] = amount
    return parts


def _plans_of(
    request: Request, policy: Policy, center_id: int, parts: Mapping[int, Decimal]
) -> Iterable[Plan]:
    total = sum(parts.values(), Decimal())
    limit = request.owner_limits.get(center_id)
    if limit is not None and limit < total:
        yield Plan(StepKind.OWNER, center_id, 1, None, parts)
        yield Plan(StepKind.HIGHER, center_id, 2, total, parts, "Above the limit of the cost center's owner.")
    else:
        yield Plan(StepKind.OWNER, center_id, 1, total, parts)
    wishes = {wish.line_id: wish for wish in request.wishes}
    loose = {line_id: amount for line_id, amount in parts.items() if not wishes[line_id].on_contract}
    spend = sum(loose.values(), Decimal())
    if policy.off_contract_above is not None and loose and spend > policy.off_contract_above:
        yield Plan(StepKind.OFF_CONTRACT, center_id, 1, None, loose, "Bought without a contract.")
    looked = {
        line_id: amount for line_id, amount in parts.items() if policy.looks_at(wishes[line_id].category)
    }
    if looked:
        names = ", ".join(sorted({wishes[line_id].category for line_id in looked}))
        yield Plan(StepKind.CATEGORY, center_id, 1, None, looked, f"Category that is looked at: {names}.")
    if request.is_override:
        yield Plan(StepKind.OVERRIDE, center_id, 3, None, parts, "Goes beyond a budget that blocks.")


def _at_once(plan: Plan) -> Plan:
    why = f"{plan.why} Rush: everybody is asked at once.".strip() if plan.position > 1 else plan.why
    return Plan(plan.kind, plan.cost_center_id, 1, plan.limit_needed, plan.parts, why)


# What a change touches


class Changed(StrEnum):
    """What a requester changed of a line that was submitted."""

    QUANTITY = "quantity"
    NEED_BY = "need_by"
    PLACE = "place"
    ACCOUNTS = "accounts"
    PAYERS = "payers"


KNOWS_THE_PLACE = (StepKind.OWNER, StepKind.ADDED)


def is_touched(kind: StepKind, changed: Collection[Changed], *, is_other_part: bool = False) -> bool:
    """A quantity touches whoever said yes to its money; a day, a place or an account who knows the place.

    Other payers touch those whose part of the line (`is_other_part`) is not what they said yes to.
    """
    if Changed.QUANTITY in changed or (changed and is_other_part):
        return True
    asked = set(changed) - {Changed.PAYERS} if kind is StepKind.OWNER else set(changed)
    return bool(asked) and kind in KNOWS_THE_PLACE


def is_through(answers: Iterable[AnswerState]) -> bool:
    """Whether every step that is asked about a line said yes."""
    return all(answer in (AnswerState.APPROVED, AnswerState.MOOT) for answer in answers)


def turns(steps: Iterable[tuple[int, int, int, bool]]) -> dict[int, bool]:
    """Whose turn it is, for (id, cost center, position, unanswered): of each cost center the first that lacks
    an answer, with all beside it. Steps with all their answers are left out."""
    waiting = [(step_id, center, position) for step_id, center, position, lacks in steps if lacks]
    first: dict[int, int] = {}
    for _, center, position in waiting:
        first[center] = min(position, first.get(center, position))
    return {step_id: position == first[center] for step_id, center, position in waiting}
