"""Reads OData v2 metadata and holds payloads against it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lxml import etree

from integrations.formats.odata import read_json_date
from tests.samples import SAMPLES


@dataclass(frozen=True)
class Property:
    """Type and facets of one property; absent facets are None."""

    type: str
    max_length: int | None
    precision: int | None
    scale: int | None


@dataclass(frozen=True)
class Metadata:
    """Properties, keys and navigation targets by entity type; entity types by set."""

    properties: Mapping[str, Mapping[str, Property]]
    keys: Mapping[str, tuple[str, ...]]
    navigations: Mapping[str, Mapping[str, tuple[str, str]]]
    sets: Mapping[str, str]

    def complaints(self, payload: Mapping[str, object], entity_type: str) -> list[str]:
        """What is wrong with a payload of this type, everything below it included."""
        found: list[str] = []
        for name, value in payload.items():
            if name in self.navigations[entity_type]:
                target = self.navigations[entity_type][name][0]
                assert isinstance(value, list)
                for child in value:
                    found += self.complaints(child, target)
            elif name not in self.properties[entity_type]:
                found.append(f"{entity_type} has no {name}")
            else:
                found += _value_complaints(f"{entity_type}.{name}", value, self.properties[entity_type][name])
        return found


def _value_complaints(place: str, value: object, wanted: Property) -> list[str]:
    if not isinstance(value, str):
        return [] if wanted.type == "Edm.Boolean" and isinstance(value, bool) else [f"{place}: {value!r}"]
    if wanted.type == "Edm.String":
        too_long = wanted.max_length is not None and len(value) > wanted.max_length
        return [f"{place}: {value!r} exceeds {wanted.max_length}"] if too_long else []
    if wanted.type == "Edm.DateTime":
        midnight = read_json_date(value).time().isoformat() == "00:00:00"
        return [] if midnight else [f"{place}: {value} is not a day"]
    if wanted.type == "Edm.Decimal":
        return _decimal_complaints(place, Decimal(value), wanted)
    return [f"{place}: unexpected {wanted.type}"]


def _decimal_complaints(place: str, number: Decimal, wanted: Property) -> list[str]:
    assert wanted.precision is not None
    assert wanted.scale is not None
    fits = number == round(number, wanted.scale) and abs(number) < 10 ** (wanted.precision - wanted.scale)
    return [] if fits else [f"{place}: {number} exceeds ({wanted.precision},{wanted.scale})"]


def read(document: bytes) -> Metadata:
    """The metadata of one service."""
    root = etree.fromstring(document)
    types = _all(root, "EntityType")
    roles = {
        (association.get("Name", ""), end.get("Role", "")): (
            _short(end.get("Type")),
            end.get("Multiplicity", ""),
        )
        for association in _all(root, "Association")
        for end in _all(association, "End")
    }
    return Metadata(
        properties={one.get("Name", ""): _properties(one) for one in types},
        keys={
            one.get("Name", ""): tuple(ref.get("Name", "") for ref in _all(one, "PropertyRef"))
            for one in types
        },
        navigations={
            one.get("Name", ""): {
                link.get("Name", ""): roles[_short(link.get("Relationship")), link.get("ToRole", "")]
                for link in _all(one, "NavigationProperty")
            }
            for one in types
        },
        sets={one.get("Name", ""): _short(one.get("EntityType")) for one in _all(root, "EntitySet")},
    )


def sample(service: str) -> Metadata:
    """The real metadata of a service, from the folder beside the repository."""
    return read(sample_path(service).read_bytes())


def sample_path(service: str) -> Path:
    """Where the real metadata of a service is kept."""
    return SAMPLES / "sap" / f"{service}.edmx"


def _properties(entity_type: etree._Element) -> dict[str, Property]:
    return {
        one.get("Name", ""): Property(
            one.get("Type", ""), _number(one, "MaxLength"), _number(one, "Precision"), _number(one, "Scale")
        )
        for one in _all(entity_type, "Property")
    }


def _number(element: etree._Element, name: str) -> int | None:
    value = element.get(name)
    return int(value) if value is not None else None


def _all(element: etree._Element, name: str) -> list[etree._Element]:
    return [one for one in element.iter() if isinstance(one.tag, str) and etree.QName(one).localname == name]


def _short(name: str | None) -> str:
    return (name or "").rsplit(".", 1)[-1]
