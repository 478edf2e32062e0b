"""SMART scopes in both syntaxes: written for a request, read from an answer (SMART 2.2, scopes)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from integrations.ehr.smart.vendors import vendor

LETTERS = "cruds"
V1 = {"read": "rs", "write": "cud", "*": "cruds"}
RESOURCE_SCOPE = re.compile(
    r"(?P<level>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<access>read|write|\*|[a-z]+)"
    r"(?:\?(?P<query>.+))?"
)
# What the point of care needs, no more: type, letters, level.
AT_LAUNCH = (
    ("patient", "Patient", "rs"),
    ("patient", "Encounter", "rs"),
    ("patient", "Procedure", "rs"),
    ("patient", "Device", "rs"),
    ("user", "Practitioner", "rs"),
    ("user", "PractitionerRole", "rs"),
    ("user", "Location", "rs"),
)


@dataclass(frozen=True)
class ResourceScope:
    """One granted access: level, type ("*" for all), letters of cruds, and a condition."""

    level: str
    resource_type: str
    letters: frozenset[str]
    query: str = ""


@dataclass(frozen=True)
class Scopes:
    """A scope string as read."""

    resources: tuple[ResourceScope, ...]
    others: frozenset[str]

    def allows(self, resource_type: str, action: str, *, levels: Sequence[str] = ()) -> bool:
        """Whether any scope covers the action on the type, at one of the levels (default: any)."""
        return any(
            scope.resource_type in {"*", resource_type} and action in scope.letters
            for scope in self.resources
            if not levels or scope.level in levels
        )


def read_scopes(text: str) -> Scopes:
    """Reads what was granted; what is neither v1 nor v2 counts as another scope, letters out of order too."""
    resources, others = [], set()
    for word in text.split():
        scope = _resource_scope(word)
        if scope is None:
            others.add(word)
        else:
            resources.append(scope)
    return Scopes(tuple(resources), frozenset(others))


def _resource_scope(word: str) -> ResourceScope | None:
    match = RESOURCE_SCOPE.fullmatch(word)
    if match is None:
        return None
    access = match["access"]
    letters = V1.get(access, access)
    in_order = [letter for letter in LETTERS if letter in letters]
    if not in_order or "".join(in_order) != letters:
        return None
    return ResourceScope(match["level"], match["type"], frozenset(letters), match["query"] or "")


def write_scope(level: str, resource_type: str, letters: str, style: str) -> list[str]:
    """One access in the style of the registration: v2 as it is, v1 as read and/or write."""
    if style == "v2":
        return [f"{level}/{resource_type}.{letters}"]
    names = [name for name, covered in (("read", "rs"), ("write", "cud")) if set(letters) & set(covered)]
    return [f"{level}/{resource_type}.{name}" for name in names]


def launch_scope(kind: str, style: str, *, standalone: bool) -> str:
    """What is asked for at a launch (shortest form, minimum needed)."""
    one = vendor(kind)
    context = ["launch/patient", "launch/encounter"] if standalone else ["launch", *one.context_scopes]
    words = [*context, "openid", "fhirUser", one.access]
    for level, resource_type, letters in AT_LAUNCH:
        if resource_type != "PractitionerRole" or one.has_practitioner_role:
            words += write_scope(level, resource_type, letters, style)
    return " ".join(words)


def system_scope(resource_types: Sequence[str], style: str) -> str:
    """Read access of the portal itself."""
    return " ".join(word for name in resource_types for word in write_scope("system", name, "rs", style))
