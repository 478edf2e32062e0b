"""Bodies of messages at rest: those of clinical systems name patients and are sealed."""

from portal.exchange.rules import SEALED_KINDS
from portal.foundation.sealed import keyring

CONTEXT = "message.raw"


def stored(kind: str, raw: bytes) -> bytes:
    """What is written for a body."""
    return keyring().encrypt(raw.decode("latin-1"), context=CONTEXT) if kind in SEALED_KINDS else raw


def opened(kind: str, kept: bytes) -> bytes:
    """The body as it came; raises ValueError when no key opens it."""
    return keyring().decrypt(kept, context=CONTEXT).encode("latin-1") if kind in SEALED_KINDS else kept
