"""What the portal sends to clinical systems: items, stock, and acknowledgments as their own exchange."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from integrations.canonical import Item as ItemDocument
from integrations.canonical import Packaging
from integrations.clinical import Hl7Text, ItemMaster, ItemRecord, StockLevel
from integrations.ehr import hl7_feed
from integrations.ehr.hl7_sender import Hl7Sender
from portal.clinical.models import Feed
from portal.exchange import services as exchange
from portal.exchange.models import Message, Partner
from portal.exchange.services import About
from portal.foundation import audit, clock
from portal.foundation.access import Actor, Permission, system
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.trace import new_trace
from portal.inventory.models import ParLevel, Stock
from portal.inventory.rules import Owner
from portal.masterdata.models import Item, Location

KIND = "hl7v2_text"
PORTAL = ("CLINIC SUPPLY", "PORTAL")
MOST_RECORDS = 500  # in one message


def deliver(sender: Hl7Sender, message: Message, ask_first: bool) -> str:
    """Sends the text under its own control id, which the receiver knows again."""
    return sender.send(Hl7Text.model_validate(message.canonical).text)


def nothing(message: Message) -> None:
    """Nothing follows from a message that only informs."""


def send_items(actor: Actor, feed: Feed) -> int:
    """Puts the item master into the outbox as MFN^M16; returns how many items."""
    items = db.session.scalars(select(Item).options(selectinload(Item.packaging)).order_by(Item.code)).all()
    pars = _pars()
    records = [_record(item, pars.get(item.id, ())) for item in items]
    return _send(actor, feed, records, "MFN^M16")


def send_levels(actor: Actor, feed: Feed) -> int:
    """Puts what the places of the feed's facility have into the outbox as MFN^M15; returns how many items."""
    statement = select(Stock, Location.code).join(Location, Location.id == Stock.location_id)
    statement = statement.where(Stock.on_hand != 0).order_by(Location.code, Stock.id)
    if feed.facility_id is not None:
        statement = statement.where(Location.facility_id == feed.facility_id)
    levels: dict[int, list[StockLevel]] = {}
    for row, code in db.session.execute(statement):
        levels.setdefault(row.item_id, []).append(
            StockLevel(
                location_code=code,
                on_hand=row.on_hand,
                lot=row.lot,
                expires_on=row.expires_on,
                is_consignment=row.owner is Owner.CONSIGNMENT,
            )
        )
    items = db.session.scalars(
        select(Item).where(Item.id.in_(levels)).options(selectinload(Item.packaging)).order_by(Item.code)
    ).all()
    return _send(actor, feed, [_record(item, levels[item.id]) for item in items], "MFN^M15")


def _pars() -> dict[int, list[StockLevel]]:
    """What places keep at least and at most, by item."""
    rows = db.session.execute(
        select(ParLevel, Location.code)
        .join(Location, Location.id == ParLevel.location_id)
        .order_by(Location.code)
    )
    pars: dict[int, list[StockLevel]] = {}
    for row, code in rows:
        level = StockLevel(location_code=code, reorder_point=row.minimum, par=row.maximum)
        pars.setdefault(row.item_id, []).append(level)
    return pars


def _record(item: Item, levels: Sequence[StockLevel]) -> ItemRecord:
    return ItemRecord(
        item=ItemDocument(
            code=item.code,
            name=item.name,
            base_uom=item.base_uom,
            unspsc=item.unspsc,
            manufacturer=item.manufacturer,
            manufacturer_part=item.manufacturer_part,
            packaging=tuple(
                Packaging(uom=pack.uom, factor=pack.factor, gtin=pack.gtin) for pack in item.packaging
            ),
            lot_tracked=item.lot_tracked,
            serial_tracked=item.serial_tracked,
            expiry_tracked=item.expiry_tracked,
            lifecycle=item.lifecycle,
        ),
        is_implant=item.implant,
        levels=tuple(level.model_copy(update={"uom": item.base_uom}) for level in levels),
    )


def _send(actor: Actor, feed: Feed, records: Sequence[ItemRecord], kind: str) -> int:
    actor.require(Permission.OPERATE_EXCHANGE)
    partner = db.session.get_one(Partner, feed.partner_id)
    if not partner.base_url:
        raise Invalid("This interface has no address to send to. Set it first.", field="send_to")
    for start in range(0, len(records), MOST_RECORDS):
        control_id = new_trace()[:20]
        part = tuple(records[start : start + MOST_RECORDS])
        master = ItemMaster(source=feed.code, message_id=control_id, at=clock.now(), records=part)
        text = hl7_feed.write(kind, master, sender=PORTAL, receiver=_receiver(feed), at=clock.now())
        put(feed, Hl7Text(type=kind, control_id=control_id, text=text))
    audit.record(actor, "feed.send", feed, after={"kind": kind, "items": len(records)})
    return len(records)


def _receiver(feed: Feed) -> tuple[str, str]:
    return feed.sending_application, feed.sending_facility


def answer(feed: Feed, told: Hl7Text, *, is_deliverable: bool) -> None:
    """Puts an application's answer into the outbox; of one without an address the trace says so.

    That one goes back once on the sender's own connection, and nobody can send it again.
    """
    if is_deliverable:
        put(feed, told)
        return
    portal = system(feed.organization_id, f"HL7 interface {feed.code}")
    why = "No address to send to: it went back on the sender's connection, once."
    audit.record(
        portal, "feed.answer_not_deliverable", feed, evidence={"MSH-10": told.control_id, "why": why}
    )


def put(feed: Feed, text: Hl7Text) -> None:
    """Puts a message into the outbox, behind the earlier ones of this interface."""
    about = About("feed", feed.id, text.control_id)
    exchange.send(KIND, text, about, partner_id=feed.partner_id, key=text.control_id)
