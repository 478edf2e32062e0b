"""Inbound cXML, as one format behind the contract."""

from collections.abc import Callable
from datetime import datetime

from integrations.canonical import InboundDocument
from integrations.errors import Unreadable
from integrations.formats.cxml.confirmations import read_confirmation
from integrations.formats.cxml.envelope import body, open_envelope, open_root, without_secrets, write_response
from integrations.formats.cxml.invoices import read_invoice
from integrations.formats.cxml.reading import Reader, where
from integrations.formats.cxml.ship_notices import read_ship_notice
from integrations.network.contract import Envelope, Translated

READERS: dict[str, Callable[..., InboundDocument]] = {
    "ConfirmationRequest": read_confirmation,
    "ShipNoticeRequest": read_ship_notice,
    "InvoiceDetailRequest": lambda request, root, reader: read_invoice(request, reader),
}


class CxmlInbound:
    """Satisfies InboundFormat for cXML 1.2."""

    def open_envelope(self, raw: bytes) -> Envelope:
        """Who sends what; raises Unreadable."""
        return open_envelope(raw)

    def supports(self, kind: str) -> bool:
        """Whether documents of this kind can be translated."""
        return kind in READERS

    def translate(self, raw: bytes) -> Translated:
        """The canonical document and warnings; raises Unreadable with a position."""
        root, _ = open_root(raw)
        request = body(root)
        if not self.supports(str(request.tag)):
            raise Unreadable(
                f"{request.tag} is not a document this portal takes from the network",
                position=where(request),
            )
        reader = Reader()
        document = READERS[str(request.tag)](request, root, reader)
        return Translated(document, tuple(reader.warnings))

    def show(self, raw: bytes) -> str:
        """The document as people may see it: its secrets replaced by ***; never raises."""
        return without_secrets(raw)

    def answer(self, code: int, detail: str, *, message_id: str, sent_at: datetime) -> bytes:
        """A cXML Response with the status."""
        return write_response(code, detail, message_id=message_id, sent_at=sent_at)
