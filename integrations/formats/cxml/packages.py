"""Packages and lots of a shipped line (Fulfill.dtd 1.2.063, Packaging, Batch, AssetInfo)."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from lxml import etree

from integrations.canonical import ShippedLot, ShippedPackage
from integrations.formats.cxml.reading import Reader, text_at
from integrations.formats.cxml.writing import add, add_text, noon, plain

SSCC = re.compile(r"(?:\(00\)|00(?=\d{18}$))?(\d{18})")
EXPIRY_PATHS = ("ShipNoticeItemIndustry//ExpiryDate", "ShipNoticeItemIndustry//BestBeforeDate")


def read_packages(item: etree._Element, reader: Reader) -> tuple[ShippedPackage, ...]:
    """Every Packaging of the line, in the order of the document."""
    return tuple(_package(packaging, reader) for packaging in item.findall("Packaging"))


def outermost(packages: Sequence[ShippedPackage]) -> str:
    """The SSCC of the package around all others: the label that is scanned at the dock."""
    parents = [package.parent_sscc for package in packages if package.parent_sscc]
    inner = {package.sscc for package in packages if package.parent_sscc}
    roots = [package.sscc for package in packages if package.sscc and not package.parent_sscc]
    outside = [parent for parent in parents if parent not in inner]
    return next(iter(outside + roots), "")


def write_packages(item: etree._Element, packages: Iterable[ShippedPackage]) -> None:
    """Appends a Packaging for each package."""
    for package in packages:
        packaging = add(item, "Packaging")
        add_text(packaging, "PackagingCode", package.kind or "carton")
        if package.sscc:
            add(packaging, "ShippingContainerSerialCode", package.sscc)
        if package.parent_sscc:
            add(packaging, "ShippingContainerSerialCodeReference", package.parent_sscc)
        if package.quantity is not None:
            dispatched = add(packaging, "DispatchQuantity", quantity=plain(package.quantity))
            if package.uom:
                add(dispatched, "UnitOfMeasure", package.uom)


def read_lots(item: etree._Element, quantity: Decimal, reader: Reader) -> tuple[ShippedLot, ...]:
    """The lots of a line; serial numbers belong to the only lot, else they stand apart."""
    batches = [child for child in item if child.tag in {"Batch", "SupplierBatchID"}]
    expiry = _expiry(item, reader)
    serials = tuple(
        serial for asset in item.findall("AssetInfo") if (serial := (asset.get("serialNumber") or "").strip())
    )
    if not batches:
        if not serials and expiry is None:
            return ()
        return (ShippedLot(quantity=quantity, serials=serials, expires_on=expiry),)
    if len(batches) == 1:
        only = _lot(batches[0], quantity, expiry, reader)
        return (only.model_copy(update={"serials": serials}),)
    lots = [_lot(batch, None, expiry, reader) for batch in batches]
    _check_sum(item, lots, quantity, reader)
    if serials:
        reader.warn(item, "the serial numbers are not tied to one of the lots")
        lots.append(ShippedLot(quantity=Decimal(0), serials=serials))
    return tuple(lots)


def write_lots(item: etree._Element, lots: Iterable[ShippedLot]) -> None:
    """Appends a Batch for each lot and an AssetInfo for each serial number."""
    assets: list[str] = []
    for lot in lots:
        batch = add(
            item,
            "Batch",
            expirationDate=noon(lot.expires_on) if lot.expires_on else "",
            batchQuantity=plain(lot.quantity),
        )
        if lot.lot:
            add(batch, "SupplierBatchID", lot.lot)
        assets += lot.serials
    for serial in assets:
        add(item, "AssetInfo", serialNumber=serial)


def check_digit(digits: str) -> str:
    """The digit that follows (GS1 General Specifications 7.9: weights 3 and 1 from the right)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits[::-1]))
    return str(-weighted % 10)


def _package(packaging: etree._Element, reader: Reader) -> ShippedPackage:
    dispatched = packaging.find("DispatchQuantity")
    counted = dispatched is not None and bool(dispatched.get("quantity"))
    return ShippedPackage(
        sscc=_sscc(packaging, "ShippingContainerSerialCode", reader),
        parent_sscc=_sscc(packaging, "ShippingContainerSerialCodeReference", reader),
        kind=text_at(packaging, "PackagingCode"),
        quantity=reader.number(dispatched, "quantity") if dispatched is not None and counted else None,
        uom=text_at(packaging, "DispatchQuantity/UnitOfMeasure"),
    )


def _sscc(packaging: etree._Element, tag: str, reader: Reader) -> str:
    text = text_at(packaging, tag).replace(" ", "")
    if not text:
        return ""
    found = SSCC.fullmatch(text)
    if found is None:
        reader.warn(packaging, f"{text[:40]} is not an SSCC of 18 digits")
        return text
    if check_digit(found[1][:-1]) != found[1][-1]:
        reader.warn(packaging, f"the check digit of SSCC {found[1]} is wrong")
    return found[1]


def _expiry(item: etree._Element, reader: Reader) -> date | None:
    """The day given for the whole line, where no batch says it."""
    for path in (*EXPIRY_PATHS, "Packaging/BestBeforeDate"):
        found = item.find(path)
        if found is not None:
            return reader.optional_day(found, "date")
    return None


def _lot(batch: etree._Element, whole: Decimal | None, expiry: date | None, reader: Reader) -> ShippedLot:
    if batch.tag == "SupplierBatchID":
        return ShippedLot(quantity=whole or Decimal(0), lot=(batch.text or "").strip(), expires_on=expiry)
    stated = reader.number(batch, "batchQuantity") if batch.get("batchQuantity") else whole
    return ShippedLot(
        quantity=stated or Decimal(0),
        lot=text_at(batch, "SupplierBatchID") or text_at(batch, "BuyerBatchID"),
        expires_on=reader.optional_day(batch, "expirationDate") or expiry,
    )


def _check_sum(item: etree._Element, lots: Sequence[ShippedLot], quantity: Decimal, reader: Reader) -> None:
    stated = sum((lot.quantity for lot in lots), Decimal())
    if stated != quantity:
        reader.warn(item, f"the lots add up to {stated:f}, the line to {quantity:f}")
