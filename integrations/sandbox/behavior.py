"""Scripted behavior of the sandbox partners: which request goes wrong, how, and how often."""

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

from integrations.sandbox.store import transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS rule (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  effect TEXT NOT NULL, value TEXT NOT NULL, request TEXT NOT NULL, item TEXT NOT NULL,
  supplier TEXT NOT NULL, remaining INTEGER, taken INTEGER NOT NULL DEFAULT 0
)
"""


class Effect(StrEnum):
    """What a rule makes the partner do."""

    SLOW = "slow"
    TOO_MANY = "too_many"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    TIMEOUT_AFTER = "timeout_after"
    DROP_BEFORE = "drop_before"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"
    REJECT = "reject"
    PARTIAL = "partial"
    BACKORDER = "backorder"
    PRICE_CHANGE = "price_change"
    DATE_CHANGE = "date_change"
    SUBSTITUTE = "substitute"
    REJECT_LINE = "reject_line"
    OUT_OF_ORDER = "out_of_order"


@dataclass(frozen=True)
class Meaning:
    """An effect in words: what happens, what `value` is (empty: none) and what it is when left out."""

    text: str
    value: str = ""
    default: str = ""


MEANINGS = {
    Effect.SLOW: Meaning("Answers late", "seconds", "5"),
    Effect.TOO_MANY: Meaning("Answers 429, too many requests", "Retry-After in seconds", "5"),
    Effect.ERROR_BEFORE: Meaning("Answers 500 and does nothing"),
    Effect.ERROR_AFTER: Meaning("Does it, then answers 500"),
    Effect.TIMEOUT_AFTER: Meaning("Does it, holds the connection, then drops it", "seconds", "60"),
    Effect.DROP_BEFORE: Meaning("Drops the connection and does nothing"),
    Effect.DUPLICATE: Meaning("Does it twice"),
    Effect.MALFORMED: Meaning("Does it, then answers with a broken document"),
    Effect.REJECT: Meaning("Refuses", "words", "Refused by the sandbox"),
    Effect.PARTIAL: Meaning("Confirms only a part", "quantity", "1"),
    Effect.BACKORDER: Meaning("Puts the line on backorder", "days later", "14"),
    Effect.PRICE_CHANGE: Meaning("Confirms at another price", "unit price", "9.99"),
    Effect.DATE_CHANGE: Meaning("Confirms for another day", "days later", "7"),
    Effect.SUBSTITUTE: Meaning("Offers a substitute", "supplier part number", "SUBSTITUTE-1"),
    Effect.REJECT_LINE: Meaning("Rejects the line", "words", "No longer supplied"),
    Effect.OUT_OF_ORDER: Meaning("Sends the later document first"),
}
NUMBERS = frozenset(
    effect for effect, meaning in MEANINGS.items() if meaning.value and meaning.default[0].isdigit()
)
ERP_EFFECTS = tuple(Effect)[: list(Effect).index(Effect.PARTIAL)]
NETWORK_EFFECTS = tuple(Effect)


@dataclass(frozen=True)
class Rule:
    """One rule; an empty `request`, `item` or `supplier` matches any; `remaining` None means for ever."""

    effect: Effect
    value: str = ""
    request: str = ""
    item: str = ""
    supplier: str = ""
    remaining: int | None = 1
    id: int = 0
    taken: int = 0

    def matches(self, request: str, items: Collection[str], supplier: str) -> bool:
        """Whether the rule speaks of this request."""
        return (
            self.request in {"", request}
            and self.supplier in {"", supplier}
            and (not self.item or self.item in items)
        )


@dataclass(frozen=True)
class Plan:
    """The rules taken for one request."""

    rules: tuple[Rule, ...] = ()

    def find(self, effect: Effect, item: str | None = None) -> Rule | None:
        """The first rule with this effect; with `item`, one that speaks of this item or of any."""
        for rule in self.rules:
            if rule.effect is effect and (item is None or rule.item in {"", item}):
                return rule
        return None


class Script:
    """The rules of one sandbox, kept in a SQLite file; safe for threads and processes."""

    def __init__(self, path: Path, *, effects: Iterable[Effect], requests: Iterable[str]) -> None:
        self.effects = tuple(effects)
        self.requests = tuple(requests)
        self._path = path
        with transaction(path) as connection:
            connection.execute(SCHEMA)

    def add(self, rule: Rule) -> Rule:
        """Stores a rule behind the others; raises ValueError with a sentence for a wrong one."""
        checked = self._checked(rule)
        row = (
            checked.effect, checked.value, checked.request, checked.item, checked.supplier, checked.remaining
        )  # fmt: skip
        with transaction(self._path) as connection:
            cursor = connection.execute(
                "INSERT INTO rule (effect, value, request, item, supplier, remaining)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
            found = connection.execute("SELECT * FROM rule WHERE id = ?", (cursor.lastrowid,)).fetchone()
        return _rule(found)

    def rules(self) -> tuple[Rule, ...]:
        """Every rule, used-up ones included, oldest first."""
        with transaction(self._path) as connection:
            return tuple(_rule(row) for row in connection.execute("SELECT * FROM rule ORDER BY id"))

    def clear(self, rule_id: int | None = None) -> int:
        """Removes one rule or all of them and says how many."""
        with transaction(self._path) as connection:
            if rule_id is None:
                return connection.execute("DELETE FROM rule").rowcount
            return connection.execute("DELETE FROM rule WHERE id = ?", (rule_id,)).rowcount

    def take(
        self,
        request: str,
        *,
        items: Collection[str] = (),
        supplier: str = "",
        effects: Collection[Effect] = tuple(Effect),
    ) -> Plan:
        """Takes every live rule that matches, the first of each effect and item, and counts it down.

        `effects` are those the request can show; a rule of another effect waits for its request.
        """
        taken: list[Rule] = []
        with transaction(self._path) as connection:
            for row in connection.execute(
                "SELECT * FROM rule WHERE remaining IS NULL OR remaining > 0 ORDER BY id"
            ).fetchall():
                rule = _rule(row)
                known = {(other.effect, other.item) for other in taken}
                matches = rule.effect in effects and rule.matches(request, items, supplier)
                if matches and (rule.effect, rule.item) not in known:
                    taken.append(rule)
            connection.executemany(
                "UPDATE rule SET remaining = remaining - 1, taken = taken + 1 WHERE id = ?",
                [(rule.id,) for rule in taken],
            )
        return Plan(tuple(taken))

    def _checked(self, rule: Rule) -> Rule:
        if rule.effect not in self.effects:
            raise ValueError(
                f"this sandbox knows no effect {rule.effect}; it knows {', '.join(self.effects)}"
            )
        if rule.request and rule.request not in self.requests:
            raise ValueError(f"unknown request {rule.request!r}; known are {', '.join(self.requests)}")
        if rule.remaining is not None and rule.remaining < 1:
            raise ValueError("how often must be 1 or more, or empty for always")
        value = rule.value or MEANINGS[rule.effect].default
        if rule.effect in NUMBERS and not _is_amount(value):
            raise ValueError(
                f"{MEANINGS[rule.effect].value} must be a number from 0 to 1000000, not {value!r}"
            )
        return Rule(rule.effect, value, rule.request, rule.item, rule.supplier, rule.remaining)


def _is_amount(value: str) -> bool:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    return number.is_finite() and 0 <= number <= 1_000_000


def _rule(row: sqlite3.Row) -> Rule:
    return Rule(
        effect=Effect(row["effect"]),
        value=row["value"],
        request=row["request"],
        item=row["item"],
        supplier=row["supplier"],
        remaining=row["remaining"],
        id=row["id"],
        taken=row["taken"],
    )
