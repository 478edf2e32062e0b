"""Talks to SAP Business Network: one cXML document out, one Response back on the same connection."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx

from integrations.canonical import PurchaseOrder
from integrations.errors import Ambiguous, Misconfigured, PartnerError, Unreadable
from integrations.formats.cxml.envelope import Status, read_response
from integrations.health import Health
from integrations.http import Connection, Door, WireExchange, retry_after
from integrations.network.contract import Accepted
from integrations.network.sap_business_network.mapping import (
    check_request,
    is_repeat,
    order_request,
    refusal,
    wrong_address,
)

HEADERS = {"Content-Type": "text/xml; charset=utf-8", "Accept": "text/xml, application/xml"}
WORDS = 500


class SapBusinessNetwork:
    """One login on SAP Business Network; see README.md beside this file for the settings."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._door = Door(connection)

    @property
    def wire(self) -> Sequence[WireExchange]:
        """Every HTTP exchange so far, the shared secret replaced."""
        return self._door.wire

    def check(self) -> Health:
        """Sends a ProfileRequest; never raises."""
        message_id = f"{uuid.uuid4()}@portal"
        try:
            request = check_request(self._connection, message_id=message_id, sent_at=datetime.now(UTC))
            status = self._post(request)
        except PartnerError as error:
            return self._health(login_ok=False, detail=_sentence(error))
        return self._health(login_ok=True, detail=f"The network answered {status.text or status.code}")

    def send_purchase_order(self, order: PurchaseOrder, *, message_id: str, sent_at: datetime) -> Accepted:
        """Sends the order; a repeat under the same `message_id` is harmless."""
        request = order_request(order, self._connection, message_id=message_id, sent_at=sent_at)
        status = self._post(request)
        return Accepted(reference=status.message_id or message_id, text=status.text)

    def close(self) -> None:
        """Releases the connection."""
        self._door.close()

    def _post(self, request: bytes) -> Status:
        # The whole address is given when there is no path: joining "" would append a slash to it.
        address = self._connection.settings.get("order_path") or self._connection.base_url
        response = self._door.send("POST", address, headers=HEADERS, body=request)
        status = _status(response)
        if 200 <= status.code < 300 or is_repeat(status):
            return status
        raise refusal(status.code, status.text, retry_after=retry_after(response))

    def _health(self, *, login_ok: bool, detail: str) -> Health:
        last = self._door.wire[-1] if self._door.wire else None
        reached = last is not None and last.status is not None
        return Health(reached, login_ok, detail, last.milliseconds if last else 0)


def _status(response: httpx.Response) -> Status:
    """The network's own status; where there is none, the HTTP status speaks."""
    try:
        status = read_response(response.content)
    except Unreadable as error:
        return _without_document(response, error)
    if status.code < 300 <= response.status_code:
        return Status(response.status_code, status.text, status.message_id)
    return status


def _without_document(response: httpx.Response, error: Unreadable) -> Status:
    words = response.content[:WORDS].decode("utf-8", errors="replace")
    if response.status_code < 300:
        raise Ambiguous(f"The network's answer cannot be read: {error}", words=words) from error
    if misplaced := wrong_address(response.status_code, words):
        raise misplaced from error
    return Status(response.status_code, words)


def _sentence(error: PartnerError) -> str:
    kind = "Set-up: " if isinstance(error, Misconfigured) else ""
    return f"{kind}{error}" + (f" ({error.words[:WORDS]})" if error.words else "")
