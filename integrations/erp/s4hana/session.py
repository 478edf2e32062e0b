"""HTTP with SAP Gateway: login, CSRF token with its session, and which status means what."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping, Sequence

import httpx

from integrations.erp.s4hana.batch import Change, change_set, parts
from integrations.erp.s4hana.settings import Settings
from integrations.errors import Ambiguous, Misconfigured, Rejected, Retryable
from integrations.formats.odata import ErrorBody, JsonObject, query, read_error
from integrations.http import Door, retry_after

CSRF = "x-csrf-token"
OUTDATED_REQUEST = "/IWBEP/CM_COS/005"
NO_SERVICE = "/IWFND/"
NOT_DONE = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_EARLY, httpx.codes.TOO_MANY_REQUESTS})


class Session:
    """Reads and creates entities; raises the errors of `integrations.errors`.

    Reading has no effect, so its failures are Retryable; a create that may have happened is Ambiguous.
    """

    def __init__(self, door: Door, settings: Settings) -> None:
        self._door = door
        self._settings = settings
        login = f"{door.connection.username}:{door.connection.secret}".encode()
        self._headers = {
            "authorization": f"Basic {base64.b64encode(login).decode()}",
            "accept": "application/json",
        }
        self._token = ""

    def read(self, path: str, options: Mapping[str, str] | None = None) -> httpx.Response:
        """GETs a path below the OData root."""
        return self._read(path, options or {}, {})

    def open(self, service: str) -> httpx.Response:
        """Logs in at a service and fetches a CSRF token with its session cookie."""
        response = self._read(f"{service}/", {}, {CSRF: "Fetch"})
        self._token = response.headers.get(CSRF, "")
        return response

    def create(
        self, service: str, entity_set: str, payload: JsonObject, headers: Mapping[str, str]
    ) -> httpx.Response:
        """POSTs one deep insert; fetches a fresh token once when the old one is refused."""
        body = json.dumps(payload, ensure_ascii=False).encode()
        path = f"{service}/{entity_set}"
        return self._with_token(service, lambda: self._send(path, body, "application/json", headers))

    def call(self, service: str, function: str, parameters: Mapping[str, str]) -> httpx.Response:
        """POSTs one function import, its parameters as literals in the address."""
        path = f"{service}/{function}"
        return self._with_token(service, lambda: self._send(path, b"", "application/json", {}, parameters))

    def _with_token(self, service: str, send: Callable[[], httpx.Response]) -> httpx.Response:
        if not self._token:
            self.open(service)
        response = send()
        if _wants_token(response):
            self.open(service)
            response = send()
        if _wants_token(response):
            raise Misconfigured(
                "SAP S/4HANA refuses its own CSRF token;"
                " check that nothing between the portal and it removes the session cookie"
            )
        judge(response, effect=True)
        return response

    def change(self, service: str, changes: Sequence[Change]) -> None:
        """Makes all changes of one service, or none, in one change set (OData v2, batch processing)."""
        boundary = f"batch_{uuid.uuid4().hex}"
        body = change_set(changes, boundary)
        kind = f"multipart/mixed; boundary={boundary}"
        response = self._with_token(service, lambda: self._send(f"{service}/$batch", body, kind, {}))
        for part in parts(response):
            judge(part, effect=True)

    def _send(
        self,
        path: str,
        body: bytes,
        kind: str,
        headers: Mapping[str, str],
        options: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        return self._door.send(
            "POST",
            self._url(path, options or {}),
            headers={**self._headers, **headers, CSRF: self._token, "content-type": kind},
            body=body,
        )

    def _read(self, path: str, options: Mapping[str, str], headers: Mapping[str, str]) -> httpx.Response:
        try:
            response = self._door.send("GET", self._url(path, options), headers={**self._headers, **headers})
        except Ambiguous as error:
            raise Retryable(str(error), words=error.words) from error
        judge(response, effect=False)
        return response

    def _url(self, path: str, options: Mapping[str, str]) -> str:
        client = {"sap-client": self._settings.client} if self._settings.client else {}
        language = {"sap-language": self._settings.language}
        return f"{self._settings.root}/{path}?{query({**options, **client, **language})}"


def judge(response: httpx.Response, *, effect: bool) -> None:
    """Raises the error a status means; `effect` says that the request may have changed something."""
    if response.is_success:
        return
    error = read_error(response.content) or ErrorBody()
    words = error.words or _plain_words(response)
    _judge_set_up(response, error, words)
    _judge_load(response, error, words)
    if response.is_client_error and error.code != OUTDATED_REQUEST:
        raise Rejected(f"SAP S/4HANA refused: {words}", words=words, code=error.code)
    message = f"SAP S/4HANA answered {response.status_code}"
    if effect:
        raise Ambiguous(f"{message}; it may have been done", words=words, code=error.code)
    raise Retryable(message, words=words, code=error.code)


def _judge_set_up(response: httpx.Response, error: ErrorBody, words: str) -> None:
    status = response.status_code
    if status == httpx.codes.UNAUTHORIZED:
        raise Misconfigured("SAP S/4HANA refuses the user name or password", words=words, code=error.code)
    if status == httpx.codes.FORBIDDEN:
        raise Misconfigured("SAP S/4HANA refuses this user the service", words=words, code=error.code)
    if response.is_redirect:
        target = response.headers.get("location", "nowhere")
        raise Misconfigured(f"SAP S/4HANA redirects to {target}; check the address", words=words)
    unknown = not error.code or error.code.startswith(NO_SERVICE)
    if status == httpx.codes.NOT_FOUND and unknown:
        raise Misconfigured(
            f"there is no {response.request.url.path}; check the address and that the service is active",
            words=words,
            code=error.code,
        )


def _judge_load(response: httpx.Response, error: ErrorBody, words: str) -> None:
    status = response.status_code
    pause = retry_after(response)
    if status in NOT_DONE or (status == httpx.codes.SERVICE_UNAVAILABLE and pause is not None):
        raise Retryable("SAP S/4HANA is busy", words=words, code=error.code, retry_after=pause)


def _plain_words(response: httpx.Response) -> str:
    """The start of a body that is no OData error, or the status alone."""
    if response.headers.get("content-type", "").startswith("text/plain") and response.text.strip():
        return response.text.strip()[:500]
    return f"{response.status_code} {response.reason_phrase}".strip()


def _wants_token(response: httpx.Response) -> bool:
    return (
        response.status_code == httpx.codes.FORBIDDEN and response.headers.get(CSRF, "").lower() == "required"
    )
