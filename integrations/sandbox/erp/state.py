"""What the sandbox ERP keeps: documents in SQLite, master data from files, sessions in memory."""

import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from integrations.sandbox.erp import services
from integrations.sandbox.erp.gateway import Answer, Gateway
from integrations.sandbox.erp.master import Master, MasterDataError, load, stamp, today
from integrations.sandbox.erp.master_rows import stamp_changes, tables
from integrations.sandbox.erp.rows import SCHEMA, Memory, Stored
from integrations.sandbox.erp.values import Row
from integrations.sandbox.store import transaction

LOG = logging.getLogger(__name__)
SESSION_SECONDS = 1800
MAX_SESSIONS = 10_000


@dataclass(frozen=True)
class _Loaded:
    stamp: tuple[int, ...]
    master: Master
    memory: Memory


class Undo(Exception):
    """Rolls a transaction back and carries the answer out of it."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__()
        self.answers = answers


class Erp:
    """One ERP client with its documents and master data; safe for threads."""

    def __init__(self, data_dir: Path, master_data: Path | None) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._path = data_dir / "erp.db"
        self._folder = master_data
        self._lock = threading.Lock()
        with transaction(self._path) as connection:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
        self._loaded = self._load()

    def run(self, user: str, work: Callable[[Gateway], list[Answer]], *, write: bool) -> list[Answer]:
        """Lets `work` use the services in one transaction; `Undo` raised by it rolls back."""
        loaded = self._current()
        try:
            with transaction(self._path, write=write) as connection:
                return work(Gateway(loaded.master, loaded.memory, connection, user))
        except Undo as undo:
            return undo.answers

    def documents(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """What was created, oldest first, with the portal's references."""
        with transaction(self._path, write=False) as connection:
            rows = Stored(connection)
            return {
                "purchase_orders": [_order(rows, row) for row in rows.all(services.ORDER)],
                "receipts": [_receipt(rows, row) for row in rows.all(services.MATERIAL_DOCUMENT)],
            }

    def _current(self) -> _Loaded:
        """The master data; a changed file is read again, a wrong one leaves everything as it was."""
        with self._lock:
            seen = stamp(self._folder)
            if seen != self._loaded.stamp:
                try:
                    self._loaded = self._load()
                except MasterDataError as error:
                    LOG.warning("master data is kept as it was: %s", error)
                    self._loaded = replace(self._loaded, stamp=seen)
            return self._loaded

    def _load(self) -> _Loaded:
        seen = stamp(self._folder)
        master = load(self._folder, today())
        found = tables(master, today())
        with transaction(self._path) as connection:
            stamp_changes(connection, found)
        return _Loaded(seen, master, Memory(found, services.SETS.values()))


class Sessions:
    """CSRF tokens by session; they end with the process, as a real ERP's do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def open(self, known: str) -> tuple[str, str]:
        """The id and token of the known session, or of a new one."""
        with self._lock:
            token, until = self._sessions.get(known, ("", 0.0))
            if until > time.monotonic():
                return known, token
            session, token = secrets.token_urlsafe(24), secrets.token_urlsafe(16)
            self._sessions[session] = (token, time.monotonic() + SESSION_SECONDS)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
            return session, token

    def accepts(self, session: str, token: str) -> bool:
        """Whether the token is that of a living session."""
        with self._lock:
            wanted, until = self._sessions.get(session, ("", 0.0))
        return until > time.monotonic() and hmac.compare_digest(wanted.encode(), token.encode())

    def end_all(self) -> None:
        """Makes every token stale."""
        with self._lock:
            self._sessions.clear()


def _order(rows: Stored, header: Row) -> dict[str, object]:
    number = str(header["PurchaseOrder"])
    return {
        "number": number,
        "reference": header["CorrespncExternalReference"],
        "supplier": header["Supplier"],
        "items": [
            {
                "item": row["PurchaseOrderItem"],
                "material": row["Material"],
                "quantity": row["OrderQuantity"],
                "unit": row["PurchaseOrderQuantityUnit"],
                "price": row["NetPriceAmount"],
                "price_quantity": row["NetPriceQuantity"],
                "complete": row["IsCompletelyDelivered"],
                "deleted": bool(row["PurchasingDocumentDeletionCode"]),
            }
            for row in rows.group(services.ORDER_ITEM, number)
        ],
    }


def _receipt(rows: Stored, header: Row) -> dict[str, object]:
    year = header["MaterialDocumentYear"]
    items = rows.group(services.MATERIAL_DOCUMENT_ITEM, str(header["MaterialDocument"]))
    return {
        "number": f"{header['MaterialDocument']}/{year}",
        "reference": header["ReferenceDocument"],
        "items": [
            {
                "purchase_order": row["PurchaseOrder"],
                "item": row["PurchaseOrderItem"],
                "material": row["Material"],
                "movement": row["GoodsMovementType"],
                "quantity": row["QuantityInEntryUnit"],
                "unit": row["EntryUnit"],
                "batch": row["Batch"],
                "expires_on": row["ShelfLifeExpirationDate"],
                "cancelled": row["GoodsMovementIsCancelled"],
            }
            for row in items
            if row["MaterialDocumentYear"] == year
        ],
    }
