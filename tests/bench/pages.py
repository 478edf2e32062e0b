"""The portal and the bare page behind gunicorn, and browsers at both."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from lxml import html

from portal.embedded import free_port
from portal.identity.rules import Role
from portal.processes import Child, ProcessError, end, last_lines, start
from portal.web import web_command
from tests.bench.ground import ROOT, Ground
from tests.hospital import PASSWORD

START_SECONDS = 60.0
PATIENCE = httpx.Timeout(180.0)


@dataclass(frozen=True)
class Served:
    """A server process and a browser for it."""

    child: Child
    browser: httpx.Client

    def get(self, path: str, words: str | None = None) -> httpx.Response:
        """A page; an error of the server ends the bench."""
        answer = self.browser.get(path, params=None if words is None else {"q": words})
        if answer.status_code != 200:
            raise ProcessError(f"{answer.url} answered {answer.status_code}\n{last_lines(self.child.log)}")
        return answer


@contextmanager
def portal(ground: Ground) -> Iterator[Served]:
    """The portal, with a clinic manager signed in."""
    with _served("portal", "wsgi:app", "/sign-in", ground.folder) as served:
        page = html.document_fromstring(served.get("/sign-in").text)
        values = {
            **{field.get("name", ""): field.get("value", "") for field in page.iter("input")},
            "email": ground.emails[Role.CLINIC_MANAGER],
            "password": PASSWORD,
        }
        answer = served.browser.post("/sign-in", data=values)
        if answer.status_code != 303:
            raise ProcessError(f"Signing in answered {answer.status_code}\n{last_lines(served.child.log)}")
        yield served


@contextmanager
def bare(folder: Path, module: str = "bare_page", **variables: str) -> Iterator[Served]:
    """The page without a portal, served by the same command; `variables` are added to its environment."""
    with _served(module, f"tests.bench.{module}:app", "/", folder, variables) as served:
        yield served


@contextmanager
def _served(
    name: str, application: str, path: str, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[Served]:
    address = f"127.0.0.1:{free_port()}"
    command = [application if part == "wsgi:app" else part for part in web_command(address)]
    child = start(
        name, command, log=folder / f"{name}.log", env={**os.environ, **(variables or {})}, folder=ROOT
    )
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=PATIENCE, trust_env=False) as browser:
            _wait_until_served(browser, path, child)
            yield Served(child, browser)
    finally:
        end([child])


def _wait_until_served(browser: httpx.Client, path: str, child: Child) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.is_alive:
        try:
            browser.get(path)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise ProcessError(f"{child.name} did not start:\n{last_lines(child.log)}")
