"""Mails about approvals: to who decides, with a one-time link; to who asked; to who watches."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import select

from portal.approvals import people, queries
from portal.approvals.models import ApprovalDecision, ApprovalLink, ApprovalQuestion, ApprovalStep
from portal.approvals.rules import UNANSWERED, Act, StepState
from portal.foundation import clock, mail
from portal.foundation.db import db, found
from portal.foundation.errors import NotFound
from portal.identity.mailing import is_on, settings, write_to
from portal.identity.models import Account
from portal.identity.queries import account as known_account
from portal.requisitions import queries as requisitions
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import LineState

LINK_LASTS = timedelta(hours=48)


def untold_steps() -> list[int]:
    """Open steps whose people do not know of them yet."""
    statement = select(ApprovalStep.id).where(
        ApprovalStep.state == StepState.OPEN, ApprovalStep.told_at.is_(None)
    )
    return list(db.session.scalars(statement.order_by(ApprovalStep.id).limit(200)))


def untold_delegates() -> list[int]:
    """Open steps of somebody absent that were told before a delegate of today stood in."""
    found: set[int] = set()
    for delegate_id, absent in people.standing_in():
        waiting = (
            select(ApprovalStep)
            .join(ApprovalStep.requisition)
            .join(Requisition.location)
            .where(
                ApprovalStep.state == StepState.OPEN,
                ApprovalStep.told_at.is_not(None),
                Requisition.requester_id != delegate_id,
                people.may_decide_sql(absent),
            )
        )
        keys = {_key(step, "open", delegate_id): step.id for step in db.session.scalars(waiting)}
        told = mail.written(keys)
        found |= {step_id for key, step_id in keys.items() if key not in told}
    return sorted(found)


def _key(step: ApprovalStep, occasion: str, account_id: int) -> str:
    return f"step:{step.id}:{occasion}:{step.opened_at.isoformat()}:{account_id}"


def tell_step(step_id: int, *, occasion: str = "open", subject: str = "Please decide") -> None:
    """Tells everybody who may decide an open step; an occasion is told once."""
    step = queries.find(step_id, lock=True)
    if step is None or step.state is not StepState.OPEN:
        return
    requisition = found(requisitions.find(step.requisition_id), "requisition")
    step.told_at = step.told_at or clock.now()
    asked = people.deciders(people.asked(step, requisition))
    lacking = {one.line_id: one.amount for one in step.answers if one.state in UNANSWERED}
    lines = [line for line in requisition.lines if line.id in lacking]
    keys = {account: _key(step, occasion, account.id) for account in _accounts(asked)}
    told = mail.written(keys.values())
    for account, key in keys.items():
        if key in told:
            continue
        write_to(
            account, key, f"{subject}: {requisition.number}", "step.txt",
            requisition=requisition, step=step, lines=lines, amount=sum(lacking.values(), Decimal()),
            asked_as=asked[account.id], url=_link(step, account),
        )  # fmt: skip


def tell_settled(requisition: Requisition) -> None:
    """Tells who asked, and who watches, what was decided."""
    if is_on():
        watchers = queries.watchers_of(requisition.id)
        people_told = dict.fromkeys([*_accounts([requisition.requester_id]), *watchers])
        key = f"settled:{requisition.id}:{requisition.version}"
        _tell_outcome(requisition, people_told, refusals(requisition), key)


def tell_refused(requisition: Requisition, line_numbers: Collection[int]) -> None:
    """Tells who asked that lines were rejected or cut, while others still decide the rest."""
    if is_on():
        no = [one for one in refusals(requisition) if one.line.line_number in line_numbers]
        _tell_outcome(requisition, _accounts([requisition.requester_id]), no, f"refused:{no[0].decision_id}")


def _tell_outcome(
    requisition: Requisition, accounts: Iterable[Account], no: Sequence["Refusal"], key: str
) -> None:
    """How it stands, and what was rejected or cut and why."""
    rejected = [one for one in no if one.act is Act.REJECT]
    waiting = [line for line in requisition.lines if line.state is LineState.OPEN]
    what = "is decided" if not waiting else "is decided in part"
    said = [f"{len(rejected)} rejected"] if rejected else []
    said += [f"{len(no) - len(rejected)} cut"] if len(no) > len(rejected) else []
    subject = f"{requisition.number} {what}{': ' if said else ''}{', '.join(said)}"
    for account in accounts:
        write_to(
            account, f"{key}:{account.id}", subject, "settled.txt",
            requisition=requisition, no=no, waiting=len(waiting),
            is_mine=account.id == requisition.requester_id,
            approved=sum(line.state is LineState.APPROVED for line in requisition.lines),
            url=f"{settings().public_url}/requisitions/{requisition.id}",
        )  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """A line that was rejected, or cut from a quantity to another, as it stands now."""

    act: Act
    line: RequisitionLine
    decision_id: int
    by: str
    before: Decimal | None
    reason: str


def refusals(requisition: Requisition) -> list[Refusal]:
    """What was said no to, or cut, and not asked for again since; by line."""
    lines = {line.line_number: line for line in requisition.lines}
    last: dict[int, ApprovalDecision] = {}
    for one in queries.decisions_of(requisition.id):
        if one.line_number in lines and one.act in (Act.REJECT, Act.REDUCE):
            last[one.line_number] = one
        elif one.line_number is not None and one.act is Act.REOPEN:
            last.pop(one.line_number, None)
    return [
        Refusal(one.act, lines[number], one.id, one.account.name if one.account else "", one.before,
                one.reason)
        for number, one in sorted(last.items())
    ]  # fmt: skip


def tell_question(question: ApprovalQuestion, requisition: Requisition) -> None:
    """Asks whoever asked for the goods."""
    url = f"{settings().public_url}/approvals/questions/{question.id}"
    _tell_of_question(question, requisition, requisition.requester_id, url)


def tell_answer(question: ApprovalQuestion, requisition: Requisition) -> None:
    """Gives the answer to who asked."""
    url = f"{settings().public_url}/approvals/{question.step_id}"
    _tell_of_question(question, requisition, question.asked_by_id, url)


def _tell_of_question(
    question: ApprovalQuestion, requisition: Requisition, account_id: int, url: str
) -> None:
    if not is_on():
        return
    asked_by = known_account(question.asked_by_id).name
    for account in _accounts([account_id]):
        what = "An answer about" if question.answer else "A question about"
        key = f"question:{question.id}:{bool(question.answer)}:{account.id}"
        subject = f"{what} {requisition.number}"
        write_to(
            account, key, subject, "question.txt",
            requisition=requisition, question=question, asked_by=asked_by, url=url,
        )  # fmt: skip


def _accounts(account_ids: Iterable[int]) -> list[Account]:
    statement = select(Account).where(Account.id.in_(set(account_ids)), Account.active).order_by(Account.id)
    return list(db.session.scalars(statement))


# The link


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(settings().secret_key.get_secret_value(), salt="approval-link")


def _link(step: ApprovalStep, account: Account) -> str:
    row = ApprovalLink(step_id=step.id, account_id=account.id, expires_at=clock.now() + LINK_LASTS)
    db.session.add(row)
    db.session.flush()
    token = _signer().dumps([row.organization_id or account.organization_id, row.id])
    return f"{settings().public_url}/approvals/mail/{token}"


def link_of(token: str) -> tuple[int, int]:
    """Organization and link that a token names; raises NotFound for what this portal never signed."""
    try:
        organization_id, link_id = _signer().loads(token)
    except (BadData, ValueError, TypeError) as error:
        raise NotFound("This link is not complete. Open it again from the mail.") from error
    return int(organization_id), int(link_id)


def locked_link(link_id: int) -> ApprovalLink:
    """The link, until the transaction ends for this caller alone; raises NotFound."""
    statement = select(ApprovalLink).where(ApprovalLink.id == link_id).with_for_update()
    return found(db.session.scalar(statement), "link")
