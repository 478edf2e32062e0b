"""FHIR R4 resources as the point of care needs them; read leniently, since care goes on without them."""

import re
from typing import Any
from urllib.parse import urlsplit

from integrations.ehr.addresses import tenant_key
from integrations.ehr.contract import (
    EncounterFacts,
    PatientFacts,
    PlaceFacts,
    PractitionerFacts,
    ProcedureFacts,
    Resource,
)
from integrations.errors import Rejected

REFERENCE = re.compile(r"([A-Z][A-Za-z]{1,40})/([A-Za-z0-9.\-]{1,64})(?:/_history/[A-Za-z0-9.\-]{1,64})?")
NPI = "http://hl7.org/fhir/sid/us-npi"
LONGEST_NAME = 200


def local_reference(text: str, base_url: str) -> str:
    """ "Type/id" of a reference to this server; raises Rejected for any other (it gets no token)."""
    reference = text
    if "://" in text:
        base = tenant_key(base_url)
        parts = urlsplit(text)
        absolute = f"{parts.scheme}://{parts.netloc.lower()}{parts.path}"
        if not absolute.startswith(f"{base}/"):
            raise Rejected("this refers to another server", code="elsewhere")
        reference = absolute.removeprefix(f"{base}/")
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise Rejected("this is no reference to a resource", code="reference")
    return f"{match[1]}/{match[2]}"


def patient_facts(resource: Resource) -> PatientFacts:
    """The patient's official or first name, birth date, sex and identifiers."""
    return PatientFacts(
        id=text(resource.get("id")),
        name=human_name(resource),
        birth_date=text(resource.get("birthDate")),
        sex=text(resource.get("gender")),
        identifiers=_identifiers(resource),
    )


def encounter_facts(resource: Resource) -> EncounterFacts:
    """An encounter; of several locations the active one first."""
    places = sorted(
        objects(resource.get("location")), key=lambda one: one.get("status", "active") != "active"
    )
    number = _identifiers(resource)
    return EncounterFacts(
        id=text(resource.get("id")),
        number=number[0][1] if number else "",
        status=text(resource.get("status")),
        kind=text(one(resource.get("class")).get("code")),
        patient=reference(resource, "subject").removeprefix("Patient/"),
        started=text(one(resource.get("period")).get("start")),
        locations=tuple(found for place in places if (found := reference(place, "location"))),
        provider=reference(resource, "serviceProvider"),
    )


def procedure_facts(resource: Resource) -> ProcedureFacts:
    """What is done: the first code, and the text of the concept or of a code."""
    concept = one(resource.get("code"))
    codings = objects(concept.get("coding"))
    names = [text(concept.get("text")), *(text(coding.get("display")) for coding in codings)]
    codes = [text(coding.get("code")) for coding in codings]
    return ProcedureFacts(
        reference=f"{text(resource.get('resourceType'))}/{text(resource.get('id'))}",
        numbers=tuple(value for _, value in _identifiers(resource)),
        patient=reference(resource, "subject").rpartition("/")[2],
        code=next(filter(None, codes), ""),
        name=next(filter(None, names), "")[:LONGEST_NAME],
    )


def place_facts(resource: Resource) -> PlaceFacts:
    """A location or organization."""
    kind, number = text(resource.get("resourceType")), text(resource.get("id"))
    parents = [reference(resource, name) for name in ("partOf", "managingOrganization")]
    return PlaceFacts(
        reference=f"{kind}/{number}",
        name=text(resource.get("name"))[:LONGEST_NAME],
        identifiers=tuple(value for _, value in _identifiers(resource)),
        part_of=tuple(parent for parent in parents if parent),
    )


def practitioner_facts(resource: Resource, roles: list[Resource]) -> PractitionerFacts:
    """A practitioner with the places of the roles."""
    mails = [
        text(way.get("value")) for way in objects(resource.get("telecom")) if way.get("system") == "email"
    ]
    npi = [value for system, value in _identifiers(resource) if system == NPI]
    places = [
        found
        for role in roles
        for place in [*objects(role.get("location")), one(role.get("organization"))]
        if (found := text(place.get("reference")))
    ]
    return PractitionerFacts(
        reference=f"{text(resource.get('resourceType'))}/{text(resource.get('id'))}",
        name=human_name(resource),
        npi=npi[0] if npi else "",
        email=mails[0] if mails else "",
        places=tuple(dict.fromkeys(places)),
    )


def human_name(resource: Resource) -> str:
    """The official name if there is one, else the first: its text, or prefix, given and family name."""
    names = sorted(objects(resource.get("name")), key=lambda name: name.get("use") != "official")
    if not names:
        return ""
    parts = [*texts(names[0].get("given")), text(names[0].get("family"))]
    return (text(names[0].get("text")) or " ".join(part for part in parts if part))[:LONGEST_NAME]


def _identifiers(resource: Resource) -> tuple[tuple[str, str], ...]:
    """(assigner, value); a medical record number before others."""
    found = [
        (not _is_record_number(entry), text(entry.get("system")), text(entry.get("value")))
        for entry in objects(resource.get("identifier"))
        if text(entry.get("value"))
    ]
    return tuple((system, value) for _, system, value in sorted(found, key=lambda entry: entry[0]))


def _is_record_number(entry: Resource) -> bool:
    return any(coding.get("code") == "MR" for coding in objects(one(entry.get("type")).get("coding")))


def reference(resource: Resource, name: str) -> str:
    """The reference of an element, or nothing."""
    return text(one(resource.get(name)).get("reference"))


def text(value: Any) -> str:
    """A text, or nothing for any other value."""
    return value if isinstance(value, str) else ""


def texts(value: Any) -> list[str]:
    """The texts of a list."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def one(value: Any) -> Resource:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Resource]:
    """The objects of a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
