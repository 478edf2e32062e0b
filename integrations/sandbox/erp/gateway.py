"""Carries out OData requests: finds the service, reads, creates, changes, cancels."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from integrations.sandbox.erp import changes, orders, receipts, services
from integrations.sandbox.erp.addressing import find_service, find_set, parameters, paths_below
from integrations.sandbox.erp.master import Master
from integrations.sandbox.erp.metadata import metadata
from integrations.sandbox.erp.model import EntitySet, Function, Service
from integrations.sandbox.erp.payload import Posted, read_payload
from integrations.sandbox.erp.reading import Reader
from integrations.sandbox.erp.refusal import (
    NOT_ALLOWED,
    NOT_FOUND,
    Message,
    Refusal,
    error_body,
    refuse,
    sap_message,
)
from integrations.sandbox.erp.rows import Memory, Rows, Stored
from integrations.sandbox.erp.values import Row

DOCUMENTS = {services.ORDER.name: orders.create, services.MATERIAL_DOCUMENT.name: receipts.create}
ACCEPTED = {"RepeatabilityResult": "accepted"}


@dataclass(frozen=True)
class Call:
    """One OData request; `address` is the service's URL as the client knows it.

    `request_id` asks for SAP Gateway's idempotency: a repeat gets the first answer.
    """

    method: str
    service: str
    path: tuple[str, ...]
    options: Mapping[str, str]
    body: bytes
    address: str
    request_id: str = ""


@dataclass(frozen=True)
class Answer:
    """One OData response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True)
class Gateway:
    """The services over one state of master data and one SQLite transaction."""

    master: Master
    memory: Memory
    connection: sqlite3.Connection
    user: str
    changed: set[str] = field(default_factory=set)

    def handle(self, call: Call, *, twice: bool = False) -> Answer:
        """Answers a request; `twice` creates the document a second time, as a faulty gateway would."""
        try:
            service = find_service(call.service)
            if call.method == "GET":
                return self._get(service, call)
            if call.method == "POST":
                return self._post(service, call, twice=twice)
            if call.method in {"PATCH", "MERGE", "DELETE"}:
                return self._change(service, call)
            raise refuse("/IWFND/CM_MGW/096", f"Method {call.method} is not allowed here", NOT_ALLOWED)
        except Refusal as refusal:
            return Answer(refusal.status, error_body(refusal))

    def _get(self, service: Service, call: Call) -> Answer:
        if not call.path:
            return _json({"EntitySets": list(service.sets)})
        if call.path == ("$metadata",):
            return Answer(200, metadata(service), content_type="application/xml")
        entity_set, keys = find_set(service, call.path[0])
        reader = Reader(service, self._rows(service), call.address)
        if keys is None:
            found = reader.rows.all(entity_set)
            if call.path[1:] == ("$count",):
                page = reader.many(entity_set, found, {**call.options, "$inlinecount": "allpages"})
                return Answer(200, str(page["__count"]).encode(), content_type="text/plain")
            return _json(reader.many(entity_set, found, call.options))
        if len(call.path) == 1:
            return _json(reader.one(entity_set, keys, call.options))
        return _navigate(reader, entity_set, keys, call)

    def _post(self, service: Service, call: Call, *, twice: bool) -> Answer:
        name = "/".join(call.path)
        if name in service.functions:
            return self._cancel(service, service.functions[name], call)
        entity_set, keys = find_set(service, name)
        create = DOCUMENTS.get(entity_set.name)
        if create is None or keys is not None:
            raise refuse("/IWFND/CM_MGW/096", f"{name[:60]} cannot be created", NOT_ALLOWED)
        posted = read_payload(service, entity_set, call.body)
        rows = Stored(self.connection)
        if call.request_id and (before := rows.answer_of(call.request_id)):
            return Answer(201, before.encode(), ACCEPTED)
        header, warnings = create(rows, self.master, posted, self.user)
        if twice:
            with suppress(Refusal):
                create(rows, self.master, posted, self.user)
        answer = self._created(service, entity_set, header, warnings, call)
        if not call.request_id:
            return answer
        rows.remember(call.request_id, answer.body.decode())
        return replace(answer, headers={**answer.headers, **ACCEPTED})

    def _created(
        self, service: Service, entity_set: EntitySet, header: Row, warnings: Sequence[Message], call: Call
    ) -> Answer:
        reader = Reader(service, Stored(self.connection), call.address)
        parts = ",".join(paths_below(service, entity_set))
        shown = reader.one(entity_set, [str(header[key]) for key in entity_set.keys], {"$expand": parts})
        headers = {"Location": str(_uri(shown))}
        if warnings:
            headers["sap-message"] = sap_message(warnings)
        return _json(shown, 201, headers)

    def _cancel(self, service: Service, function: Function, call: Call) -> Answer:
        rows = Stored(self.connection)
        header = receipts.cancel(rows, Posted(parameters(function, call.options)), self.user)
        entity_set = service.sets[function.returns]
        reader = Reader(service, rows, call.address)
        return _json(reader.one(entity_set, [str(header[key]) for key in entity_set.keys], {}))

    def settle(self) -> Answer | None:
        """The refusal of what the changes so far leave behind; none when all fits together."""
        try:
            for order in sorted(self.changed):
                changes.check(Stored(self.connection), order)
        except Refusal as refusal:
            return Answer(refusal.status, error_body(refusal))
        return None

    def _change(self, service: Service, call: Call) -> Answer:
        entity_set, keys = find_set(service, "/".join(call.path))
        if keys is None or services.ORDER.name not in service.sets:
            raise refuse("/IWFND/CM_MGW/096", f"{entity_set.name} cannot be changed", NOT_ALLOWED)
        rows = Stored(self.connection)
        if call.method == "DELETE":
            changes.remove(rows, entity_set, keys)
        else:
            changes.change(rows, entity_set, keys, read_payload(service, entity_set, call.body))
        self.changed.add(keys[0])
        return Answer(204)

    def _rows(self, service: Service) -> Rows:
        kept = any(name in DOCUMENTS for name in service.sets)
        return Stored(self.connection) if kept else self.memory


def _navigate(reader: Reader, entity_set: EntitySet, keys: Sequence[str], call: Call) -> Answer:
    name = call.path[1]
    link = entity_set.navigations.get(name)
    if link is None or len(call.path) > 2:
        raise refuse("/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{name[:60]}'", NOT_FOUND)
    found = reader.follow(reader.find(entity_set, keys), link)
    target = reader.service.sets[link.target]
    if link.many:
        return _json(reader.many(target, found, call.options))
    if not found:
        raise refuse("/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{name}'", NOT_FOUND)
    return _json(reader.one(target, [str(found[0][key]) for key in target.keys], call.options))


def _uri(shown: Mapping[str, object]) -> object:
    about = shown["__metadata"]
    return about["uri"] if isinstance(about, dict) else ""


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps({"d": content}).encode(), headers or {})
