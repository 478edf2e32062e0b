"""Entity sets of OData v2 services, written as compact tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

COLUMN = re.compile(r"(?P<name>\w+) (?P<kind>s|d|date|instant|time|bool)(?P<size>\d+)?(?:\.(?P<scale>\d+))?")
TYPES = {
    "s": "Edm.String",
    "d": "Edm.Decimal",
    "date": "Edm.DateTime",
    "instant": "Edm.DateTimeOffset",
    "time": "Edm.Time",
    "bool": "Edm.Boolean",
}


@dataclass(frozen=True)
class Property:
    """One property; `size` is MaxLength of a string and Precision of others, None is unlimited."""

    name: str
    type: str
    size: int | None
    scale: int | None


@dataclass(frozen=True)
class Navigation:
    """A way from an entity to those of `target` whose fields equal its own, as (own, theirs)."""

    name: str
    target: str
    join: tuple[tuple[str, str], ...]
    many: bool = True


@dataclass(frozen=True)
class EntitySet:
    """A set of entities; `group` is the property by which its rows are kept together."""

    name: str
    keys: tuple[str, ...]
    properties: Mapping[str, Property]
    group: str
    navigations: Mapping[str, Navigation] = field(default_factory=dict)

    @property
    def type_name(self) -> str:
        """The entity type's name."""
        return f"{self.name}Type"


@dataclass(frozen=True)
class Service:
    """One OData service; `functions` are POST operations with their parameters."""

    name: str
    namespace: str
    sets: Mapping[str, EntitySet]
    functions: Mapping[str, "Function"] = field(default_factory=dict)


@dataclass(frozen=True)
class Function:
    """A function import that changes an entity of `returns`."""

    name: str
    returns: str
    parameters: tuple[Property, ...]


def entity_set(
    name: str, keys: str, table: str, links: tuple[Navigation, ...] = (), *, group: str = ""
) -> EntitySet:
    """A set from its table: one property a line, s10 a String(10), d13.3 a Decimal(13,3)."""
    names = tuple(keys.split())
    return EntitySet(
        name=name,
        keys=names,
        properties={one.name: one for one in columns(table)},
        group=group or names[0],
        navigations={link.name: link for link in links},
    )


def link(name: str, target: str, join: str, *, many: bool = True) -> Navigation:
    """A navigation; `join` lists fields equal on both sides, or own=theirs."""
    pairs = (part.partition("=") for part in join.split())
    return Navigation(name, target, tuple((own, theirs or own) for own, _, theirs in pairs), many)


def columns(table: str) -> tuple[Property, ...]:
    """The properties of a table; a line may hold several, separated by commas."""
    parts = [part.strip() for line in table.splitlines() for part in line.split(",") if part.strip()]
    return tuple(_column(part) for part in parts)


def _column(text: str) -> Property:
    match = COLUMN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a property")
    size, scale = match["size"], match["scale"]
    return Property(
        match["name"],
        TYPES[match["kind"]],
        int(size) if size else None,
        int(scale) if scale else None,
    )
