"""FHIR R4 resources that say what was used (Procedure, Device, DeviceUseStatement, SupplyDelivery,
ChargeItem) as canonical uses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from integrations.clinical import Usage, UsageStatus
from integrations.formats.fhir.validation import Bundle, Resource

FOLLOWED = ("Procedure", "DeviceUseStatement", "SupplyDelivery", "ChargeItem")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?")
# UCUM and plain words for one piece; the others are the units of the item master.
EACH = frozenset({"", "1", "{EACH}", "EACH", "{COUNT}", "{PIECE}", "PIECE", "PIECES", "EA", "UNIT"})
LARGEST = Decimal(999_999)
# http://hl7.org/fhir/device-action; without an action a focal device was put in.
ACTIONS = {"implanted": UsageStatus.IMPLANTED, "explanted": UsageStatus.EXPLANTED}
HAPPENED = {
    "Procedure": frozenset({"completed", "in-progress", "stopped", "unknown"}),
    "DeviceUseStatement": frozenset({"active", "completed"}),
    "SupplyDelivery": frozenset({"completed"}),
    "ChargeItem": frozenset({"billable", "billed"}),
}
WITHDRAWN = "entered-in-error"


@dataclass
class Reading:
    """Uses found so far, and what was left out and why."""

    uses: list[Usage] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    seen_devices: set[str] = field(default_factory=set)


def read_bundle(bundle: Bundle, *, source: str, received_at: datetime) -> Reading:
    """The uses in a bundle. `source` names the system for good; what is no use is said in the warnings."""
    index = _Index(bundle)
    reading = Reading()
    ordered = sorted(bundle.resources, key=lambda one: _rank(one[1]))
    for address, resource in ordered:
        kind = resource["resourceType"]
        if kind not in FOLLOWED:
            continue
        name = f"{kind}/{resource['id']}" if resource.get("id") else address
        base = _Base(resource, name, index, source, bundle.id or name, received_at)
        status = str(resource.get("status", "unknown" if kind == "Procedure" else ""))
        if status not in HAPPENED[kind] and status != WITHDRAWN:
            reading.warnings.append(f"A {kind} in status {status or 'none'} tells of no use; left out.")
            continue
        for use in _READERS[kind](base, reading):
            reading.uses.append(_withdrawal(use) if status == WITHDRAWN else use)
    lone = [one for one in bundle.resources if one[1]["resourceType"] == "Device"]
    if lone and not reading.uses:
        reading.warnings.append("A Device alone tells of no use; send the Procedure or DeviceUseStatement.")
    return reading


def _rank(resource: Resource) -> int:
    kind = resource["resourceType"]
    return FOLLOWED.index(kind) if kind in FOLLOWED else len(FOLLOWED)


def _withdrawal(use: Usage) -> Usage:
    """What was entered in error takes back the use of the same line."""
    return use.model_copy(
        update={
            "line_id": f"{use.line_id}#withdrawn",
            "reverses": use.line_id,
            "status": UsageStatus.RETURNED,
        }
    )


class _Index:
    """Resources by every way a reference can name them."""

    def __init__(self, bundle: Bundle) -> None:
        self._known: dict[str, Resource] = {}
        for address, resource in bundle.resources:
            self._known[address] = resource
            self._known.setdefault("/".join(address.split("/")[-2:]), resource)
            if resource.get("id"):
                self._known[f"{resource['resourceType']}/{resource['id']}"] = resource

    def find(self, reference: Any, holder: Resource) -> Resource | None:
        """What a reference means, also inside its holder (#id); versions are ignored."""
        text = str((reference or {}).get("reference", "")).split("/_history/")[0]
        if text.startswith("#"):
            inner = holder.get("contained", [])
            return next((one for one in inner if one.get("id") == text[1:]), None)
        return self._known.get(text) or self._known.get("/".join(text.split("/")[-2:]))


@dataclass(frozen=True)
class _Base:
    """A resource with all that is needed to make a use of it."""

    resource: Resource
    name: str
    index: _Index
    source: str
    message_id: str
    received_at: datetime

    def use(self, line_id: str, **values: Any) -> Usage:
        """A use with what every resource says alike."""
        patient = self.resource.get("subject") or self.resource.get("patient")
        patient_id, assigner = _identity(patient)
        visit = self.resource.get("encounter") or self.resource.get("context")
        common: dict[str, Any] = {
            "source": self.source, "message_id": self.message_id, "line_id": line_id,
            "patient_id": patient_id, "patient_assigner": assigner, "visit": _identity(visit)[0],
            "occurred_at": self.at(), "quantity": Decimal(1), "site": self.site(),
        }  # fmt: skip
        return Usage(**(common | {name: value for name, value in values.items() if value not in (None, "")}))

    def at(self) -> datetime:
        """The end of what happened, as far as it is said; else when it was written, else received."""
        one = self.resource
        for name in ("performedPeriod", "occurrencePeriod", "timingPeriod"):
            period = one.get(name) or {}
            if found := instant(period.get("end")) or instant(period.get("start")):
                return found
        names = ("performedDateTime", "occurrenceDateTime", "timingDateTime", "recordedOn", "enteredDate")
        texts = [one.get(name) for name in names] + [(one.get("meta") or {}).get("lastUpdated")]
        return next(filter(None, map(instant, texts)), self.received_at)

    def site(self) -> str:
        """Where in the body."""
        sites = self.resource.get("bodySite") or self.resource.get("bodysite") or []
        return _words(sites[0] if isinstance(sites, list) and sites else sites)

    def find(self, reference: Any) -> Resource | None:
        """What a reference of this resource means."""
        return self.index.find(reference, self.resource)

    def procedure(self, one: Resource | None = None) -> dict[str, Any]:
        """Case, procedure, practitioner and place, from a Procedure."""
        one = one or self.resource
        performers = one.get("performer") or []
        actor = performers[0].get("actor") if performers else None
        place = self.index.find(one.get("location"), one)
        code, text = _coding(one.get("code"))
        return {
            "case_id": _business(one) or f"Procedure/{one.get('id', '')}",
            "procedure_code": code, "procedure_text": text, "practitioner_id": _identity(actor)[0],
            "location_code": _place(one.get("location"), place),
        }  # fmt: skip

    def case(self, references: list[Any]) -> dict[str, Any]:
        """The Procedure that one of the references means."""
        for reference in references:
            if str((reference or {}).get("reference", "")).rpartition("/")[0].endswith("Procedure"):
                found = self.find(reference)
                return self.procedure(found) if found else {"case_id": _short(reference)}
        return {}


def _procedure(base: _Base, reading: Reading) -> Iterator[Usage]:
    shared = base.procedure()
    for focal in base.resource.get("focalDevice") or []:
        action = _coding(focal.get("action"))[0].lower()
        if action and action not in ACTIONS:
            reading.warnings.append(f"A device that was {action} in a Procedure is no use; left out.")
            continue
        yield from _device_use(
            base, reading, focal.get("manipulated"), shared, ACTIONS.get(action, UsageStatus.IMPLANTED)
        )
    for reference in base.resource.get("usedReference") or []:
        if "Device/" in f"{reference.get('reference', '')}" or base.find(reference):
            yield from _device_use(base, reading, reference, shared, UsageStatus.USED)
    for number, code in enumerate(base.resource.get("usedCode") or [], start=1):
        item, text = _coding(code)
        yield base.use(f"{base.name}#used-{number}", item_code=item, item_text=text, **shared)


def _device_use(
    base: _Base, reading: Reading, reference: Any, shared: dict[str, Any], status: UsageStatus
) -> Iterator[Usage]:
    device = base.find(reference)
    name = _short(reference)
    if device is not None and device.get("resourceType") != "Device":
        return  # a medication or substance
    if name in reading.seen_devices:
        reading.warnings.append("A device named by two resources counts once.")
        return
    reading.seen_devices.add(name)
    described = _device(device) if device else {"item_text": str((reference or {}).get("display", ""))}
    yield base.use(f"{base.name}/{name}", status=status, **shared, **described)


def _device_use_statement(base: _Base, reading: Reading) -> Iterator[Usage]:
    links = [*(base.resource.get("reasonReference") or []), *(base.resource.get("derivedFrom") or [])]
    yield from _device_use(base, reading, base.resource.get("device"), base.case(links), UsageStatus.USED)


def _supply_delivery(base: _Base, reading: Reading) -> Iterator[Usage]:
    if not base.resource.get("patient"):
        reading.warnings.append("A SupplyDelivery without a patient tells of no use; left out.")
        return
    supplied = base.resource.get("suppliedItem") or {}
    amount = _amount(supplied.get("quantity"))
    place = base.find(base.resource.get("destination"))
    shared = base.case(base.resource.get("partOf") or []) | {
        "location_code": _place(base.resource.get("destination"), place)
    }
    described = _product(base, supplied.get("itemReference"), supplied.get("itemCodeableConcept"))
    yield base.use(base.name, **shared, **described, **amount)


def _charge_item(base: _Base, reading: Reading) -> Iterator[Usage]:
    one = base.resource
    described = _product(base, one.get("productReference"), one.get("productCodeableConcept"))
    if not any(described.values()):
        reading.warnings.append("A ChargeItem without a product tells of no supply; left out.")
        return
    performers = one.get("performer") or []
    shared = base.case(one.get("service") or [])
    shared["practitioner_id"] = _identity(performers[0].get("actor") if performers else None)[0]
    yield base.use(
        base.name,
        charge_code=_coding(one.get("code"))[0],
        **shared,
        **described,
        **_amount(one.get("quantity")),
    )


_READERS = {
    "Procedure": _procedure,
    "DeviceUseStatement": _device_use_statement,
    "SupplyDelivery": _supply_delivery,
    "ChargeItem": _charge_item,
}


def _product(base: _Base, reference: Any, concept: Any) -> dict[str, Any]:
    device = base.find(reference) if reference else None
    if device is not None and device.get("resourceType") == "Device":
        return _device(device)
    code, text = _coding(concept)
    return {"item_code": code, "item_text": text or str((reference or {}).get("display", ""))}


def _device(device: Resource) -> dict[str, Any]:
    """Device.udiCarrier and its parts; a part that is missing is left to the barcode."""
    carriers = device.get("udiCarrier") or [{}]
    names = device.get("deviceName") or [{}]
    return {
        "di": str(carriers[0].get("deviceIdentifier", "")),
        "raw_scan": str(carriers[0].get("carrierHRF", "")),
        "lot": str(device.get("lotNumber", "")),
        "serial": str(device.get("serialNumber", "")),
        "expires_on": day(device.get("expirationDate")),
        "made_on": day(device.get("manufactureDate")),
        "donation": str(device.get("distinctIdentifier", "")),
        "manufacturer": str(device.get("manufacturer", "")),
        "manufacturer_part": str(device.get("partNumber") or device.get("modelNumber") or ""),
        "item_text": str(names[0].get("name", "")) or _words(device.get("type")),
    }


def _amount(quantity: Any) -> dict[str, Any]:
    """A Quantity as quantity and unit; nothing said is one piece."""
    if not quantity or quantity.get("value") is None:
        return {}
    try:
        value = Decimal(str(quantity["value"]))
    except InvalidOperation:
        return {}
    unit = str(quantity.get("code") or quantity.get("unit") or "").upper()
    if not 0 < value <= LARGEST:
        return {}
    return {"quantity": value, "uom": "EA" if unit in EACH else unit}


def _identity(reference: Any) -> tuple[str, str]:
    """(id, assigner) of a reference: its literal id, else its business identifier and system."""
    if not reference:
        return "", ""
    literal = str(reference.get("reference", "")).split("/_history/")[0]
    if literal and not literal.startswith("#"):
        return literal.rpartition("/")[2], ""
    identifier = reference.get("identifier") or {}
    return str(identifier.get("value", "")), str(identifier.get("system", ""))


def _short(reference: Any) -> str:
    text = str((reference or {}).get("reference", "")).split("/_history/")[0]
    return "/".join(text.split("/")[-2:])


def _business(resource: Resource) -> str:
    identifiers = resource.get("identifier") or []
    return next((str(one["value"]) for one in identifiers if one.get("value")), "")


def _place(reference: Any, location: Resource | None) -> str:
    """The Location's own number, else the last part of the reference."""
    return (_business(location) if location else "") or _identity(reference)[0]


def _coding(concept: Any) -> tuple[str, str]:
    if isinstance(concept, list):
        concept = concept[0] if concept else None
    if not concept:
        return "", ""
    codings = concept.get("coding") or [{}]
    return str(codings[0].get("code", "")), str(concept.get("text") or codings[0].get("display") or "")


def _words(concept: Any) -> str:
    code, text = _coding(concept)
    return text or code


def instant(text: Any) -> datetime | None:
    """A FHIR dateTime as aware UTC; a day alone means its noon, less than a day nothing."""
    found = TIME.fullmatch(str(text or ""))
    if found is None:
        return None
    try:
        on = date(int(found[1]), int(found[2]), int(found[3]))
        if found[4] is None or found[5] is None:
            return datetime.combine(on, time(12), UTC)
        return datetime.fromisoformat(f"{on}T{found[4]}{found[5]}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(text: Any) -> date | None:
    """The day of a FHIR dateTime."""
    found = TIME.fullmatch(str(text or ""))
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None
