"""What many typed or scanned codes mean: item numbers, part numbers, supplier SKUs and barcodes, at once."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from portal.catalog.models import Offer
from portal.catalog.queries import find_offers, offers_of
from portal.foundation.db import db
from portal.masterdata.models import DeviceIdentifier, Item, ItemPackaging
from portal.masterdata.scanning import LONGEST_NUMBER, read, written_forms


@dataclass(frozen=True)
class Meaning:
    """Offers a code may mean; `is_exact` when it names the pack, by its barcode or the supplier's number."""

    offers: tuple[Offer, ...] = ()
    is_exact: bool = False

    @property
    def item_names(self) -> list[str]:
        """The items among the offers: CATH-14 Urinary catheter."""
        return sorted({f"{one.item.code} {one.item.name}" for one in self.offers})


def meanings(codes: Iterable[str]) -> dict[str, Meaning]:
    """What each code means, in a constant number of queries; unknown ones mean nothing.

    A barcode means the pack it stands on (every pack of its item where no supplier offers that one), a
    supplier's number its offer, an item or part number every pack of its items.
    """
    wanted = {code: _key(code) for code in codes}
    keys = {key for key in wanted.values() if key}
    barcodes = {code: _identifiers(code) for code in wanted}
    packs = _packs({one for found in barcodes.values() for one in found})
    by_number = _items(keys)
    by_sku = _offers(keys)
    item_ids = {item_id for found in packs.values() for item_id, _ in found}
    by_item: dict[int, list[Offer]] = defaultdict(list)
    for offer in offers_of(item_ids | {one for found in by_number.values() for one in found}):
        by_item[offer.item_id].append(offer)

    def meaning(code: str) -> Meaning:
        named = [pack for one in barcodes[code] for pack in packs[one]]
        if named:
            offers = [offer for item_id, _ in named for offer in by_item[item_id]]
            exact = [one for one in offers if (one.item_id, one.uom) in named]
            return Meaning(tuple(exact or offers), is_exact=bool(exact))
        if by_sku[wanted[code]] and not by_number[wanted[code]]:
            return Meaning(tuple(by_sku[wanted[code]]), is_exact=True)
        return Meaning(tuple(offer for item_id in by_number[wanted[code]] for offer in by_item[item_id]))

    return {code: meaning(code) for code in wanted}


def _key(code: str) -> str:
    key = code.strip().upper()
    return key if key.isprintable() and len(key) <= LONGEST_NUMBER else ""


def _identifiers(code: str) -> list[str]:
    """How master data may hold the device identifier of a barcode."""
    scan, _ = read(code)
    return written_forms(scan.di) if scan and scan.di else []


def _packs(identifiers: set[str]) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    if identifiers:
        for level in (
            select(ItemPackaging.gtin, ItemPackaging.item_id, ItemPackaging.uom).where(
                ItemPackaging.gtin.in_(identifiers)
            ),
            select(DeviceIdentifier.identifier, DeviceIdentifier.item_id, DeviceIdentifier.uom).where(
                DeviceIdentifier.identifier.in_(identifiers)
            ),
        ):
            for identifier, item_id, uom in db.session.execute(level):
                found[identifier].append((item_id, uom))
    return found


def _items(keys: set[str]) -> dict[str, list[int]]:
    """Item ids by item number, else by manufacturer's part number."""
    found: dict[str, list[int]] = defaultdict(list)
    for column in (Item.code_key, Item.part_key):
        missing = keys - found.keys()
        for key, item_id in db.session.execute(select(column, Item.id).where(column.in_(missing))):
            found[key].append(item_id)
    return found


def _offers(keys: set[str]) -> dict[str, list[Offer]]:
    """Offers by the supplier's number."""
    statement = select(Offer.part_key, Offer.id).where(Offer.part_key.in_(keys), Offer.active)
    rows = db.session.execute(statement).all()
    offers = {one.id: one for one in find_offers(row[1] for row in rows)}
    found: dict[str, list[Offer]] = defaultdict(list)
    for key, offer_id in rows:
        found[key].append(offers[offer_id])
    return found
