"""An item that a buyer sets up with its first offer."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from portal.catalog.models import Offer
from portal.catalog.services import align_offers
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.masterdata.models import GlAccount, Item, ItemPackaging, Supplier
from portal.masterdata.services import lock


@dataclass(frozen=True)
class NewItem:
    """What is known of it; `factor` base units are in one order unit, which costs `list_price`."""

    code: str
    name: str
    category: str
    manufacturer: str
    manufacturer_part: str
    base_uom: str
    gl_account_id: int
    lot_tracked: bool
    expiry_tracked: bool
    supplier_id: int
    supplier_part: str
    uom: str
    factor: Decimal
    list_price: Decimal


def set_up(actor: Actor, new: NewItem) -> Offer:
    """Makes the item and its offer; the caller says who may.

    Raises Invalid with the box (code, supplier, gl_account, factor) for what cannot be.
    """
    lock()  # no import makes the same item meanwhile
    _check(new)
    item = Item(
        code=new.code, name=new.name, category=new.category, manufacturer=new.manufacturer,
        manufacturer_part=new.manufacturer_part, base_uom=new.base_uom, gl_account_id=new.gl_account_id,
        lot_tracked=new.lot_tracked, expiry_tracked=new.expiry_tracked,
    )  # fmt: skip
    item.packaging = [
        ItemPackaging(uom=uom, factor=factor)
        for uom, factor in {new.base_uom: Decimal(1), new.uom: new.factor}.items()
    ]
    db.session.add(item)
    db.session.flush()
    offer = Offer(
        item_id=item.id, supplier_id=new.supplier_id, supplier_part=new.supplier_part, uom=new.uom,
        factor=new.factor, list_price=new.list_price,
    )  # fmt: skip
    db.session.add(offer)
    db.session.flush()
    align_offers([offer.id])
    after = {"name": item.name, "pack": new.uom, "price": new.list_price, "supplier": new.supplier_id}
    audit.record(actor, "item.set_up", item, after=after)
    return offer


def _check(new: NewItem) -> None:
    if db.session.scalar(select(Item.id).where(Item.code == new.code)) is not None:
        sentence = f"There is an item {new.code} already. Go back and answer with its number."
        raise Invalid(sentence, field="code")
    if (
        db.session.scalar(select(Supplier.id).where(Supplier.id == new.supplier_id, ~Supplier.blocked))
        is None
    ):
        raise Invalid("Choose a supplier from the list.", field="supplier")
    if (
        db.session.scalar(select(GlAccount.id).where(GlAccount.id == new.gl_account_id, GlAccount.active))
        is None
    ):
        raise Invalid("Choose a GL account from the list.", field="gl_account")
    if new.uom == new.base_uom and new.factor != 1:
        raise Invalid(f"One {new.uom} holds one {new.uom}: enter 1, or choose another pack.", field="factor")
