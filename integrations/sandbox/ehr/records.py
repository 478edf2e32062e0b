"""A small FHIR R4 store: test patients, encounters, places, people, and what was posted since."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from typing import Any

Resource = dict[str, Any]
NPI = "http://hl7.org/fhir/sid/us-npi"
MRN = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
# Compartments: which element names the patient of a resource.
PATIENT_ELEMENTS = {
    "Patient": "id",
    "Encounter": "subject",
    "Procedure": "subject",
    "Device": "patient",
    "DeviceUseStatement": "subject",
    "ChargeItem": "subject",
    "SupplyDelivery": "patient",
}
SEARCHED = {"patient": PATIENT_ELEMENTS, "practitioner": {"PractitionerRole": "practitioner"}}


class Records:
    """Resources by type and id; safe for threads."""

    def __init__(self, resources: list[Resource]) -> None:
        self._lock = Lock()
        self._numbers = count(1)
        self._all: dict[tuple[str, str], Resource] = {}
        for resource in resources:
            self.add(resource)

    def add(self, resource: Resource) -> Resource:
        """Stores a resource under its id, or a new one; a later one of the same id replaces it."""
        with self._lock:
            number = str(resource.get("id") or f"new-{next(self._numbers)}")
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            stored = {**resource, "id": number, "meta": {**resource.get("meta", {}), "lastUpdated": moment}}
            self._all[resource["resourceType"], number] = stored
            return stored

    def one(self, kind: str, number: str) -> Resource | None:
        """A resource, or None."""
        return self._all.get((kind, number))

    def search(self, kind: str, parameters: Mapping[str, str]) -> Iterator[Resource]:
        """Matches of `_id`, `patient`, `practitioner` and `_lastUpdated` (ge, gt), oldest change first."""
        with self._lock:
            found = [resource for (name, _), resource in self._all.items() if name == kind]
        for resource in sorted(found, key=lambda one: str(one["meta"]["lastUpdated"])):
            if _matches(resource, parameters):
                yield resource

    def of(self, kind: str) -> list[Resource]:
        """All resources of a type."""
        return list(self.search(kind, {}))


def patient_of(resource: Resource) -> str:
    """The id of the patient in whose compartment a resource is; empty for none."""
    element = PATIENT_ELEMENTS.get(resource["resourceType"], "")
    if element == "id":
        return str(resource["id"])
    return str(resource.get(element, {}).get("reference", "")).rpartition("/")[2]


def _matches(resource: Resource, parameters: Mapping[str, str]) -> bool:
    if parameters.get("_id", resource["id"]) != resource["id"]:
        return False
    since = parameters.get("_lastUpdated", "")
    changed = str(resource["meta"]["lastUpdated"])
    if since and not (changed >= since[2:] if since.startswith("ge") else changed > since.removeprefix("gt")):
        return False
    for name, elements in SEARCHED.items():
        if name in parameters:
            element = elements.get(resource["resourceType"], "")
            value = resource["id"] if element == "id" else resource.get(element, {}).get("reference", "")
            if str(value).rpartition("/")[2] != parameters[name].rpartition("/")[2]:
                return False
    return True


def sample_records(places: Mapping[str, str] | None = None) -> list[Resource]:
    """Three patients with an encounter each, two places, two people; `places` are code to name."""
    named = list((places or {"OR1": "Operating room 1", "ED": "Emergency department"}).items())
    return [
        {"resourceType": "Organization", "id": "hospital", "name": "Main hospital",
         "identifier": [{"system": "urn:sandbox:facility", "value": "MAIN"}]},
        *(_location(code, name) for code, name in named),
        _practitioner("surgeon", "Test surgeon", "1999999984"),
        _practitioner("nurse", "Test nurse", "1999999992"),
        {"resourceType": "PractitionerRole", "id": "surgeon-main", "active": True,
         "practitioner": {"reference": "Practitioner/surgeon"},
         "organization": {"reference": "Organization/hospital"},
         "location": [{"reference": f"Location/{named[0][0]}"}]},
        _patient("a", "A", "1950-03-01", "female"),
        _patient("b", "B", "1971-11-24", "male"),
        _patient("c", "C (restricted record)", "1988-07-15", "other"),
        *(_encounter(letter, named[position % len(named)][0]) for position, letter in enumerate("abc")),
        {"resourceType": "Procedure", "id": "procedure-a", "status": "in-progress",
         "subject": {"reference": "Patient/patient-a"}, "encounter": {"reference": "Encounter/encounter-a"},
         "code": {"text": "Total knee replacement",
                  "coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "27447"}]}},
    ]  # fmt: skip


def _location(code: str, name: str) -> Resource:
    return {"resourceType": "Location", "id": code, "status": "active", "name": name,
            "identifier": [{"system": "urn:sandbox:location", "value": code}],
            "managingOrganization": {"reference": "Organization/hospital"}}  # fmt: skip


def _practitioner(number: str, name: str, npi: str) -> Resource:
    return {"resourceType": "Practitioner", "id": number, "active": True,
            "identifier": [{"system": NPI, "value": npi}],
            "name": [{"use": "official", "text": name}]}  # fmt: skip


def _patient(letter: str, name: str, birth_date: str, sex: str) -> Resource:
    return {"resourceType": "Patient", "id": f"patient-{letter}", "birthDate": birth_date, "gender": sex,
            "name": [{"use": "official", "family": name, "given": ["Test patient"]}],
            "identifier": [
                {"system": "urn:sandbox:ssn", "value": f"000-00-000{letter}"},
                {"type": MRN, "system": "urn:sandbox:mrn", "value": f"MRN-{letter.upper()}-1001"},
            ]}  # fmt: skip


def _encounter(letter: str, place: str) -> Resource:
    return {"resourceType": "Encounter", "id": f"encounter-{letter}", "status": "in-progress",
            "class": {"code": "IMP"}, "subject": {"reference": f"Patient/patient-{letter}"},
            "identifier": [{"system": "urn:sandbox:visit", "value": f"VISIT-{letter.upper()}-1"}],
            "location": [{"location": {"reference": f"Location/{place}"}, "status": "active"}],
            "serviceProvider": {"reference": "Organization/hospital"}}  # fmt: skip
