"""Reads any partner document: detects its format and gives the canonical document."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from integrations.canonical import InboundDocument, PurchaseOrder
from integrations.clinical import ClinicalMessage
from integrations.errors import Unreadable
from integrations.formats import hl7v2
from integrations.formats.cxml.envelope import body, open_envelope
from integrations.formats.cxml.orders import read_order
from integrations.formats.cxml.parsing import MARKS, MAX_BYTES, parse, version_of
from integrations.formats.cxml.reading import Reader, where
from integrations.formats.fhir.reading import FOLLOWED, read_bundle
from integrations.formats.fhir.validation import open_bundle
from integrations.network.inbound import READERS

READABLE = ("OrderRequest", *READERS)
# Resources that tell of uses; the name of their kind stands near the beginning.
FHIR = re.compile(rb'"resourceType"\s*:\s*"(?:Bundle|' + "|".join(FOLLOWED).encode() + rb')"')
FHIR_WITHIN = 2_000
# The name of an XML root says what it is; OAGIS names are verb plus noun.
IDOC = re.compile(r"[A-Z]{4,8}\d\d")
OAGIS = re.compile(r"(Sync|Process|Acknowledge|Show|Get|Notify|Confirm|Update|Change|Cancel)[A-Z]\w+")


@dataclass(frozen=True)
class Translation:
    """A canonical document, the format it came in ("cxml 1.2.050 ConfirmationRequest"), what was odd."""

    format: str
    document: InboundDocument | PurchaseOrder | ClinicalMessage
    warnings: tuple[str, ...] = ()


def translate(raw: bytes) -> Translation:
    """Reads a partner's document.

    Raises Unreadable with a position; a format that is recognized but not read yet is named in the error.
    """
    if len(raw) > MAX_BYTES:
        raise Unreadable(
            f"The document is {len(raw):,} bytes long; {MAX_BYTES:,} are allowed", position="line 1"
        )
    start = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise Unreadable("The document is empty", position="line 1")
    if start.startswith(b"<") or any(raw.startswith(mark) for mark, name in MARKS if name != "utf-8"):
        return _from_xml(raw)
    if start.startswith((b"MSH", b"FHS", b"BHS")):
        return _from_hl7(raw)
    if start.startswith(b"{") and FHIR.search(start[:FHIR_WITHIN]):
        return _from_fhir(raw)
    name = _other_format(start)
    if name is None:
        raise Unreadable(f"The format is not recognized. {_readable()}", position="line 1")
    raise Unreadable(f"This is {name}, which cannot be read yet. {_readable()}", position="line 1")


def _from_xml(raw: bytes) -> Translation:
    root, address = parse(raw)
    if root.tag != "cXML":
        raise Unreadable(
            f"This is {_xml_name(str(root.tag))}, which cannot be read yet. {_readable()}",
            position=where(root),
        )
    request = body(root)
    kind = str(request.tag)
    if kind not in READABLE:
        raise Unreadable(
            f"This is a cXML {kind}, which cannot be read yet. {_readable()}", position=where(request)
        )
    version = version_of(address) or root.get("version", "")
    reader = Reader()
    document: InboundDocument | PurchaseOrder
    if kind == "OrderRequest":
        document = read_order(request, open_envelope(raw).to[1], reader)
    else:
        document = READERS[kind](request, root, reader)
    return Translation(" ".join(filter(None, ("cxml", version, kind))), document, tuple(reader.warnings))


def _from_hl7(raw: bytes) -> Translation:
    messages = hl7v2.split(raw)
    if len(messages) > 1:
        raise Unreadable(
            f"The file holds {len(messages)} HL7 v2 messages; translate them one by one", position="MSH(2)"
        )
    reading = hl7v2.read(messages[0], hl7v2.Interface(source="file", orders="request"))
    name = " ".join(filter(None, ("hl7v2", reading.version, reading.kind)))
    document = ClinicalMessage(type=reading.kind, message_id=reading.control_id, documents=reading.documents)
    return Translation(name, document, reading.warnings)


def _from_fhir(raw: bytes) -> Translation:
    bundle = open_bundle(raw)
    found = read_bundle(bundle, source="file", received_at=datetime.now(UTC))
    kind = "Bundle" if len(bundle.resources) != 1 else str(bundle.resources[0][1]["resourceType"])
    document = ClinicalMessage(type=kind, message_id=bundle.id, documents=tuple(found.uses))
    return Translation(f"fhir R4 {kind}", document, tuple(found.warnings))


def _readable() -> str:
    return f"Readable are cXML {', '.join(READABLE)}, HL7 v2 messages and FHIR R4 {', '.join(FOLLOWED)}."


def _xml_name(tag: str) -> str:
    space, _, name = tag.rpartition("}")
    if name == "Envelope" and "soap" in space.lower():
        return "a SOAP envelope"
    if name == "Edmx":
        return "OData metadata"
    if OAGIS.fullmatch(name):
        return f"an OAGIS document ({name})"
    if IDOC.fullmatch(name):
        return f"an SAP IDoc ({name})"
    if space == "{http://hl7.org/fhir":
        return f"a FHIR {name} in XML"
    return f"XML with the root {name[:80]}"


def _other_format(start: bytes) -> str | None:
    """The name of a format that is not XML, None when it is unknown."""
    if start.startswith(b"ISA"):
        return _x12_name(start.decode("latin-1"))
    if start.startswith((b"UNA", b"UNB")):
        return "a UN/EDIFACT interchange"
    if start.startswith((b"{", b"[")):
        return _json_name(start)
    return None


def _x12_name(text: str) -> str:
    """ISA has 106 characters, the element separator at place 3 (X12.5); ST01 names a transaction set."""
    if len(text) < 106:
        return "a truncated X12 interchange"
    sets = re.findall(r"(?<![A-Za-z0-9])ST" + re.escape(text[3]) + r"(\d{3})(?!\d)", text)
    names = list(dict.fromkeys(sets))
    return f"an X12 interchange ({', '.join(names)})" if names else "an X12 interchange"


def _json_name(start: bytes) -> str:
    try:
        content, _ = json.JSONDecoder().raw_decode(start.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise Unreadable("This looks like JSON but is not well-formed", position=f"line {line}") from error
    first = content[0] if isinstance(content, list) and content else content
    if not isinstance(first, dict):
        return "JSON"
    if isinstance(first.get("resourceType"), str):
        return f"a FHIR {first['resourceType'][:80]} in JSON"
    if _is_sap_order(first):
        return "an SAP OData purchase order in JSON"
    return "JSON of an unknown kind"


def _is_sap_order(content: dict[str, object]) -> bool:
    inner = content.get("d", content)
    rows = inner.get("results", inner) if isinstance(inner, dict) else inner
    first = rows[0] if isinstance(rows, list) and rows else rows
    return isinstance(first, dict) and "PurchaseOrder" in first
