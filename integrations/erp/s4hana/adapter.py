"""SAP S/4HANA behind the ERP contract: posts and changes orders, posts receipts, reads master data."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx

from integrations.canonical import MasterRecord, PurchaseOrder, Receipt
from integrations.erp.contract import MasterKind, Posted
from integrations.erp.s4hana import changing, mapping, returning
from integrations.erp.s4hana.reading import Reader, feed
from integrations.erp.s4hana.session import CSRF, Session
from integrations.erp.s4hana.settings import Settings
from integrations.errors import Ambiguous, PartnerError
from integrations.formats.odata import (
    JsonObject,
    expanded,
    read_entity,
    read_sap_messages,
    string_literal,
)
from integrations.health import Health
from integrations.http import Connection, Door, WireExchange
from integrations.returns import ReceiptReversal, SupplierReturn

ORDERS, ORDER_SET = "API_PURCHASEORDER_PROCESS_SRV", "A_PurchaseOrder"
RECEIPTS, RECEIPT_SET = "API_MATERIAL_DOCUMENT_SRV", "A_MaterialDocumentHeader"
ITEMS = "to_MaterialDocumentItem"
RECEIPT_ITEM_SET, RECEIPT_KEY = "A_MaterialDocumentItem", ("MaterialDocument", "MaterialDocumentYear")


@dataclass(frozen=True)
class _Document:
    """One document to post: where, what, and how to look for it."""

    number: str
    service: str
    entity_set: str
    payload: JsonObject
    find: Callable[[], Sequence[Posted]]
    key: tuple[str, ...]


class S4Hana:
    """One S/4HANA client over OData v2; see README.md for settings and limits."""

    def __init__(self, connection: Connection) -> None:
        self._settings = Settings.of(connection.settings)
        self._door = Door(connection)
        self._session = Session(self._door, self._settings)
        self._reader = Reader(self._session, self._settings)

    @property
    def wire(self) -> Sequence[WireExchange]:
        """Every HTTP exchange of this adapter so far; pages of master data without their bodies."""
        return self._door.wire

    def check(self) -> Health:
        """Logs in at the purchase order service; never raises."""
        started = time.monotonic()
        before = len(self._door.wire)
        login_ok, detail = False, "SAP S/4HANA answers but gives no CSRF token; check the address"
        try:
            if CSRF in self._session.open(ORDERS).headers:
                login_ok, detail = True, "SAP S/4HANA answers and accepts the login"
        except PartnerError as error:
            detail = str(error)
        return Health(
            reachable=any(exchange.status for exchange in self._door.wire[before:]),
            login_ok=login_ok,
            detail=detail,
            milliseconds=round((time.monotonic() - started) * 1000),
        )

    def post_purchase_order(self, order: PurchaseOrder, *, ask_first: bool) -> Posted:
        """Creates the purchase order and returns the ERP's number."""
        document = _Document(
            order.number,
            ORDERS,
            ORDER_SET,
            mapping.purchase_order(order, self._settings),
            lambda: self._orders(order),
            ("PurchaseOrder",),
        )
        return self._post(document, ask_first=ask_first)

    def change_purchase_order(self, order: PurchaseOrder) -> Posted:
        """Brings the ERP's order to what is wanted now, all or nothing."""
        options = {
            "$filter": f"PurchaseOrder eq {string_literal(order.erp_number)}",
            "$expand": changing.EXPANDED,
        }
        rows = feed(self._session, f"{ORDERS}/{changing.ITEM_SET}", options).entities
        changes = changing.changes(order, rows, self._settings)
        if changes:
            self._session.change(ORDERS, changes)
        return Posted(order.erp_number, found=not changes)

    def post_receipt(self, receipt: Receipt, *, ask_first: bool) -> Posted:
        """Posts the goods receipt and returns the ERP's document number ("number/year")."""
        mapped = mapping.receipt(receipt, self._settings)
        document = _Document(
            receipt.number,
            RECEIPTS,
            RECEIPT_SET,
            mapped.payload,
            lambda: self._receipts(receipt, lambda items: mapping.is_receipt(receipt, items)),
            RECEIPT_KEY,
        )
        posted = self._post(document, ask_first=ask_first)
        return replace(posted, warnings=mapped.warnings + posted.warnings)

    def post_return(self, sent_back: SupplierReturn, *, ask_first: bool) -> Posted:
        """Posts a return delivery (movement 122) and returns the ERP's document number."""
        mapped = returning.supplier_return(sent_back, self._settings)
        like = returning.as_receipt(sent_back)
        document = _Document(
            sent_back.number,
            RECEIPTS,
            RECEIPT_SET,
            mapped.payload,
            lambda: self._receipts(like, lambda items: returning.is_return(sent_back, items)),
            RECEIPT_KEY,
        )
        posted = self._post(document, ask_first=ask_first)
        return replace(posted, warnings=mapped.warnings + posted.warnings)

    def reverse_receipt(self, reversal: ReceiptReversal, *, ask_first: bool) -> Posted:
        """Cancels the goods receipt (movement 102) and returns the number of the cancelling document."""
        if ask_first and (found := self._reversals(reversal)):
            return _first(reversal.number, found)
        response = self._session.call(RECEIPTS, "Cancel", returning.cancel_parameters(reversal))
        warnings = read_sap_messages(response.headers.get("sap-message", ""))
        return Posted(_created(response, RECEIPT_KEY), warnings=warnings)

    def read(self, kind: MasterKind, *, changed_since: datetime | None) -> Iterator[Sequence[MasterRecord]]:
        """Yields pages of records changed since; everything where the ERP keeps no change date."""
        for page in self._reader.read(kind, changed_since):
            self._forget_bodies()
            yield page

    def close(self) -> None:
        """Releases the connection."""
        self._door.close()

    def _post(self, document: _Document, *, ask_first: bool) -> Posted:
        if ask_first and (found := document.find()):
            return _first(document.number, found)
        response = self._session.create(
            document.service, document.entity_set, document.payload, self._repeatability(document)
        )
        number = _created(response, document.key)
        posted = Posted(number, warnings=read_sap_messages(response.headers.get("sap-message", "")))
        return self._look_for_another(document, posted) if ask_first else posted

    def _look_for_another(self, document: _Document, posted: Posted) -> Posted:
        """Asks once more: the first try may have been at work still when we asked."""
        try:
            found = document.find()
        except PartnerError:
            return posted
        return replace(posted, warnings=posted.warnings + _several(document.number, found))

    def _orders(self, order: PurchaseOrder) -> Sequence[Posted]:
        options = {
            "$filter": mapping.order_filter(order, self._settings),
            "$select": "PurchaseOrder,PurchasingDocumentDeletionCode",
            "$orderby": "PurchaseOrder",
        }
        rows = feed(self._session, f"{ORDERS}/{ORDER_SET}", options).entities
        return [_found(row, ("PurchaseOrder",), row.get("PurchasingDocumentDeletionCode")) for row in rows]

    def _reversals(self, reversal: ReceiptReversal) -> Sequence[Posted]:
        options = {"$filter": returning.cancel_filter(reversal), "$orderby": "MaterialDocument"}
        rows = feed(self._session, f"{RECEIPTS}/{RECEIPT_ITEM_SET}", options).entities
        numbers = dict.fromkeys(_found(row, RECEIPT_KEY, None).number for row in rows)
        return [Posted(number, found=True) for number in numbers]

    def _receipts(
        self, receipt: Receipt, is_ours: Callable[[Sequence[JsonObject]], bool]
    ) -> Sequence[Posted]:
        options = {
            "$filter": mapping.receipt_filter(receipt),
            "$expand": ITEMS,
            "$orderby": "MaterialDocument",
        }
        rows = feed(self._session, f"{RECEIPTS}/{RECEIPT_SET}", options).entities
        ours = [row for row in rows if is_ours(expanded(row, ITEMS))]
        return [_found(row, RECEIPT_KEY, None) for row in ours]

    def _repeatability(self, document: _Document) -> dict[str, str]:
        """SAP Gateway's idempotency headers: the same for the same content within one hour.

        Longer would be wrong: the gateway answers a repeat with the first result, also a refusal that a
        person has cured since.
        """
        if not self._settings.repeatability:
            return {}
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        content = json.dumps([self._door.connection.base_url, document.payload, hour.isoformat()])
        return {
            "RequestID": uuid.uuid5(uuid.NAMESPACE_URL, content).hex.upper(),
            "RepeatabilityCreation": hour.strftime("%Y-%m-%dT%H:%M:%S"),
        }

    def _forget_bodies(self) -> None:
        """Drops the answers of reads: a million items would fill the memory."""
        wire = self._door.wire
        for place in range(len(wire) - 1, -1, -1):
            if wire[place].method != "GET" or not wire[place].response_body:
                break
            wire[place] = replace(wire[place], response_body=b"")


def _created(response: httpx.Response, key: Sequence[str]) -> str:
    """The new document's number; raises Ambiguous for an answer that does not say it."""
    try:
        entity = read_entity(response.content)
    except ValueError as error:
        raise Ambiguous(f"SAP S/4HANA accepted the document but {error}") from error
    parts = [entity.get(name) for name in key]
    if not all(isinstance(part, str) and part for part in parts):
        raise Ambiguous("SAP S/4HANA accepted the document but does not say its number")
    return "/".join(map(str, parts))


def _found(row: JsonObject, key: Sequence[str], deleted: object) -> Posted:
    number = "/".join(str(row.get(name, "")) for name in key)
    warnings = (f"{number} is marked for deletion in the ERP",) if deleted else ()
    return Posted(number, found=True, warnings=warnings)


def _first(number: str, found: Sequence[Posted]) -> Posted:
    return replace(found[0], warnings=found[0].warnings + _several(number, found))


def _several(number: str, found: Sequence[Posted]) -> tuple[str, ...]:
    if len(found) < 2:
        return ()
    numbers = ", ".join(one.number for one in found)
    return (
        f"the ERP holds {len(found)} documents for {number}: {numbers}; all but one must be reversed there",
    )
