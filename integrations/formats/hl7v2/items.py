"""Item master in: MFN^M16 (ITM, VND, PKG, IVT, ILT) and MFN^M15 (IIM), HL7 v2.9 chapters 8 and 17."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from integrations.canonical import Item, Lifecycle, Money, Packaging
from integrations.clinical import ItemMaster, ItemRecord, StockLevel
from integrations.errors import Unreadable
from integrations.formats.hl7v2.interface import Interface
from integrations.formats.hl7v2.parsing import Message, Segment
from integrations.formats.hl7v2.reading import day, first_instant, money, number

Operation = Literal["add", "update", "delete", "deactivate", "reactivate"]
# MFE-1, table 0180.
OPERATIONS: dict[str, Operation] = {
    "MAD": "add", "MUP": "update", "MDL": "delete", "MDC": "deactivate", "MAC": "reactivate",
}  # fmt: skip
# ITM-3, table 0776.
LIFECYCLES = {"A": Lifecycle.ACTIVE, "P": Lifecycle.BLOCKED, "I": Lifecycle.DISCONTINUED}
IMPLANT = "IMP"  # ITM-4, table 0778
BASE = "EA"


def read_items(message: Message, interface: Interface, warnings: list[str]) -> tuple[ItemMaster, ...]:
    """The records of an item master message, as one document."""
    groups = message.groups(lambda one: one.name == "MFE")
    if not groups:
        raise Unreadable("The MFE segment is missing", position="MFE(1)")
    mfi = message.first("MFI")
    return (
        ItemMaster(
            source=interface.source,
            message_id=message.header.text(10),
            at=first_instant(interface.zone, (mfi, 4), (message.header, 7)),
            records=tuple(_record(group, warnings) for group in groups),
        ),
    )


def _record(group: Sequence[Segment], warnings: list[str]) -> ItemRecord:
    mfe = group[0]
    operation = OPERATIONS.get(mfe.text(1).upper())
    if operation is None:
        raise Unreadable("The event must be MAD, MUP, MDL, MDC or MAC", position=mfe.where(1))
    itm = _named(group, "ITM")
    if itm:
        return _from_itm(operation, itm[0], group, warnings)
    iim = _named(group, "IIM")
    if iim:
        return _from_iim(operation, iim[0])
    raise Unreadable("The ITM or IIM segment is missing", position=mfe.where())


def _named(group: Sequence[Segment], *names: str) -> list[Segment]:
    return [one for one in group if one.name in names]


def _from_itm(
    operation: Operation, itm: Segment, group: Sequence[Segment], warnings: list[str]
) -> ItemRecord:
    code = itm.text(1)
    if not code:
        raise Unreadable("The item's number is missing", position=itm.where(1))
    packs = _packs(_named(group, "PKG"), warnings)
    status = itm.text(3).upper()
    price = _price(itm, warnings)
    return ItemRecord(
        operation=operation,
        item=Item(
            code=code,
            name=itm.text(2) or code,
            base_uom=next((pack.uom for pack in packs if pack.factor == 1), BASE),
            manufacturer=itm.text(8) or itm.text(7, 2) or itm.text(7),
            manufacturer_part=itm.text(9),
            packaging=packs,
            expiry_tracked=_is_yes(itm, 6),
            lot_tracked=bool(_named(group, "ILT")),
            lifecycle=Lifecycle.DISCONTINUED
            if operation in {"delete", "deactivate"}
            else LIFECYCLES.get(status[:1], Lifecycle.ACTIVE),
        ),
        charge_code=itm.text(12),
        charge_price=price.amount if price else None,
        is_stocked=itm.text(14).upper() != "N",
        is_implant=itm.text(4).upper() == IMPLANT,
        levels=_levels(group, warnings),
    )


def _price(itm: Segment, warnings: list[str]) -> Money | None:
    """ITM-13; one that is no amount is left out, since the record holds without it."""
    try:
        return money(itm, 13)
    except Unreadable as error:
        warnings.append(f"{error.position}: {error}")
        return None


def _is_yes(segment: Segment, field: int) -> bool:
    return segment.text(field).upper() == "Y"


def _packs(segments: Sequence[Segment], warnings: list[str]) -> tuple[Packaging, ...]:
    """PKG-2 unit, PKG-4 quantity (also found in PKG-3), PKG-8 GTIN; each unit once."""
    packs: dict[str, Packaging] = {}
    for pkg in segments:
        field = 4 if not pkg.text(4) or pkg.text(4)[0].isdigit() else 3
        if field == 3:
            warnings.append(f"{pkg.where(4)}: the package quantity stands in PKG-3")
        uom = pkg.text(2).upper()
        factor = number(pkg.text(field), pkg.where(field)) if pkg.text(field) else Decimal(1)
        if not uom or factor <= 0:
            raise Unreadable("The package needs a unit and a quantity", position=pkg.where(2))
        packs.setdefault(uom, Packaging(uom=uom, factor=factor, gtin=pkg.text(8)))
    return tuple(packs.values())


def _levels(group: Sequence[Segment], warnings: list[str]) -> tuple[StockLevel, ...]:
    levels: list[StockLevel] = []
    for one in group:
        if one.name == "IVT":
            levels.append(_level(one))
        elif one.name == "ITV":
            warnings.append(f"{one.where()}: ITV is not a segment of the standard; only the place is read")
            levels.append(StockLevel(location_code=one.text(2)))
        elif one.name == "ILT" and levels:
            levels[-1] = levels[-1].model_copy(update=_lot(one))
    return tuple(levels)


def _level(ivt: Segment) -> StockLevel:
    if not ivt.text(2):
        raise Unreadable("The place is missing", position=ivt.where(2))
    return StockLevel(
        location_code=ivt.text(2),
        bin=ivt.text(7),
        uom=ivt.text(9) or BASE,
        is_consignment=_is_yes(ivt, 16),
        reorder_point=_optional(ivt, 24),
        reorder_quantity=_optional(ivt, 25),
        par=_optional(ivt, 26),
    )


def _lot(ilt: Segment) -> dict[str, object]:
    return {
        "lot": ilt.text(2),
        "expires_on": day(ilt.text(3), ilt.where(3)) if ilt.text(3) else None,
        "on_hand": _optional(ilt, 9),
    }


def _optional(segment: Segment, field: int) -> Decimal | None:
    text = segment.text(field)
    return number(text, segment.where(field)) if text else None


def _from_iim(operation: Operation, iim: Segment) -> ItemRecord:
    """IIM-2 item, -3 lot, -4 expiry, -5 manufacturer, -6 place, -12 on hand, -13 its unit."""
    code = iim.text(2) or iim.text(1)
    if not code:
        raise Unreadable("The item's number is missing", position=iim.where(2))
    level = StockLevel(
        location_code=iim.text(6),
        uom=iim.text(13) or iim.text(9) or BASE,
        on_hand=_optional(iim, 12),
        lot=iim.text(3),
        expires_on=day(iim.text(4), iim.where(4)) if iim.text(4) else None,
    )
    item = Item(
        code=code,
        name=iim.text(2, 2) or code,
        base_uom=level.uom,
        manufacturer=iim.text(5, 2) or iim.text(5),
        lot_tracked=bool(level.lot),
        expiry_tracked=level.expires_on is not None,
    )
    levels = (level,) if level.location_code else ()
    return ItemRecord(operation=operation, item=item, levels=levels, levels_only=True)
