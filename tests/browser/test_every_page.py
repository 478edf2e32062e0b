"""Every page each role can reach: answers well, is accessible, fits a phone, keeps the content policy."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page

from portal.identity.rules import Role
from tests.browser.accessibility import COLORS, DESK, PHONE, violations

MOST_BYTES = 100_000
NOT_PAGES = re.compile(r"\.(csv|ics|pdf|xlsx)$|/export|/template|/metrics|/health")
LINKS = "Array.from(document.querySelectorAll('a[href]'), link => link.href)"
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def shape(url: str) -> str:
    """The kind of page an address shows: numbers and words in it do not matter."""
    path = urlsplit(url).path
    return re.sub(r"/[^/]*\d[^/]*", "/*", path)


@pytest.fixture(scope="module")
def examined() -> set[str]:
    """Kinds of page whose accessibility was looked at: it hardly differs between roles."""
    return set()


class Tour:
    """Walks from link to link, one page of each kind."""

    def __init__(self, page: Page, examined: set[str]) -> None:
        self.page = page
        self.examined = examined
        self.seen: set[str] = set()
        self.faults: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{self.page.url}: {message.text}")

    def walk(self) -> None:
        """Visits every kind of page that can be reached by links."""
        waiting = [(self.page.url, "sign-in")]
        while waiting:
            url, linked_from = waiting.pop(0)
            if shape(url) in self.seen or NOT_PAGES.search(urlsplit(url).path):
                continue
            self.seen.add(shape(url))
            waiting += [(link, url) for link in self._visit(url, linked_from)]

    def _visit(self, url: str, linked_from: str) -> list[str]:
        answer = self.page.goto(url)
        assert answer is not None
        if not answer.ok:
            self.faults.append(f"{url}: {answer.status}, linked from {linked_from}")
            return []
        if len(answer.body()) > MOST_BYTES:
            self.faults.append(f"{url}: {len(answer.body())} bytes")
        self.faults += [f"{url}: {fault}" for fault in self._look()]
        here = urlsplit(self.page.url).netloc
        return [link for link in self.page.evaluate(LINKS) if urlsplit(link).netloc == here]

    def _look(self) -> list[str]:
        faults = []
        if shape(self.page.url) not in self.examined:
            self.examined.add(shape(self.page.url))
            faults += violations(self.page)
            self.page.emulate_media(color_scheme="dark")
            faults += [f"in the dark, {one}" for one in violations(self.page, COLORS)]
            self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(PHONE)
        if self.page.evaluate(TOO_WIDE):
            faults.append("scrolls sideways on a phone")
        self.page.set_viewport_size(DESK)
        return faults


@pytest.mark.parametrize("role", [role.value.replace("_", "-") for role in Role])
def test_every_page_of_a_role(sign_in: Callable[..., Page], examined: set[str], role: str) -> None:
    tour = Tour(sign_in(role, color_scheme="light", reduced_motion="reduce"), examined)
    tour.walk()
    assert len(tour.seen) > 1
    assert not tour.faults, "\n".join(tour.faults)
