"""Master data records of an ERP as rows of our tables: which tables a kind fills, and with which cells."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integrations import canonical
from integrations.canonical import MasterRecord
from integrations.erp.contract import MasterKind
from portal.masterdata.rules import ImportKind

Cells = dict[str, str]


@dataclass(frozen=True)
class Part:
    """One table filled from the records of a kind."""

    kind: ImportKind
    cells: Callable[[Any], Iterator[Cells]]


@dataclass(frozen=True)
class Source:
    """What the ERP is read for: the record type, and the tables it fills in their order."""

    label: str
    record: type[MasterRecord]
    parts: tuple[Part, ...]


def _facility(record: canonical.Facility) -> Iterator[Cells]:
    cells = {"code": record.code, "name": record.name}
    if record.address is not None:
        names = ("street", "city", "region", "postal_code", "country")
        cells |= {name: getattr(record.address, name) for name in names}
    yield cells


def _locations(record: canonical.Facility) -> Iterator[Cells]:
    for location in record.locations:
        yield {"code": location.code, "name": location.name, "facility": location.facility}


def _cost_center(record: canonical.CostCenter) -> Iterator[Cells]:
    yield {
        "code": record.code,
        "name": record.name,
        "valid_from": record.valid_from.isoformat(),
        "valid_to": record.valid_to.isoformat(),
        "company_code": record.company_code,
    }


def _gl_account(record: canonical.GlAccount) -> Iterator[Cells]:
    yield {"code": record.code, "name": record.name}


def _supplier(record: canonical.Supplier) -> Iterator[Cells]:
    yield {
        "code": record.code,
        "name": record.name,
        "network_id": record.network_id,
        "blocked": _flag(record.blocked),
    }


def _item(record: canonical.Item) -> Iterator[Cells]:
    base = next((level for level in record.packaging if level.uom == record.base_uom), None)
    names = ("code", "name", "unspsc", "manufacturer", "manufacturer_part", "base_uom")
    flags = ("lot_tracked", "serial_tracked", "expiry_tracked")
    yield {
        **{name: getattr(record, name) for name in names},
        **{name: _flag(getattr(record, name)) for name in flags},
        "base_gtin": base.gtin if base else "",
        "lifecycle": record.lifecycle.value,
    }


def _packaging(record: canonical.Item) -> Iterator[Cells]:
    for level in record.packaging:
        if level.uom != record.base_uom:
            yield {
                "item": record.code,
                "uom": level.uom,
                "factor": _number(level.factor),
                "gtin": level.gtin,
            }


def _flag(value: bool) -> str:
    return "yes" if value else "no"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


SOURCES: Mapping[MasterKind, Source] = {
    MasterKind.FACILITY: Source(
        "Facilities and locations",
        canonical.Facility,
        (Part(ImportKind.FACILITIES, _facility), Part(ImportKind.LOCATIONS, _locations)),
    ),
    MasterKind.COST_CENTER: Source(
        "Cost centers", canonical.CostCenter, (Part(ImportKind.COST_CENTERS, _cost_center),)
    ),
    MasterKind.GL_ACCOUNT: Source(
        "GL accounts", canonical.GlAccount, (Part(ImportKind.GL_ACCOUNTS, _gl_account),)
    ),
    MasterKind.SUPPLIER: Source("Suppliers", canonical.Supplier, (Part(ImportKind.SUPPLIERS, _supplier),)),
    MasterKind.ITEM: Source(
        "Items",
        canonical.Item,
        (Part(ImportKind.ITEMS, _item), Part(ImportKind.ITEM_PACKAGING, _packaging)),
    ),
}
"""In the order in which later kinds refer to earlier ones."""
