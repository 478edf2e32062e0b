"""Plays the stories of the demo through the services that people use, at the time they happened."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from decimal import Decimal

import httpx
from sqlalchemy import select

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.catalog.models import Offer, OrderGuideLine
from portal.demo import suppliers
from portal.demo.accounts import email_of
from portal.demo.stories import STORIES, Story, Twist, Until
from portal.exchange import services as exchange
from portal.exchange.delivery import deliver_due
from portal.exchange.inbox import apply_due
from portal.exchange.models import Partner
from portal.exchange.queries import open_items_about
from portal.exchange.rules import WorkItemKind
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, transaction
from portal.identity.models import Account
from portal.identity.services import actor_of
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.masterdata.models import Item, Location, Supplier
from portal.orders import queries as order_queries
from portal.orders import services as orders
from portal.orders.cancelling import cancel_rest
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.receiving import services as receiving
from portal.receiving.services import Entry
from portal.requisitions import queries as requisition_queries
from portal.requisitions import services as requisitions
from portal.requisitions.models import Requisition

# Days after the request at which each step happens.
STEPS = {
    Until.SUBMITTED: timedelta(0),
    Until.APPROVED: timedelta(hours=4),
    Until.ORDERED: timedelta(days=1),
    Until.ANSWERED: timedelta(days=1, hours=3),
    Until.SHIPPED: timedelta(days=2),
    Until.ENTERED: timedelta(days=4),
    Until.RECEIVED: timedelta(days=4, hours=1),
    Until.INVOICED: timedelta(days=6),
}
NEEDED_AFTER = timedelta(days=7)
ENOUGH = "We have enough of this in the storeroom."
LOCKED = "Purchasing group 001 is locked for changes"


class History:
    """The stories of the organization the session is in."""

    def __init__(self, slug: str) -> None:
        self._slug = slug
        with transaction() as session:
            partners = {partner.kind: partner for partner in session.scalars(select(Partner))}
            self._erp_id, self._network_id = partners["erp"].id, partners["network"].id
            self._erp_url = partners["erp"].base_url

    def play(self, told: Callable[[], object]) -> None:
        """Plays every story, the oldest first; calls `told` after each."""
        for story in sorted(STORIES[self._slug], key=lambda one: -one.days_ago):
            self._play(story)
            told()

    def _play(self, story: Story) -> None:
        requisition_id = self._request(story)
        if story.until >= Until.APPROVED:
            self._decide(story, requisition_id)
        if story.until < Until.ORDERED:
            return
        order_id = self._order(story, requisition_id)
        if story.until >= Until.ANSWERED:
            self._answer(story, order_id)
        if story.until >= Until.ENTERED:
            self._receive(story, order_id)
        if story.until >= Until.INVOICED:
            self._invoice(story, order_id)

    @contextmanager
    def _scene(self, story: Story, step: Until) -> Iterator[None]:
        """One transaction at the time of a step, that knows nothing of those before, as a request does."""
        db.session.expunge_all()
        with self._at(story, step), transaction():
            yield

    def _at(self, story: Story, step: Until) -> AbstractContextManager[None]:
        """The time of a step: never in the future, never before this year and its budget."""
        this_year = timedelta(days=clock.today().timetuple().tm_yday - 1)
        ago = min(timedelta(days=story.days_ago), this_year) - STEPS[step]
        return clock.shifted(-max(ago, timedelta(0)))

    def _actor(self, name: str) -> Actor:
        email = email_of(name, self._slug)
        return actor_of(db.session.scalars(select(Account).where(Account.email == email)).one())

    def _request(self, story: Story) -> int:
        with self._scene(story, Until.SUBMITTED):
            actor = self._actor(story.requester)
            location = db.session.scalars(select(Location).where(Location.code == story.location)).one()
            wanted = {offer.id: story.quantity for offer in _offers(location, story)}
            requisitions.add_all(actor, location.id, wanted)
            cart_id = requisitions.cart(actor, location.id).id
            requisitions.describe(actor, cart_id, need_by=clock.today() + NEEDED_AFTER, note=story.note)
        if story.until >= Until.SUBMITTED:
            with self._scene(story, Until.SUBMITTED):
                seen = _requisition(cart_id).version
                requisitions.submit(actor, cart_id, seen_version=seen)
        if story.twist is Twist.WITHDRAWN:
            with self._scene(story, Until.SUBMITTED):
                requisitions.withdraw(actor, cart_id)
        return cart_id

    def _decide(self, story: Story, requisition_id: int) -> None:
        with self._scene(story, Until.APPROVED):
            requisition = _requisition(requisition_id)
            step, *_ = approval_queries.steps_of(requisition_id)
            refused = {
                Twist.REJECTED: requisition.lines,
                Twist.PARTLY_REJECTED: requisition.lines[-1:],
            }.get(story.twist, [])
            decisions = {
                line.id: Decision(False, ENOUGH) if line in refused else Decision(True)
                for line in requisition.lines
            }
            actor = self._actor("finance-approver")
            approvals.decide(actor, step.id, decisions, seen_version=requisition.version)

    def _order(self, story: Story, requisition_id: int) -> int:
        if story.twist is Twist.STOPPED_AT_ERP:
            self._refuse_next()
        with self._scene(story, Until.ORDERED):
            lines = [line.id for line in _requisition(requisition_id).lines]
            (order,) = orders.place(self._actor("buyer"), lines)
            order_id = order.id
        with self._at(story, Until.ORDERED):
            deliver_due(self._erp_id)
            deliver_due(self._network_id)
        if story.twist is Twist.CANCELLED:
            self._cancel(story, order_id)
        return order_id

    def _cancel(self, story: Story, order_id: int) -> None:
        with self._scene(story, story.until):
            for line in _order(order_id).lines:
                cancel_rest(self._actor("buyer"), order_id, line.id, "The clinic has enough now.")

    def _refuse_next(self) -> None:
        rule = {"effect": "reject", "value": LOCKED, "request": "purchase_order"}
        httpx.post(f"{self._erp_url}/sandbox/behavior", json=rule, trust_env=False).raise_for_status()

    def _answer(self, story: Story, order_id: int) -> None:
        with self._scene(story, Until.ANSWERED):
            suppliers.confirm(_order(order_id), story.twist)
        with self._at(story, Until.ANSWERED):
            apply_due()
        with self._scene(story, Until.ANSWERED):
            for item in open_items_about("purchase_order", order_id):
                if item.kind is WorkItemKind.REJECTED:  # else the portal would act alone after a while
                    exchange.take(self._actor("buyer"), item)
        if story.until >= Until.SHIPPED:
            with self._scene(story, Until.SHIPPED):
                suppliers.ship(_order(order_id), story.twist)
            with self._at(story, Until.SHIPPED):
                apply_due()

    def _receive(self, story: Story, order_id: int) -> None:
        with self._scene(story, Until.ENTERED):
            order = _order(order_id)
            actor = self._receiver(order)
            half = story.twist in (Twist.HALF_RECEIVED, Twist.REST_CANCELLED)
            entries = [_entry(line, half=half) for line in order.lines]
            key = f"demo-{order_id}"
            receipt_id = receiving.enter(actor, order_id, form_key=key, entries=entries).id
        if story.until >= Until.RECEIVED:
            with self._scene(story, Until.RECEIVED):
                receiving.post(actor, receipt_id)
            with self._at(story, Until.RECEIVED):
                deliver_due(self._erp_id)
        if story.twist is Twist.REST_CANCELLED:
            self._cancel(story, order_id)

    def _receiver(self, order: PurchaseOrder) -> Actor:
        people = (self._actor("receiver"), self._actor("clinic-manager-2"))
        facility = order.location.facility_id
        return next(actor for actor in people if actor.can(Permission.RECEIVE, facility_id=facility))

    def _invoice(self, story: Story, order_id: int) -> None:
        with self._scene(story, Until.INVOICED):
            order = _order(order_id)
            factor = Decimal("1.05") if story.twist is Twist.OVERCHARGED else Decimal(1)
            charged = [
                Charged(line.id, line.received, round(line.unit_price * factor, 2)) for line in order.lines
            ]
            number = f"INV-{order.number.removeprefix('PO')}"
            actor = self._actor("ap-analyst")
            invoices.record(actor, order_id, number=number, invoiced_on=clock.today(), charged=charged)


def _entry(line: PurchaseOrderLine, *, half: bool) -> Entry:
    quantity = suppliers.half_of(line.quantity) if half else line.quantity
    return Entry(line.id, quantity, suppliers.lot_of(line), clock.today() + suppliers.SHELF_LIFE)


def _offers(location: Location, story: Story) -> list[Offer]:
    """The supplier's offers for the location's order guide, from the story's place on."""
    offers = db.session.scalars(
        select(Offer)
        .join(OrderGuideLine, (OrderGuideLine.item_id == Offer.item_id) & (OrderGuideLine.uom == Offer.uom))
        .join(Item, Item.id == Offer.item_id)
        .join(Supplier, Supplier.id == Offer.supplier_id)
        .where(OrderGuideLine.location_id == location.id, Supplier.code == story.supplier)
        .order_by(OrderGuideLine.position)
        .offset(story.first)
        .limit(story.count)
    )
    return list(offers)


def _requisition(requisition_id: int) -> Requisition:
    requisition = requisition_queries.find(requisition_id)
    assert requisition is not None
    return requisition


def _order(order_id: int) -> PurchaseOrder:
    order = order_queries.find(order_id)
    assert order is not None
    return order
