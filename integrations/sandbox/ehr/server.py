"""Runs the sandbox EHR, and knows how the portal is registered at it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from integrations.sandbox import serving
from integrations.sandbox.ehr.app import Hospital, create_app
from integrations.sandbox.ehr.authority import Authority, Client
from integrations.sandbox.ehr.profiles import PROFILES
from integrations.sandbox.ehr.records import Records, sample_records

POLL_SECONDS = 0.05
Keys = Callable[[], Mapping[str, Any]]


def hospital_for(
    portal_url: str,
    callbacks: Mapping[str, str],
    *,
    secret: str = "",
    jwks: Keys | None = None,
    places: Mapping[str, str] | None = None,
) -> Hospital:
    """A sandbox at which the portal is registered; `callbacks` are profile code to callback path."""
    clients = [
        Client(
            client_id=f"portal-{code}",
            redirect_uris=frozenset({f"{portal_url}{path}"}),
            launch_url=f"{portal_url}/ehr/launch",
            secret=secret,
            jwks=jwks or published_at(f"{portal_url}/ehr/jwks.json"),
        )
        for code, path in callbacks.items()
        if code in PROFILES
    ]
    return Hospital(Authority(clients), Records(sample_records(places)))


def published_at(url: str) -> Keys:
    """Fetches a client's key set each time, so that a rotation shows at once."""

    def fetch() -> Mapping[str, Any]:
        answer = httpx.get(url, timeout=5, trust_env=False)
        document: Mapping[str, Any] = answer.raise_for_status().json()
        return document

    return fetch


@contextmanager
def running(hospital: Hospital) -> Iterator[str]:
    """The sandbox on a free port of this machine; gives its address."""
    listening = serving.server(create_app(hospital), "127.0.0.1", 0)
    thread = threading.Thread(target=listening.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
