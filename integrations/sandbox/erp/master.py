"""Master data of the sandbox ERP, read from a directory of CSV files."""

import csv
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

Line = Mapping[str, str]
RELATIVE = re.compile(r"[+-]\d{1,5}d", re.ASCII)
COLUMNS = {
    "facilities": ("code", "name"),
    "locations": ("code", "name", "facility"),
    "cost_centers": ("code", "name", "valid_from", "valid_to", "company_code"),
    "gl_accounts": ("code", "name"),
    "suppliers": ("code", "name", "network_id"),
    "items": ("code", "name", "unspsc", "manufacturer", "manufacturer_part", "base_uom", "base_gtin",
              "lot_tracked", "serial_tracked", "expiry_tracked", "lifecycle"),
    "item_packaging": ("item", "uom", "factor", "gtin"),
}  # fmt: skip
LIMITS = {
    "facilities": 4,
    "locations": 4,
    "cost_centers": 10,
    "gl_accounts": 10,
    "suppliers": 10,
    "items": 40,
}
UNIT_LENGTH = 3


class MasterDataError(Exception):
    """A file of master data cannot be used; the text names file, line and what to do."""


@dataclass(frozen=True)
class Material:
    """What posting must know of an item; `units` are base units in one of each unit."""

    code: str
    base_unit: str
    units: Mapping[str, Decimal]
    gtins: Mapping[str, str]
    lot_tracked: bool
    serial_tracked: bool
    expiry_tracked: bool
    lifecycle: str


@dataclass(frozen=True)
class CostCenterPeriod:
    """The days from first to last on which a cost center may be charged."""

    first: date
    last: date


@dataclass(frozen=True)
class Master:
    """Everything the files say, by code, as lines and as what posting needs."""

    files: Mapping[str, tuple[Line, ...]]
    locations: Mapping[str, frozenset[str]]
    cost_centers: Mapping[str, tuple[CostCenterPeriod, ...]]
    gl_accounts: frozenset[str]
    suppliers: Mapping[str, bool]
    materials: Mapping[str, Material]
    manufacturers: Mapping[str, str]


def load(folder: Path | None, today: date) -> Master:
    """Reads the folder; raises MasterDataError. No folder is an ERP without master data."""
    files = {name: _lines(folder, name) for name in COLUMNS} if folder else dict.fromkeys(COLUMNS, ())
    periods: dict[str, list[CostCenterPeriod]] = {}
    for line in files["cost_centers"]:
        period = CostCenterPeriod(_day(line, "valid_from", today), _day(line, "valid_to", today))
        periods.setdefault(line["code"], []).append(period)
    return Master(
        files=files,
        locations={
            line["code"]: frozenset(
                place["code"] for place in files["locations"] if place["facility"] == line["code"]
            )
            for line in files["facilities"]
        },
        cost_centers={code: tuple(one) for code, one in periods.items()},
        gl_accounts=frozenset(line["code"] for line in files["gl_accounts"]),
        suppliers={line["code"]: is_yes(line, "blocked") for line in files["suppliers"]},
        materials=_materials(files),
        manufacturers=_numbers({line["manufacturer"] for line in files["items"]} - {""}),
    )


def day(text: str, today: date) -> date:
    """An ISO day, or year-start, year-end, +30d, -400d counted from today; raises ValueError."""
    if text == "year-start":
        return date(today.year, 1, 1)
    if text == "year-end":
        return date(today.year, 12, 31)
    if RELATIVE.fullmatch(text):
        return today + timedelta(days=int(text[:-1]))
    return date.fromisoformat(text)


def is_yes(line: Line, column: str) -> bool:
    """Whether a column says yes; an absent one says no."""
    return line.get(column, "") == "yes"


def stamp(folder: Path | None) -> tuple[int, ...]:
    """Changes whenever a file of the folder does."""
    paths = [folder / f"{name}.csv" for name in COLUMNS] if folder else []
    return tuple(path.stat().st_mtime_ns for path in paths if path.exists())


def today() -> date:
    """The ERP's day, in UTC."""
    return datetime.now(UTC).date()


def _lines(folder: Path, name: str) -> tuple[Line, ...]:
    path = folder / f"{name}.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [column for column in COLUMNS[name] if column not in (reader.fieldnames or ())]
            if missing:
                raise MasterDataError(f"{path}: the columns {', '.join(missing)} are missing")
            return tuple(_checked(path, number, line, name) for number, line in enumerate(reader, start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MasterDataError(f"{path} cannot be read: {error}") from error


def _checked(path: Path, number: int, line: Mapping[str | None, object], name: str) -> Line:
    if None in line or None in line.values():
        raise MasterDataError(f"{path} line {number}: it has more or fewer values than columns")
    texts = {str(column): str(value).strip() for column, value in line.items()}
    limit = LIMITS.get(name)
    if limit and not 0 < len(texts["code"]) <= limit:
        raise MasterDataError(
            f"{path} line {number}: code {texts['code']!r} must have 1 to {limit} characters"
        )
    for column in ("uom", "base_uom"):
        if not 0 < len(texts.get(column, "EA")) <= UNIT_LENGTH:
            raise MasterDataError(f"{path} line {number}: unit {texts[column]!r} must have 1 to 3 characters")
    return texts


def _day(line: Line, column: str, today: date) -> date:
    try:
        return day(line[column], today)
    except ValueError:
        raise MasterDataError(f"cost center {line['code']}: {column} {line[column]!r} is not a day") from None


def _materials(files: Mapping[str, tuple[Line, ...]]) -> dict[str, Material]:
    units = {line["code"]: {line["base_uom"]: Decimal(1)} for line in files["items"]}
    gtins = {line["code"]: {line["base_uom"]: line["base_gtin"]} for line in files["items"]}
    for line in files["item_packaging"]:
        if line["item"] not in units:
            raise MasterDataError(f"item_packaging.csv: there is no item {line['item']!r}")
        units[line["item"]][line["uom"]] = _factor(line)
        gtins[line["item"]][line["uom"]] = line["gtin"]
    return {
        line["code"]: Material(
            code=line["code"],
            base_unit=line["base_uom"],
            units=units[line["code"]],
            gtins=gtins[line["code"]],
            lot_tracked=is_yes(line, "lot_tracked"),
            serial_tracked=is_yes(line, "serial_tracked"),
            expiry_tracked=is_yes(line, "expiry_tracked"),
            lifecycle=line["lifecycle"],
        )
        for line in files["items"]
    }


def _factor(line: Line) -> Decimal:
    try:
        factor = Decimal(line["factor"])
    except InvalidOperation:
        factor = Decimal(0)
    if not (factor == factor.to_integral_value() and 0 < factor < 100_000):
        raise MasterDataError(
            f"item_packaging.csv: factor {line['factor']!r} of {line['item']} must be 1 to 99999"
        )
    return factor


def _numbers(names: set[str]) -> dict[str, str]:
    """A business partner number for each manufacturer that stays the same when others come and go."""
    numbers: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names):
        value = zlib.crc32(name.encode()) % 10**9
        while (number := f"9{value % 10**9:09d}") in taken:
            value += 1
        taken.add(number)
        numbers[name] = number
    return numbers
