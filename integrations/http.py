"""The one door to the network: time limits, size limit, allow-list, redaction, recording."""

import html
import secrets
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Self

import httpx

from integrations.errors import Ambiguous, Misconfigured, Retryable

MAX_RESPONSE_BYTES = 20_000_000
SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "x-csrf-token", "apikey"})


@dataclass(frozen=True)
class Connection:
    """How to reach one partner: `base_url`, login and adapter settings; `secret` never leaves this door."""

    base_url: str
    username: str = ""
    secret: str = field(default="", repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    allowed_hosts: frozenset[str] = frozenset()
    timeout_seconds: float = 30.0
    trace_id: str = ""


@dataclass(frozen=True)
class WireExchange:
    """One HTTP request and its answer as it may be shown to people: secrets replaced by ***."""

    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    status: int | None
    response_headers: Mapping[str, str]
    response_body: bytes
    milliseconds: int


class Door:
    """An HTTP client for one partner that records every exchange in `wire`.

    `send` raises Misconfigured (host not allowed), Retryable (nothing reached the partner) or
    Ambiguous (the request may have been carried out). Status codes are the adapter's to judge.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.wire: list[WireExchange] = []
        self._client = httpx.Client(
            base_url=connection.base_url,
            timeout=httpx.Timeout(connection.timeout_seconds, connect=5.0),
            follow_redirects=False,
            trust_env=False,
            verify=_trusted_authorities(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Releases the connection."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> httpx.Response:
        """Sends one request; `path` is relative to the partner's base URL, already encoded."""
        request = self._client.build_request(method, path, headers=headers, content=body or None)
        if self.connection.trace_id:
            request.headers["traceparent"] = traceparent(self.connection.trace_id)
        self._check_host(request.url)
        started = time.monotonic()
        try:
            response = self._receive(request, started + self.connection.timeout_seconds)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._record(request, body, None, started)
            message = f"{request.url.host} cannot be reached"
            raise Retryable(message, words=str(error)) from error
        except httpx.HTTPError as error:
            self._record(request, body, None, started)
            message = f"{request.url.host} did not answer completely"
            raise Ambiguous(message, words=str(error) or type(error).__name__) from error
        self._record(request, body, response, started)
        return response

    def _receive(self, request: httpx.Request, deadline: float) -> httpx.Response:
        response = self._client.send(request, stream=True)
        try:
            chunks: list[bytes] = []
            size = 0
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > MAX_RESPONSE_BYTES:
                    raise httpx.ReadError("answer larger than allowed", request=request)
                # The client's own limit is per read: a partner that drips bytes would never meet it.
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("answer took longer than allowed", request=request)
                chunks.append(chunk)
        finally:
            response.close()
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in {"content-encoding", "content-length"}
        ]
        return httpx.Response(
            response.status_code, headers=headers, content=b"".join(chunks), request=request
        )

    def _check_host(self, url: httpx.URL) -> None:
        allowed = self.connection.allowed_hosts
        if url.host not in allowed:
            raise Misconfigured(
                f"{url.host} is not among the partner hosts this portal may call "
                f"({', '.join(sorted(allowed)) or 'none'})"
            )

    def _record(
        self, request: httpx.Request, body: bytes, response: httpx.Response | None, started: float
    ) -> None:
        self.wire.append(
            WireExchange(
                method=request.method,
                url=str(request.url),
                request_headers=redacted(request.headers),
                request_body=without_secret(body, self.connection.secret),
                status=response.status_code if response is not None else None,
                response_headers=redacted(response.headers) if response is not None else {},
                response_body=without_secret(response.content, self.connection.secret)
                if response is not None
                else b"",
                milliseconds=round((time.monotonic() - started) * 1000),
            )
        )


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Read once a process: it costs more than most requests."""
    return httpx.create_ssl_context(trust_env=False)


def traceparent(trace_id: str) -> str:
    """A W3C Trace Context header value of one span of the trace."""
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


def redacted(headers: httpx.Headers) -> dict[str, str]:
    """Header values with every secret replaced."""
    return {name: "***" if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}


def without_secret(body: bytes, secret: str) -> bytes:
    """A body with the login's secret replaced, also where XML escaped it (cXML carries it in the header)."""
    for written in {secret, html.escape(secret, quote=False), html.escape(secret)} - {""}:
        body = body.replace(written.encode(), b"***")
    return body


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of a Retry-After header given as a number (RFC 9110 §10.2.3), else None."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else None
