"""What every procurement network adapter promises.

The same `message_id` goes out on every try of one message, so a repeat is harmless at the partner.
Errors are those of `integrations.errors`, as for the ERP. Inbound documents are read in two steps:
`open_envelope` (cheap: who sends what, under which id) before anything is stored, `translate` after.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from integrations.canonical import InboundDocument, PurchaseOrder
from integrations.health import Health
from integrations.http import WireExchange


@dataclass(frozen=True)
class Accepted:
    """The network took the document; `reference` is what it answered with."""

    reference: str
    text: str = ""


@dataclass(frozen=True)
class Envelope:
    """Who sends which document: identities as (domain, identity), lower-case domain."""

    message_id: str
    kind: str
    sender: tuple[str, str]
    from_: tuple[str, str]
    to: tuple[str, str]
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Translated:
    """A canonical document and what was odd about the original."""

    document: InboundDocument
    warnings: tuple[str, ...] = ()


class Network(Protocol):
    """One network connection."""

    @property
    def wire(self) -> Sequence[WireExchange]:
        """Every HTTP exchange of this adapter so far."""

    def check(self) -> Health:
        """Reaches the network and logs in; never raises."""

    def send_purchase_order(self, order: PurchaseOrder, *, message_id: str, sent_at: datetime) -> Accepted:
        """Sends the order under `message_id`: as new, or as update or cancellation of what it replaces."""

    def close(self) -> None:
        """Releases the connection."""


class InboundFormat(Protocol):
    """How documents of one format are opened, translated and answered."""

    def open_envelope(self, raw: bytes) -> Envelope:
        """Who sends what; raises Unreadable."""

    def translate(self, raw: bytes) -> Translated:
        """The canonical document; raises Unreadable with a position."""

    def supports(self, kind: str) -> bool:
        """Whether documents of this kind can be translated."""

    def show(self, raw: bytes) -> str:
        """The document as people may see it: its secrets replaced by ***; never raises."""

    def answer(self, code: int, detail: str, *, message_id: str, sent_at: datetime) -> bytes:
        """The body of the answer to the sender; `code` as of cXML 1.2 Status."""
