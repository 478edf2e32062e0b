"""Checks the JSON of a deep insert against the entity tables before anything is done with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.sandbox.erp.model import EntitySet, Navigation, Service
from integrations.sandbox.erp.refusal import Refusal, refuse
from integrations.sandbox.erp.values import Row, accepted


@dataclass(frozen=True)
class Posted:
    """A checked entity: the values that were sent, and the entities sent below it."""

    values: Row
    children: dict[str, tuple["Posted", ...]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A sent string, empty when it was not sent."""
        return str(self.values.get(name) or "")

    def below(self, name: str) -> tuple["Posted", ...]:
        """The entities sent under a navigation."""
        return self.children.get(name, ())


def read_payload(service: Service, entity_set: EntitySet, body: bytes) -> Posted:
    """The checked content of a POST; raises Refusal 400."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise refuse("/IWFND/CM_MGW_RT/022", "The request body is not valid JSON") from None
    return _entity(service, entity_set, data)


def _entity(service: Service, entity_set: EntitySet, data: object) -> Posted:
    if not isinstance(data, dict):
        raise refuse("/IWBEP/CM_MGW_RT/021", f"An object of type {entity_set.type_name} was expected")
    values: Row = {}
    children = {}
    for name, value in data.items():
        if name in entity_set.properties:
            values[name] = accepted(entity_set.properties[name], value)
        elif name in entity_set.navigations:
            children[name] = _children(service, entity_set.navigations[name], value)
        elif name != "__metadata":
            raise _unknown(entity_set, name)
    return Posted(values, children)


def _children(service: Service, link: Navigation, value: object) -> tuple[Posted, ...]:
    if isinstance(value, dict) and "__deferred" in value:
        return ()
    rows = value.get("results") if isinstance(value, dict) else value
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise refuse("/IWBEP/CM_MGW_RT/021", f"{link.name} must be a list")
    return tuple(_entity(service, service.sets[link.target], row) for row in rows)


def _unknown(entity_set: EntitySet, name: str) -> Refusal:
    text = f"Property '{name[:60]}' is invalid: it does not exist in type '{entity_set.type_name}'"
    return refuse("/IWBEP/CM_MGW_RT/021", text)
