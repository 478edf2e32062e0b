"""Finds what the path and parameters of an OData request mean."""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote

from integrations.formats.odata import json_date, read_literal
from integrations.sandbox.erp import services
from integrations.sandbox.erp.model import EntitySet, Function, Service
from integrations.sandbox.erp.refusal import NOT_FOUND, refuse
from integrations.sandbox.erp.values import Row, accepted

SEGMENT = re.compile(r"(?P<name>\w+)(?:\((?P<keys>.*)\))?", re.ASCII | re.DOTALL)
KEY = re.compile(r"(?:(?P<name>\w+)=)?(?P<value>(?:datetime)?'(?:[^']|'')*')\s*(?:,|$)", re.ASCII)


def split_path(raw: str) -> tuple[str, ...]:
    """The decoded segments of an encoded path: a slash inside a key stays inside."""
    return tuple(unquote(part) for part in raw.split("/") if part)


def find_service(name: str) -> Service:
    """The service of this name; raises Refusal 404."""
    service = services.SERVICES.get(name)
    if service is None:
        text = f"No service found for namespace '', name '{name[:60]}', version '0001'"
        raise refuse("/IWFND/MED/170", text, NOT_FOUND)
    return service


def find_set(service: Service, segment: str) -> tuple[EntitySet, list[str] | None]:
    """A set, and the key values in the key's order where one entity is meant; raises Refusal."""
    match = SEGMENT.fullmatch(segment)
    entity_set = service.sets.get(match["name"]) if match else None
    if match is None or entity_set is None:
        raise refuse("/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{segment[:60]}'", NOT_FOUND)
    if match["keys"] is None:
        return entity_set, None
    given = {one["name"] or entity_set.keys[0]: one["value"] for one in KEY.finditer(match["keys"])}
    if set(given) != set(entity_set.keys):
        text = f"The key of {entity_set.type_name} is {', '.join(entity_set.keys)}"
        raise refuse("/IWBEP/CM_MGW_RT/020", text)
    return entity_set, [str(_kept(given[name])) for name in entity_set.keys]


def parameters(function: Function, options: Mapping[str, str]) -> Row:
    """The checked parameters of a function call; raises Refusal."""
    return {
        one.name: accepted(one, _kept(options[one.name]) if one.name in options else None)
        for one in function.parameters
    }


def paths_below(service: Service, entity_set: EntitySet, prefix: str = "") -> list[str]:
    """Every navigation below a set, as $expand names them."""
    paths = []
    for link in entity_set.navigations.values():
        paths.append(f"{prefix}{link.name}")
        paths += paths_below(service, service.sets[link.target], f"{prefix}{link.name}/")
    return paths


def _kept(text: str) -> object:
    """A literal's value as rows keep it; raises Refusal."""
    try:
        value = read_literal(text)
    except ValueError as error:
        raise refuse("/IWBEP/CM_MGW_RT/020", str(error)) from error
    return json_date(value.date()) if isinstance(value, datetime) else value
