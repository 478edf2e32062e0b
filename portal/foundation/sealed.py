"""Columns for what identifies a patient: sealed at rest, found again by a keyed hash."""

from typing import Any

from flask import current_app
from sqlalchemy import LargeBinary, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from portal.foundation.crypto import KeyRing


def keyring() -> KeyRing:
    """The keys of this application."""
    ring: KeyRing = current_app.extensions["keyring"]
    return ring


class Sealed(TypeDecorator[str]):
    """Text encrypted under the key ring; `context` is table.column, so that no value fits elsewhere."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, context: str = "") -> None:
        super().__init__()
        self.context = context

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Encrypts; None stays None."""
        return None if value is None else keyring().encrypt(value, context=self.context)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Decrypts; raises ValueError when no key of the ring opens it."""
        return None if value is None else keyring().decrypt(bytes(value), context=self.context)


class BlindIndex(TypeDecorator[str]):
    """A keyed hash of what is written to it; comparing with a plain text compares with its hash."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Hashes; None stays None."""
        return None if value is None else keyring().blind_index(value)
