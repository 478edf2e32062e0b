"""Delivers the suppliers' documents to the portal, again and again until it answers."""

import threading
import time

import httpx

from integrations.errors import Unreadable
from integrations.formats.cxml.envelope import read_response
from integrations.sandbox.network.book import Answer, Book
from integrations.sandbox.network.settings import NetworkSettings
from integrations.sandbox.store import transaction

HEADERS = {"Content-Type": "text/xml; charset=utf-8"}
TIMEOUT_SECONDS = 20.0
LONGEST_PAUSE_SECONDS = 30.0
LOOK_SECONDS = 0.2
# The portal has understood and refuses: sending the same again cannot help.
REFUSED = frozenset({400, 406, 409, 413, 417, 450})


class Sender(threading.Thread):
    """One thread that empties the queue; a killed process goes on where it stopped."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__(name="network-sender", daemon=True)
        self._path = settings.data_dir / "network.sqlite3"
        self._address = f"{settings.portal_url.rstrip('/')}/exchange/cxml" if settings.portal_url else ""
        self._stopped = threading.Event()

    def run(self) -> None:
        """Sends what is due until `stop`."""
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while not self._stopped.wait(LOOK_SECONDS):
                while self._address and not self._stopped.is_set() and self.send_next(client):
                    pass

    def stop(self) -> None:
        """Ends the thread after the document being sent."""
        self._stopped.set()
        self.join()

    def send_next(self, client: httpx.Client) -> bool:
        """Sends one due document; False when none is due."""
        with transaction(self._path) as connection:
            answer = Book(connection).next_due(time.time())
        if answer is None:
            return False
        result = self._post(client, answer)
        state, due_at = self._judge(result[0], answer)
        with transaction(self._path) as connection:
            Book(connection).settle(answer, state, result, due_at)
        return True

    def _post(self, client: httpx.Client, answer: Answer) -> tuple[int | None, str]:
        """The code and words of the portal; no code when it did not answer."""
        try:
            response = client.post(self._address, content=answer.body, headers=HEADERS)
        except httpx.HTTPError as error:
            return None, str(error) or type(error).__name__
        try:
            status = read_response(response.content)
        except Unreadable:
            return response.status_code if response.status_code >= 300 else None, response.text[:200]
        return status.code, status.text

    def _judge(self, code: int | None, answer: Answer) -> tuple[str, float]:
        if code is not None and 200 <= code < 300:
            return "sent", answer.due_at
        if code in REFUSED:
            return "refused", answer.due_at
        pause = min(LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(answer.tries, 10))
        return "waiting", time.time() + pause
