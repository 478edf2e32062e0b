"""OData version 2 as SAP Gateway speaks it: literals, JSON dates, queries, answers and error bodies.

Source: OData 2.0 "URI Conventions", "Operations" and "JSON Format"; SAP Gateway error and sap-message shape.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote, urlencode

from lxml import etree

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JSON_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/", re.ASCII)
LITERAL = re.compile(r"(?P<kind>datetimeoffset|datetime|guid|time)?'(?P<text>(?:[^']|'')*)'", re.ASCII)
NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?[mMdDlLfF]?", re.ASCII)
JsonObject = dict[str, object]
Literal = str | bool | Decimal | datetime


def string_literal(text: str) -> str:
    """'O''Neil': an Edm.String in a filter or key."""
    return "'" + text.replace("'", "''") + "'"


def date_literal(day: date) -> str:
    """Midnight of a day as Edm.DateTime, which knows no zone."""
    return f"datetime'{day.isoformat()}T00:00:00'"


def instant_literal(moment: datetime) -> str:
    """An aware moment as Edm.DateTimeOffset in UTC."""
    return f"datetimeoffset'{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z'"


def decimal_literal(number: Decimal) -> str:
    """12.50M: an Edm.Decimal."""
    return f"{number:f}M"


def read_literal(text: str) -> Literal:
    """The value of a literal; dates are moments in UTC. Raises ValueError with a sentence."""
    if text in {"true", "false"}:
        return text == "true"
    if NUMBER.fullmatch(text):
        return Decimal(text.rstrip("mMdDlLfF"))
    match = LITERAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an OData literal")
    content = match["text"].replace("''", "'")
    if match["kind"] in {"datetime", "datetimeoffset"}:
        return _moment(content)
    return content


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date and time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def json_date(day: date) -> str:
    """Midnight UTC of a day as /Date(milliseconds)/: an Edm.DateTime in JSON."""
    return f"/Date({(day - EPOCH.date()).days * 86_400_000})/"


def json_instant(moment: datetime) -> str:
    """An aware moment as /Date(milliseconds+0000)/: an Edm.DateTimeOffset in JSON."""
    return f"/Date({(moment - EPOCH) // timedelta(milliseconds=1)}+0000)/"


def read_json_date(text: str) -> datetime:
    """The moment in UTC of either JSON form; raises ValueError with a sentence."""
    match = JSON_DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a date like /Date(1735689600000)/")
    try:
        return EPOCH + timedelta(milliseconds=int(match[1]))
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is outside the years 1 to 9999") from None


def query(options: Mapping[str, str]) -> str:
    """A query string with %20 for spaces: strict servers refuse "+"."""
    return urlencode(options, quote_via=quote, safe="$,()'/:")


def entity(name: str, *keys: str) -> str:
    """The path of one entity with string keys in their order, encoded."""
    return f"{name}({','.join(quote(string_literal(key), safe=chr(39)) for key in keys)})"


def read_object(body: bytes) -> JsonObject:
    """A JSON object with exact decimals; raises ValueError with a sentence."""
    try:
        data = json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise ValueError("the answer is not JSON") from None
    if not isinstance(data, dict):
        raise ValueError("the answer is not a JSON object")
    return data


def read_entity(body: bytes) -> JsonObject:
    """The one entity of an answer; raises ValueError with a sentence."""
    content = read_object(body).get("d")
    if not isinstance(content, dict) or "results" in content:
        raise ValueError("the answer holds no entity")
    return content


@dataclass(frozen=True)
class Feed:
    """Entities of one page; `count` is the number of all where the server said it."""

    entities: tuple[JsonObject, ...]
    count: int | None = None


def read_feed(body: bytes) -> Feed:
    """A page of entities; raises ValueError with a sentence."""
    content = read_object(body).get("d")
    entities = content.get("results") if isinstance(content, dict) else content
    if not isinstance(entities, list) or not all(isinstance(one, dict) for one in entities):
        raise ValueError("the answer holds no list of entities")
    count = str(content.get("__count", "")) if isinstance(content, dict) else ""
    return Feed(tuple(entities), int(count) if count.isascii() and count.isdigit() else None)


def expanded(owner: JsonObject, navigation: str) -> tuple[JsonObject, ...]:
    """The entities under an expanded navigation: many, one, or none when absent or deferred."""
    content = owner.get(navigation)
    if not isinstance(content, dict) or "__deferred" in content:
        return ()
    many = content.get("results", [content])
    return tuple(one for one in many if isinstance(one, dict)) if isinstance(many, list) else ()


@dataclass(frozen=True)
class ErrorBody:
    """A refusal in the server's words."""

    code: str = ""
    message: str = ""
    details: tuple[str, ...] = field(default=())

    @property
    def words(self) -> str:
        """Message and details, each once, one a line."""
        return "\n".join(dict.fromkeys(text for text in (self.message, *self.details) if text))


def read_error(body: bytes) -> ErrorBody | None:
    """The error of an answer in JSON (v2 or v4 shape) or XML; None where there is none."""
    if body.lstrip().startswith(b"<"):
        return _xml_error(body)
    try:
        error = read_object(body).get("error")
    except ValueError:
        return None
    if not isinstance(error, dict):
        return None
    inner = error.get("innererror")
    details = inner.get("errordetails") if isinstance(inner, dict) else error.get("details")
    return ErrorBody(_text(error.get("code")), _message(error.get("message")), _details(details))


def _details(details: object) -> tuple[str, ...]:
    if not isinstance(details, list):
        return ()
    return tuple(_message(one.get("message")) for one in details if isinstance(one, dict))


def _message(message: object) -> str:
    return _text(message.get("value") if isinstance(message, dict) else message)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _xml_error(body: bytes) -> ErrorBody | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return None
    if etree.QName(root).localname != "error":
        return None
    texts = {etree.QName(child).localname: child.text or "" for child in root if isinstance(child.tag, str)}
    return ErrorBody(_text(texts.get("code")), _text(texts.get("message")))


def read_sap_messages(header: str) -> tuple[str, ...]:
    """The texts of a sap-message response header (JSON): what the server remarks on a success."""
    try:
        main = read_object(header.encode())
    except ValueError:
        return ()
    return tuple(text for text in (_message(main.get("message")), *_details(main.get("details"))) if text)
