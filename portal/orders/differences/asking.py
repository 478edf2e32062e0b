"""A price beyond what was approved goes back to whoever may approve the new amount."""

from decimal import Decimal

from sqlalchemy import select

from portal.approvals.rules import Asked
from portal.exchange import services as exchange
from portal.exchange.queries import open_items_about
from portal.foundation import audit, clock
from portal.foundation.access import Actor, system
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.filters import money, unit_price
from portal.orders import approvers
from portal.orders import queries as orders
from portal.orders.differences import queries, telling
from portal.orders.differences.models import LineDecision, PriceQuestion
from portal.orders.differences.queries import Difference, open_question
from portal.orders.differences.rules import PRICES, Act, AskState
from portal.orders.models import PurchaseOrderLine
from portal.orders.versions.rules import Wish
from portal.orders.versions.services import Beyond, change


def ask(actor: Actor, case: Difference, price: Decimal, beyond: Beyond, reason: str) -> str:
    """Asks who may approve the new amount; the difference stays open until then.

    Raises Conflict when that was asked already, Invalid when nobody's limit covers it.
    """
    order, line = case.order, case.line
    if open_question(line.id) is not None:
        raise Conflict("The approver is asked about this price already.")
    source = next(one for one in line.sources if one.requisition_line_id == beyond.requested.id)
    step = approvers.step_of(source.requisition_line_id)
    step_amount = step.amount if step else beyond.approved
    question = PriceQuestion(
        order=order, line=line, requisition_line=source.requisition_line,
        old_price=line.unit_price, new_price=price, quantity=line.quantities.wanted,
        approved=beyond.approved, amount=beyond.total,
        limit_needed=step_amount + beyond.total - beyond.approved,
        approver_id=step.decided_by_id if step else None,
        cost_center_id=step.cost_center_id if step else source.cost_center_id,
        asked_by_id=actor.account_id, reason=reason.strip(),
    )  # fmt: skip
    asked = asked_of(question)
    deciders = approvers.deciders(asked, actor.account_id or 0)
    if not deciders:
        raise Invalid(
            f"{line.description} would cost {money(beyond.total, order.currency)}, and nobody's limit covers "
            f"{money(question.limit_needed, order.currency)}. Dispute the price, or order elsewhere."
        )
    db.session.add(question)
    db.session.flush()
    audit.record(
        actor, "order.ask_price", order,
        after={"line": line.line_number, "price": price, "amount": beyond.total},
        evidence={"asked": [*deciders.values()]},
    )  # fmt: skip
    telling.tell_deciders(question, deciders)
    return (
        f"{unit_price(price, order.currency)} is beyond what was approved. "
        f"{' or '.join(deciders.values())} is asked; the difference stays open until then."
    )


def asked_of(question: PriceQuestion) -> Asked:
    """What the question asks: a limit that covers the new amount, where the request was made."""
    requisition = question.requisition_line.requisition
    return Asked(
        requester_id=requisition.requester_id,
        facility_id=question.order.location.facility_id,
        cost_center_id=question.cost_center_id,
        amount=question.limit_needed,
    )


def waiting_for(actor: Actor) -> list[PriceQuestion]:
    """The questions a person may decide."""
    return [one for one in queries.open_questions() if _right(actor, one)]


def _right(actor: Actor, question: PriceQuestion) -> Actor | None:
    return approvers.right_of(actor, asked_of(question), question.asked_by_id)


def decide(actor: Actor, question_id: int, *, approved: bool, comment: str = "") -> str:
    """Says yes or no to the price; a yes changes the order at once.

    Raises NotAllowed, Conflict when it is decided or the supplier names another price by now, Invalid
    without a reason for a no.
    """
    question = _locked(question_id)
    right = _right(actor, question)
    if right is None:
        raise NotAllowed("This price is for somebody whose limit covers it to decide.")
    if not approved and not comment.strip():
        raise Invalid("Say why not; the buyer reads it.", field="comment")
    question.state = AskState.APPROVED if approved else AskState.REFUSED
    question.decided_by_id, question.decided_at = actor.account_id, clock.now()
    question.comment = comment.strip()
    line = question.line
    audit.record(
        actor, "order.decide_price", question.order,
        after={"line": line.line_number, "price": question.new_price, "state": question.state,
               "comment": question.comment, "with_right_of": right.name},
    )  # fmt: skip
    words = f"{actor.name} {'approved' if approved else 'refused'} {_told(question)}. {question.comment}"
    _note(actor, question, line, words.strip())
    if approved:
        _take(actor, question, line, words.strip())
        return "Approved. The order, the budget and the ERP follow."
    return "Refused. The buyer is told to find another way."


def _locked(question_id: int) -> PriceQuestion:
    question = found(db.session.get(PriceQuestion, question_id), "question")
    order = found(orders.find(question.order_id, lock=True), "order")
    statement = select(PriceQuestion).where(PriceQuestion.id == question_id).with_for_update()
    question = db.session.scalars(statement.execution_options(populate_existing=True)).one()
    if question.state is not AskState.OPEN:
        raise Conflict("This price is decided already.")
    question.order = order
    question.line = next(one for one in order.lines if one.id == question.line_id)
    sources = [source for line in order.lines for source in line.sources]
    question.requisition_line = next(
        one.requisition_line for one in sources if one.requisition_line_id == question.requisition_line_id
    )
    return question


def _take(actor: Actor, question: PriceQuestion, line: PurchaseOrderLine, words: str) -> None:
    if line.confirmed_price != question.new_price:
        raise Conflict("The supplier names another price by now. Refuse this one; the buyer asks again.")
    order = question.order
    wish = Wish(line.id, line.quantities.wanted, line.needed_on, question.new_price)
    for item in open_items_about(queries.SUBJECT, order.id):
        if item.kind in PRICES and queries.line_id_of(item) == line.id:
            exchange.resolve(actor, item, words)
    portal = system(order.organization_id, f"price approved by {actor.name}")
    change(portal, order.id, [wish], reason=words, seen=order.version, is_approved=True)


def _told(question: PriceQuestion) -> str:
    return f"{unit_price(question.new_price, question.order.currency)} per {question.line.uom}"


def _note(actor: Actor, question: PriceQuestion, line: PurchaseOrderLine, words: str) -> None:
    for item in open_items_about(queries.SUBJECT, question.order_id):
        if item.kind in PRICES and queries.line_id_of(item) == line.id:
            db.session.add(
                LineDecision(
                    order_id=question.order_id, line_id=line.id, kind=item.kind, act=Act.ACCEPT,
                    words=words, person=actor.name,
                )
            )  # fmt: skip
