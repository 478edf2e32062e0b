"""What a buyer does about a difference: accept, dispute, split, cancel the rest, reorder elsewhere."""

from datetime import timedelta
from decimal import Decimal

from portal.catalog.queries import PricedOffer
from portal.exchange import services as exchange
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.errors import Conflict, Invalid
from portal.foundation.filters import day, unit_price
from portal.foundation.quantity import plain
from portal.orders.cancelling import cancel_part
from portal.orders.differences import asking, counting, queries, telling
from portal.orders.differences.carrying import order_elsewhere, split_line, take_off
from portal.orders.differences.models import LineDecision
from portal.orders.differences.queries import Difference
from portal.orders.differences.rules import DATES, PARTS, PRICES, Act, Pack, acts_for, short_by
from portal.orders.outbound import KIND
from portal.orders.proposals.asking import tried
from portal.orders.proposals.models import OrderProposal
from portal.orders.proposals.weighing import BeyondApproval
from portal.orders.review import recompute
from portal.orders.versions import proposing
from portal.orders.versions.announcing import next_version
from portal.orders.versions.rules import Wish
from portal.orders.versions.services import change

LATER = timedelta(days=14)  # when the supplier names no day


def decide(
    actor: Actor,
    item_id: int,
    act: Act,
    *,
    words: str = "",
    offer_id: int | None = None,
    pack: Pack | None = None,
) -> str:
    """Does one of the acts; returns what happened in a sentence. Raises as the act does."""
    if act is Act.ACCEPT:
        return accept(actor, item_id, reason=words, pack=pack)
    if act is Act.DISPUTE:
        return dispute(actor, item_id, words)
    if act is Act.SPLIT:
        return split(actor, item_id)
    if act is Act.CANCEL:
        return cancel(actor, item_id, words)
    return reorder(actor, item_id, offer_id or 0)


def accept(actor: Actor, item_id: int, *, reason: str = "", pack: Pack | None = None) -> str:
    """Takes what the supplier says; returns what happened in a sentence. `pack`: what another unit holds.

    A price changes the order in the ERP and the budget; beyond what was approved the approver is asked.
    Raises Conflict when it is decided already or not unambiguous, Invalid beyond the budget.
    """
    case = _case(actor, item_id, Act.ACCEPT)
    if case.item.kind in PRICES:
        return _accept_price(actor, case, reason)
    if case.item.kind in PARTS:
        return _accept_part(actor, case, reason)
    if case.item.kind is WorkItemKind.QUANTITY:
        return _accept_quantity(actor, case, reason)
    if case.item.kind is WorkItemKind.UNIT:
        return _accept_unit(actor, case, reason, pack)
    words = "Accepted: the supplier's day" if case.item.kind in DATES else "Accepted: wait for the supplier"
    promised = f" ({day(case.line.promised_on)})" if case.line.promised_on else ""
    keep(actor, case, Act.ACCEPT, f"{words}{promised}.{_because(reason)}")
    recompute(case.order)
    return f"{words}{promised}."


def _accept_price(actor: Actor, case: Difference, reason: str) -> str:
    line, price = case.line, case.line.confirmed_price
    if price is None:
        raise Conflict("The supplier names no other price any more. Look at the order again.")
    told = unit_price(price, case.order.currency)
    words = f"Accepted: {told} per {line.uom}."
    wish = Wish(line.id, line.quantities.wanted, line.needed_on, price)
    item_id, order_id = case.item.id, case.order.id
    try:
        return _changed(actor, case, wish, words, reason)
    except BeyondApproval as refused:
        proposing.would_change(actor, order_id, [wish], reason=words)
        return asking.ask_price(actor, queries.lock(actor, item_id), price, refused.beyond, reason)


def take_price(actor: Actor, proposal: OrderProposal) -> str:
    """Accepts the price that was approved, in every price difference of its line; returns what follows."""
    order, line = found(proposal.order, "order"), found(proposal.line, "line")
    price = Decimal(proposal.wishes[0]["unit_price"])
    words = f"Accepted: {unit_price(price, order.currency)} per {line.uom}."
    for item in open_items_about(queries.SUBJECT, order.id):
        if item.kind in PRICES and queries.line_id_of(item) == line.id:
            keep(actor, Difference(item, order, line), Act.ACCEPT, f"{words}{_because(proposal.reason)}")
    wish = Wish(line.id, line.quantities.wanted, line.needed_on, price)
    change(actor, order.id, [wish], reason=words, seen=order.version, is_approved=True)
    return "The order, the budget and the ERP follow."


def _accept_quantity(actor: Actor, case: Difference, reason: str) -> str:
    line = case.line
    words = f"Accepted: {plain(line.quantities.answered)} {line.uom}."
    wish = Wish(line.id, line.quantities.answered, line.needed_on, line.unit_price)
    order_id = case.order.id
    try:
        return _changed(actor, case, wish, words, reason)
    except BeyondApproval as refused:
        return proposing.propose(actor, order_id, [wish], refused.beyond, reason=words)


def _accept_unit(actor: Actor, case: Difference, reason: str, pack: Pack | None) -> str:
    words = f"Accepted: {counting.agree(case.order, case.line, pack)}."
    keep(actor, case, Act.ACCEPT, f"{words}{_because(reason)}")
    recompute(case.order)
    return words


def _changed(actor: Actor, case: Difference, wish: Wish, words: str, reason: str) -> str:
    with db.session.begin_nested():
        keep(actor, case, Act.ACCEPT, f"{words}{_because(reason)}")
        change(actor, case.order.id, [wish], reason=words, seen=case.order.version)
    return f"{words} The order, the budget and the ERP follow."


def _accept_part(actor: Actor, case: Difference, reason: str) -> str:
    line, part = case.line, case.line.substitute_part
    if not part:
        raise Conflict("The supplier offers no other part any more. Look at the order again.")
    before, line.supplier_part = line.supplier_part, part
    words = f"Accepted: {part} in place of {before}."
    keep(actor, case, Act.ACCEPT, f"{words}{_because(reason)}")
    audit.record(
        actor, "order_line.part", line, before={"part": before}, after={"part": part},
        evidence={"order": case.order.number},
    )  # fmt: skip
    told = {
        "line": line.line_number, "item": line.description, "what": "supplier's part",
        "before": before, "after": part,
    }  # fmt: skip
    recompute(case.order)
    next_version(actor, case.order, words, [told])
    return words


def dispute(actor: Actor, item_id: int, words: str) -> str:
    """Tells the supplier that the order stands, as the next version with a comment (cXML Comments, e-mail).

    The difference stays open until the supplier answers. Raises Invalid without words, Conflict when no
    partner carries messages to the supplier.
    """
    if not words.strip():
        raise Invalid("Say what you ask of the supplier.", field="words")
    case = _case(actor, item_id, Act.DISPUTE)
    order = case.order
    if order.sent_at is None or not exchange.reaches(KIND, order.supplier_id, "network"):
        raise Conflict(
            f"{order.supplier.name} cannot be reached from here. Call them, then resolve this with a comment."
        )
    order.message, order.message_version = words.strip(), order.version + 1
    _record(actor, case, Act.DISPUTE, words.strip())
    if case.item.owner_id is None:
        case.item.owner_id = actor.account_id
    next_version(actor, order, f"Line {case.line.line_number} disputed: {words.strip()}", [])
    return f"{order.supplier.name} is told. The difference stays open until they answer."


def split(actor: Actor, item_id: int) -> str:
    """Puts what the supplier brings later on a line of its own, so that both parts live by themselves."""
    case = _case(actor, item_id, Act.SPLIT)
    order, line, quantity = case.order, case.line, _short(case)
    when = line.promised_on or clock.today() + LATER
    words = f"Split: {plain(quantity)} {line.uom} come on a line of their own."
    pieces, told = take_off(actor, order, line, quantity, words)
    split_line(order, line, pieces, when)
    keep(actor, case, Act.SPLIT, words)
    recompute(order)
    next_version(actor, order, words, [told])
    return words


def cancel(actor: Actor, item_id: int, reason: str) -> str:
    """Cancels what the supplier does not bring; the budget comes back, all who wait for it are told."""
    if not reason.strip():
        raise Invalid("Say why the rest is cancelled.", field="words")
    case = _case(actor, item_id, Act.CANCEL)
    return give_up(actor, case, reason)


def give_up(actor: Actor, case: Difference, reason: str) -> str:
    """As `cancel`, for a difference whose order is locked."""
    order, line, quantity = case.order, case.line, _short(case)
    words = f"Cancelled: {plain(quantity)} {line.uom} of {line.description}. {reason.strip()}"
    telling.tell_requesters(case, quantity, reason.strip())
    told = cancel_part(actor, order, line, quantity, reason)
    keep(actor, case, Act.CANCEL, words)
    recompute(order)
    next_version(actor, order, words, [told])
    return words


def reorder(actor: Actor, item_id: int, offer_id: int) -> str:
    """Orders what the supplier does not bring from another one, for the same requests.

    Beyond what was approved the approver is asked. Returns what happened in a sentence.
    Raises Conflict when that offer is gone, Invalid beyond the budget.
    """
    try:
        with db.session.begin_nested():
            return _reordered(actor, item_id, offer_id)
    except BeyondApproval as refused:
        with tried():
            _reordered(actor, item_id, offer_id, is_approved=True)
        case = _case(actor, item_id, Act.REORDER)
        return asking.ask_elsewhere(actor, case, _short(case), _offer(case, offer_id), refused.beyond)


def take_elsewhere(actor: Actor, proposal: OrderProposal) -> str:
    """Orders from the other supplier that was approved; returns what follows."""
    item = found(proposal.work_item, "work item")
    return _reordered(actor, item.id, proposal.wishes[0]["offer_id"], is_approved=True)


def _reordered(actor: Actor, item_id: int, offer_id: int, *, is_approved: bool = False) -> str:
    case = _case(actor, item_id, Act.REORDER)
    order, line, quantity = case.order, case.line, _short(case)
    offer = _offer(case, offer_id)
    words = f"Ordered elsewhere: {plain(quantity)} {line.uom} from {offer.offer.supplier.name}."
    pieces, told = take_off(actor, order, line, quantity, words)
    other = order_elsewhere(actor, order, line, pieces, offer, is_approved=is_approved)
    if offer.offer.factor != line.factor:
        words = f"{words} In its packs: {plain(other.lines[0].quantity)} {offer.offer.uom}."
    keep(actor, case, Act.REORDER, f"{words} {other.number}")
    recompute(order)
    next_version(actor, order, words, [told])
    return f"{words} The order is {other.number}."


def _offer(case: Difference, offer_id: int) -> PricedOffer:
    offers = queries.other_offers(case.order, case.line)
    chosen = next((one for one in offers if one.offer.id == offer_id), None)
    if chosen is None:
        raise Conflict("This offer is not there any more. Choose another one.")
    return chosen


def _case(actor: Actor, item_id: int, act: Act) -> Difference:
    case = queries.lock(actor, item_id)
    if act not in acts_for(case.item.kind, case.line.quantities):
        raise Conflict("This cannot be done about this difference any more. Look at it again.")
    return case


def _short(case: Difference) -> Decimal:
    quantity = short_by(case.item.kind, case.line.quantities)
    if quantity <= 0:
        raise Conflict(f"Nothing of {case.line.description} is open any more. Look at the order again.")
    return quantity


def _because(reason: str) -> str:
    return f" {reason.strip()}" if reason.strip() else ""


def keep(actor: Actor, case: Difference, act: Act, words: str) -> None:
    """Keeps the decision and closes the difference."""
    _record(actor, case, act, words)
    if case.item.resolved_at is None:
        exchange.resolve(actor, case.item, words)


def _record(actor: Actor, case: Difference, act: Act, words: str) -> None:
    db.session.add(
        LineDecision(
            order_id=case.order.id,
            line_id=case.line.id,
            kind=case.item.kind,
            act=act,
            words=words,
            person=actor.name,
        )
    )
    audit.record(
        actor, "order.decide", case.order,
        after={"line": case.line.line_number, "act": act, "words": words, "difference": case.item.sentence},
    )  # fmt: skip
