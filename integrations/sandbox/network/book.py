"""The sandbox network's memory: received orders and documents to send, in a SQLite file."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from integrations.canonical import PurchaseOrder
from integrations.sandbox.network.answers import Received
from integrations.sandbox.store import transaction

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS message (
         message_id TEXT NOT NULL, buyer TEXT NOT NULL, order_number TEXT NOT NULL, version INTEGER NOT NULL,
         operation TEXT NOT NULL, supplier TEXT NOT NULL, raw BLOB NOT NULL, received_at REAL NOT NULL,
         times INTEGER NOT NULL, PRIMARY KEY (buyer, message_id))""",
    """CREATE TABLE IF NOT EXISTS purchase_order (
         buyer TEXT NOT NULL, number TEXT NOT NULL, version INTEGER NOT NULL, message_id TEXT NOT NULL,
         document TEXT NOT NULL, withdrawn INTEGER NOT NULL, PRIMARY KEY (buyer, number))""",
    """CREATE TABLE IF NOT EXISTS answer (
         id INTEGER PRIMARY KEY AUTOINCREMENT, buyer TEXT NOT NULL, order_number TEXT NOT NULL,
         kind TEXT NOT NULL, number TEXT NOT NULL, message_id TEXT NOT NULL, body BLOB NOT NULL,
         document TEXT NOT NULL, due_at REAL NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
         tries INTEGER NOT NULL DEFAULT 0, code INTEGER, text TEXT NOT NULL DEFAULT '')""",
    "CREATE INDEX IF NOT EXISTS answer_due ON answer (state, due_at)",
)


@dataclass(frozen=True)
class Answer:
    """A document for the buyer; `document` is its canonical JSON, empty for a broken one."""

    kind: str
    number: str
    message_id: str
    body: bytes
    document: str
    due_at: float
    id: int = 0
    tries: int = 0


class Book:
    """Reads and writes inside one transaction of the file; see `opened`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def count_repeat(self, buyer: str, message_id: str) -> bool:
        """Whether this message was received before; counts the repeat."""
        found = self._connection.execute(
            "UPDATE message SET times = times + 1 WHERE buyer = ? AND message_id = ?", (buyer, message_id)
        )
        return found.rowcount > 0

    def version_of(self, buyer: str, number: str) -> int:
        """The newest version received of an order, 0 for an unknown one."""
        row = self._connection.execute(
            "SELECT version FROM purchase_order WHERE buyer = ? AND number = ?", (buyer, number)
        ).fetchone()
        return int(row["version"]) if row else 0

    def keep(self, received: Received, operation: str, raw: bytes) -> None:
        """Stores a message and, unless a newer version is there, the order."""
        order = received.order
        self._connection.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)",
            (
                received.message_id,
                received.buyer,
                order.number,
                order.version,
                operation,
                order.supplier_network_id,
                raw,
                time.time(),
            ),
        )
        self._connection.execute(
            "INSERT INTO purchase_order VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (buyer, number) DO UPDATE SET"
            " version = excluded.version, message_id = excluded.message_id, document = excluded.document,"
            " withdrawn = excluded.withdrawn WHERE excluded.version >= version",
            (
                received.buyer,
                order.number,
                order.version,
                received.message_id,
                order.model_dump_json(),
                operation == "delete",
            ),
        )

    def find(self, number: str, buyer: str = "") -> Received | None:
        """The newest version of an order; with an empty buyer that of any buyer."""
        row = self._connection.execute(
            "SELECT * FROM purchase_order WHERE number = ? AND ? IN ('', buyer) AND NOT withdrawn"
            " ORDER BY buyer LIMIT 1",
            (number, buyer),
        ).fetchone()
        if row is None:
            return None
        order = PurchaseOrder.model_validate_json(row["document"])
        return Received(order, row["message_id"], row["buyer"])

    def add(self, received: Received, answers: Iterable[Answer]) -> None:
        """Queues documents; those of one order leave in the order they were added."""
        self._connection.executemany(
            "INSERT INTO answer (buyer, order_number, kind, number, message_id, body, document, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    received.buyer, received.order.number, answer.kind, answer.number,
                    answer.message_id, answer.body, answer.document, answer.due_at,
                )
                for answer in answers
            ],
        )  # fmt: skip

    def drop_waiting(self, received: Received) -> None:
        """Forgets what was not sent yet: a newer version of the order replaces it."""
        self._connection.execute(
            "DELETE FROM answer WHERE buyer = ? AND order_number = ? AND state = 'waiting'",
            (received.buyer, received.order.number),
        )

    def documents_of(self, received: Received, kind: str, *, but_waiting: bool = False) -> list[str]:
        """The canonical JSON of every different document of one kind for an order, oldest first."""
        rows = self._connection.execute(
            "SELECT number, document FROM answer WHERE buyer = ? AND order_number = ? AND kind = ?"
            " AND document <> '' AND NOT (? AND state = 'waiting') ORDER BY id",
            (received.buyer, received.order.number, kind, but_waiting),
        )
        return list({row["number"]: row["document"] for row in rows}.values())

    def next_due(self, now: float) -> Answer | None:
        """The next document to send: due, and nothing older of its order still waiting."""
        row = self._connection.execute(
            "SELECT * FROM answer AS mine WHERE state = 'waiting' AND due_at <= ? AND NOT EXISTS ("
            " SELECT 1 FROM answer AS older WHERE older.buyer = mine.buyer AND older.state = 'waiting'"
            " AND older.order_number = mine.order_number AND older.id < mine.id) ORDER BY due_at, id LIMIT 1",
            (now,),
        ).fetchone()
        if row is None:
            return None
        return Answer(**{name: row[name] for name in Answer.__dataclass_fields__})

    def settle(self, answer: Answer, state: str, result: tuple[int | None, str], due_at: float) -> None:
        """Writes what the buyer answered."""
        self._connection.execute(
            "UPDATE answer SET state = ?, tries = tries + 1, code = ?, text = ?, due_at = ? WHERE id = ?",
            (state, *result, due_at, answer.id),
        )

    def listed(self) -> dict[str, list[dict[str, object]]]:
        """Everything for the documents page, oldest first."""
        received = self._connection.execute(
            "SELECT message_id, buyer, order_number, version, operation, supplier, received_at, times"
            " FROM message ORDER BY received_at, message_id"
        )
        orders = self._connection.execute("SELECT * FROM purchase_order ORDER BY buyer, number")
        answers = self._connection.execute(
            "SELECT id, buyer, order_number, kind, number, message_id, due_at, state, tries, code, text"
            " FROM answer ORDER BY id"
        )
        return {
            "orders": [
                {**dict(row), "withdrawn": bool(row["withdrawn"]), "document": json.loads(row["document"])}
                for row in orders
            ],
            "received_messages": [dict(row) for row in received],
            "sent_documents": [dict(row) for row in answers],
        }

    def body_of(self, answer_id: int) -> bytes | None:
        """The bytes of a document sent."""
        row = self._connection.execute("SELECT body FROM answer WHERE id = ?", (answer_id,)).fetchone()
        return bytes(row["body"]) if row else None


def create(path: Path) -> None:
    """Makes the tables."""
    with transaction(path) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
