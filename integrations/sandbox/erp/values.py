"""Property values: what a client may send, how it is kept, and what a filter compares."""

import json
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from integrations.formats.odata import read_json_date
from integrations.sandbox.erp.model import EntitySet, Property
from integrations.sandbox.erp.refusal import Refusal, refuse

Row = dict[str, object]
Comparable = str | bool | Decimal | datetime | None
TIME = re.compile(r"PT(\d{1,2}H)?(\d{1,2}M)?(\d{1,2}S)?", re.ASCII)
NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
EMPTY: dict[str, object] = {"Edm.String": "", "Edm.Boolean": False}


def accepted(one: Property, value: object) -> object:
    """The value as it is kept; raises Refusal where SAP Gateway's parser would."""
    if value is None:
        return empty(one)
    check = {
        "Edm.String": _string,
        "Edm.Decimal": _decimal,
        "Edm.DateTime": _date,
        "Edm.DateTimeOffset": _date,
        "Edm.Time": _time,
        "Edm.Boolean": _boolean,
    }[one.type]
    return check(one, value)


def empty(one: Property) -> object:
    """What SAP keeps where nothing was sent."""
    if one.type == "Edm.Decimal":
        return f"{0:.{one.scale or 0}f}"
    return EMPTY.get(one.type)


def blank(entity_set: EntitySet) -> Row:
    """A row of a set with nothing filled in."""
    return {name: empty(one) for name, one in entity_set.properties.items()}


def comparable(one: Property, value: object) -> Comparable:
    """A kept value as a filter compares it."""
    if value is None or isinstance(value, bool):
        return value
    if one.type == "Edm.Decimal":
        return Decimal(str(value))
    if one.type in {"Edm.DateTime", "Edm.DateTimeOffset"}:
        return read_json_date(str(value))
    return str(value)


def amount(value: Decimal, scale: int = 3) -> str:
    """A number as SAP prints it."""
    return f"{value:.{scale}f}"


def _wrong(one: Property, value: object, wanted: str) -> Refusal:
    shown = json.dumps(value)[:80]
    return refuse(
        "CX_SXML_PARSE_ERROR", f"Property '{one.name}' has invalid value {shown}: not a valid {wanted}"
    )


def _string(one: Property, value: object) -> str:
    if not isinstance(value, str) or (one.size is not None and len(value) > one.size):
        raise _wrong(one, value, f"String({one.size})")
    return value


def _decimal(one: Property, value: object) -> str:
    scale = one.scale or 0
    wanted = f"Decimal({one.size},{scale}) in quotes"
    if not isinstance(value, str) or not NUMBER.fullmatch(value) or len(value) > 40:
        raise _wrong(one, value, wanted)
    number = Decimal(value)
    digits = (one.size or 13) - scale
    try:
        fits = number == round(number, scale) and abs(number) < Decimal(10) ** digits
    except InvalidOperation:
        fits = False
    if not fits:
        raise _wrong(one, value, wanted)
    return amount(number, scale)


def _date(one: Property, value: object) -> str:
    try:
        read_json_date(value if isinstance(value, str) else "")
    except ValueError:
        raise _wrong(one, value, one.type) from None
    return str(value)


def _time(one: Property, value: object) -> str:
    if not isinstance(value, str) or not TIME.fullmatch(value):
        raise _wrong(one, value, one.type)
    return value


def _boolean(one: Property, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(one, value, one.type)
    return value
