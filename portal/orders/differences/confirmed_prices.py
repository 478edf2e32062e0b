"""How far a confirmed price may be from the ordered one without anybody being asked, by the rulebook."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, select

from portal.exchange.models import WorkItem
from portal.foundation import clock
from portal.foundation.db import db
from portal.masterdata.models import Item, Location
from portal.orders.differences.queries import LINE_ID
from portal.orders.differences.rules import PRICES, PriceTolerance
from portal.orders.models import ConfirmationPart, OrderConfirmation, PurchaseOrder, PurchaseOrderLine
from portal.requisitions.rulebook.queries import rulebook_on
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.rulebook.trial import Weighed
from portal.requisitions.rules import CheckOutcome

PRICE_SHARE, PRICE_AMOUNT = "confirmed_price_share", "confirmed_price_amount"


def book_when_answered(order: PurchaseOrder) -> Rulebook:
    """The rules of the day the supplier answered last, so that a later setting changes no past decision."""
    facility = order.location.facility
    answered = select(func.max(OrderConfirmation.received_at)).where(OrderConfirmation.order_id == order.id)
    at = db.session.scalar(answered) or clock.now()
    return rulebook_on(at.astimezone(ZoneInfo(facility.time_zone)).date(), facility.id)


def price_tolerance(book: Rulebook, category: str) -> PriceTolerance:
    """By how much a confirmed price of an item of a category may differ."""
    return PriceTolerance(
        book.setting(PRICE_SHARE, category).bound, book.setting(PRICE_AMOUNT, category).bound
    )


def tolerated(order: PurchaseOrder) -> list[tuple[PurchaseOrderLine, dict[str, object]]]:
    """Lines whose confirmed price differs without anybody being asked, with the settings that say so."""
    differing = [one for one in order.lines if one.confirmed_price not in (None, one.unit_price)]
    book = book_when_answered(order) if differing else Rulebook()
    return [
        (line, {"rules": [_named(book, rule, line.item.category) for rule in (PRICE_SHARE, PRICE_AMOUNT)]})
        for line in differing
        if price_tolerance(book, line.item.category).covers(
            line.unit_price, line.confirmed_price or line.unit_price, line.quantities.wanted
        )
    ]


def _named(book: Rulebook, rule: str, category: str) -> str:
    setting = book.setting(rule, category)
    return f"{setting.rule.label}: {setting.in_words}, version {setting.number}"


def weighed(rule: str, since: datetime, most: int) -> Sequence[Weighed]:
    """How far each price confirmed since was off, and whether a buyer was asked; nothing for other rules."""
    line, part = PurchaseOrderLine, ConfirmationPart
    difference = func.abs(part.unit_price - line.unit_price)
    measures: dict[str, ColumnElement[Any]] = {
        PRICE_SHARE: case((line.unit_price > 0, difference * 100 / line.unit_price)),
        PRICE_AMOUNT: difference * (line.quantity - line.cancelled),
    }
    if rule not in measures:
        return []
    asked = select(LINE_ID).where(WorkItem.kind.in_(PRICES), LINE_ID.is_not(None))
    rows = db.session.execute(
        select(
            PurchaseOrder.id, PurchaseOrder.number, Location.facility_id, Item.category,
            measures[rule], line.id.in_(asked),
        )
        .join(line, line.order_id == PurchaseOrder.id)
        .join(part, part.line_id == line.id)
        .join(OrderConfirmation, OrderConfirmation.id == part.confirmation_id)
        .join(Location, Location.id == PurchaseOrder.location_id)
        .join(Item, Item.id == line.item_id)
        .where(OrderConfirmation.received_at >= since, part.unit_price.is_not(None))
        .order_by(PurchaseOrder.id.desc())
        .limit(most)
    )  # fmt: skip
    return [
        Weighed(
            order_id, number, facility_id, category, measure,
            CheckOutcome.BLOCK if was_asked else CheckOutcome.PASS,
        )
        for order_id, number, facility_id, category, measure, was_asked in rows
    ]  # fmt: skip
