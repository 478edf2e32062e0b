"""FHIR R4 JSON (4.0.1, read by the 4.3 models, which differ in nothing used here): parsed and validated."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any

from pydantic import ValidationError

from integrations.errors import Unreadable

Resource = dict[str, Any]
MAX_BYTES = 5_000_000
MOST_ENTRIES = 2_000
MOST_FAULTS = 20
DEEPEST = 40
# Required bindings (R4 event-status, device-statement-status, supplydelivery-status, chargeitem-status).
STATUSES = {
    "Procedure": "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
    "DeviceUseStatement": "active completed entered-in-error intended stopped on-hold",
    "SupplyDelivery": "in-progress completed abandoned entered-in-error",
    "ChargeItem": "planned billable not-billable aborted billed entered-in-error unknown",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong, as OperationOutcome.issue says it; `place` is a FHIRPath, never a value."""

    text: str
    place: str = ""
    code: str = "invalid"
    severity: str = "error"


class Refused(Unreadable):
    """Resources that cannot be taken; the faults name every place."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults[0].text, position=faults[0].place)
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Bundle:
    """The resources of a document by their full address; `id` names the document, if it has a name."""

    id: str
    resources: tuple[tuple[str, Resource], ...] = field(repr=False)


@lru_cache(maxsize=64)
def _model(kind: str) -> Any:
    """The model class of a resource type; the library takes two seconds to load, so only when needed."""
    return import_module("fhir.resources.R4B").get_fhir_model_class(kind)


def open_bundle(raw: bytes) -> Bundle:
    """The resources of a Bundle, or of one resource alone, all valid; raises Refused."""
    content = _parsed(raw)
    kind = content.get("resourceType")
    if kind != "Bundle":
        _refuse_faults(validate(content, str(kind)))
        return Bundle("", ((f"{kind}/{content.get('id', '')}", content),))
    entries = content.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise Refused([Fault(f"A Bundle may have at most {MOST_ENTRIES:,} entries", "Bundle.entry")])
    _refuse_faults(validate({**content, "entry": []}, "Bundle"))
    found = [_entry(number, entry) for number, entry in enumerate(entries)]
    _refuse_faults(
        [
            fault
            for number, (_, resource) in enumerate(found)
            if resource
            for fault in validate(resource, f"Bundle.entry[{number}].resource")
        ]
    )
    return Bundle(_name(content), tuple(one for one in found if one[1]))


def _entry(number: int, entry: Any) -> tuple[str, Resource]:
    place = f"Bundle.entry[{number}]"
    if not isinstance(entry, dict):
        raise Refused([Fault("An entry must be an object", place)])
    resource = entry.get("resource", {})
    if not isinstance(resource, dict):
        raise Refused([Fault("A resource must be an object", f"{place}.resource")])
    address = entry.get("fullUrl") or f"{resource.get('resourceType')}/{resource.get('id', '')}"
    return str(address), resource


def _name(bundle: Resource) -> str:
    """Bundle.identifier, which names it for ever, else its id."""
    identifier = bundle.get("identifier") or {}
    value = identifier.get("value")
    return f"{identifier.get('system', '')}|{value}" if value else str(bundle.get("id", ""))


def _parsed(raw: bytes) -> Resource:
    if len(raw) > MAX_BYTES:
        raise Refused([Fault(f"The document is longer than {MAX_BYTES:,} bytes", code="too-long")])
    try:
        content = json.loads(raw.decode("utf-8-sig"), parse_float=str)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise Refused([Fault("This is not well-formed JSON", f"line {line}", "structure")]) from error
    if not isinstance(content, dict) or not isinstance(content.get("resourceType"), str):
        raise Refused([Fault("This is no FHIR resource: resourceType is missing", code="structure")])
    if _depth(content) > DEEPEST:
        raise Refused([Fault("The document is nested too deeply", code="structure")])
    return content


def _depth(content: Any) -> int:
    level, depth = [content], 0
    while level and depth <= DEEPEST:
        depth += 1
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
    return depth


def validate(resource: Resource, place: str) -> list[Fault]:
    """What the models find wrong in a resource, by place; the values themselves are never repeated."""
    kind = resource.get("resourceType")
    try:
        model = _model(str(kind))
    except (KeyError, LookupError, ValueError):
        return [Fault("This resource type is not one of FHIR R4", place, "not-supported")]
    try:
        model.model_validate(resource)
    except ValidationError as error:
        return [_fault(one, f"{place}.{kind}" if place != kind else place) for one in error.errors()]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return [Fault("This resource cannot be read", place)]
    return _status_faults(resource, place if place == kind else f"{place}.{kind}")


def _status_faults(resource: Resource, place: str) -> list[Fault]:
    """The models take any word for a status; these decide whether something was used."""
    allowed = STATUSES.get(resource["resourceType"])
    if allowed is None or resource.get("status") is None or resource["status"] in allowed.split():
        return []
    return [Fault("This is not a status that this resource can have", f"{place}.status", "code-invalid")]


def _fault(error: Any, place: str) -> Fault:
    """The library's words may quote a value; its kinds do not."""
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"] if _is_name(part)
    )
    words = {
        "missing": "A required element is missing",
        "extra_forbidden": "This element does not belong here",
        "model_fields_set": "A required element is missing",
        "fhir_required_missing": "A required element is missing",
    }
    return Fault(words.get(error["type"], "This element has a value it cannot have"), place + path)


def _is_name(part: object) -> bool:
    return isinstance(part, int) or (isinstance(part, str) and part.replace("_", "").isalnum())


def _refuse_faults(faults: list[Fault]) -> None:
    if faults:
        raise Refused(faults[:MOST_FAULTS])


def outcome(faults: list[Fault] | tuple[Fault, ...]) -> bytes:
    """An OperationOutcome (R4 2.28.8)."""
    issues = [
        {"severity": one.severity, "code": one.code, "diagnostics": one.text}
        | ({"expression": [one.place]} if one.place else {})
        for one in faults
    ]
    return json.dumps({"resourceType": "OperationOutcome", "issue": issues}).encode()


def information(text: str) -> bytes:
    """An OperationOutcome that says that all is well."""
    return outcome([Fault(text, code="informational", severity="information")])
