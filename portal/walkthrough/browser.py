"""A person's browser without JavaScript: pages, links and forms as a server sent them."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urljoin

import httpx
from lxml import html
from lxml.html import HtmlElement

TIMEOUT_SECONDS = 30.0


class WalkthroughError(Exception):
    """A page is not as the play needs it; the text says which and what was there instead."""


class Browser:
    """Cookies and pages of one person."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.Client(
            base_url=base_url, follow_redirects=True, timeout=TIMEOUT_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def open(self, address: str) -> "Page":
        """Follows a link or an address; raises WalkthroughError for anything but a page."""
        return self._page(self._client.get(address))

    def send(self, address: str, method: str, fields: list[tuple[str, str]]) -> "Page":
        """Sends a form and follows where it leads."""
        if method == "get":
            return self._page(self._client.get(address, params=dict(fields)))
        grouped: dict[str, list[str]] = {}
        for name, value in fields:
            grouped.setdefault(name, []).append(value)
        return self._page(self._client.post(address, data=grouped))

    def _page(self, response: httpx.Response) -> "Page":
        page = Page(self, str(response.url), html.fromstring(response.text))
        if response.status_code != httpx.codes.OK:
            raise WalkthroughError(
                f"{response.request.method} {response.url.path} answered {response.status_code}: {page.text}"
            )
        return page


@dataclass(frozen=True)
class Page:
    """A page as it was received."""

    browser: Browser
    url: str
    tree: HtmlElement

    @property
    def text(self) -> str:
        """What a person reads in the main part, on one line."""
        main = self.tree.find(".//main")
        return words(self.tree if main is None else main)

    def again(self) -> "Page":
        """The page as it is now."""
        return self.browser.open(self.url)

    def follow(self, text: str) -> "Page":
        """Follows the first link with these words."""
        for link in self.tree.iterfind(".//a[@href]"):
            if text in _name(link):
                return self.browser.open(urljoin(self.url, link.get("href", "")))
        raise WalkthroughError(f"There is no link {text!r} on {self.url}: {self.text[:500]}")

    def form(self, button: str, *, near: str = "") -> "Form":
        """The form with this button; with `near`, the one in a part of the page with these words."""
        for pressed in self.tree.iter("button"):
            form = _form_of(pressed, self.tree)
            if form is not None and button in _name(pressed) and near in _surroundings(form):
                return Form(self, form, pressed)
        raise WalkthroughError(f"There is no button {button!r} on {self.url}: {self.text[:500]}")


@dataclass
class Form:
    """A form being filled in; what is not typed is sent as the server prepared it."""

    page: Page
    element: HtmlElement
    button: HtmlElement
    typed: dict[str, str] = field(default_factory=dict)

    @property
    def controls(self) -> list[HtmlElement]:
        """Its named fields, also those that stand elsewhere on the page and name it."""
        everywhere = self.page.tree.iter("input", "select", "textarea")
        return [
            one for one in everywhere if one.get("name") and _form_of(one, self.page.tree) is self.element
        ]

    def fill(self, label: str, value: str) -> Self:
        """Types into the field with this label."""
        names = {one.get("id", ""): str(one.get("name")) for one in self.controls}
        for found in self.page.tree.iter("label"):
            if label in words(found) and found.get("for") in names:
                return self.choose(names[found.get("for", "")], value)
        raise WalkthroughError(f"There is no field {label!r} in the form on {self.page.url}")

    def choose(self, name: str, value: str) -> Self:
        """Sets the fields of this name; of radio buttons, the one with this value."""
        self.typed[name] = value
        return self

    def submit(self) -> Page:
        """Presses the button."""
        fields = [(str(one.get("name")), value) for one in self.controls for value in self._values(one)]
        if self.button.get("name"):
            fields.append((str(self.button.get("name")), str(self.button.get("value", ""))))
        address = self.button.get("formaction") or self.element.get("action") or self.page.url
        method = (self.element.get("method") or "get").lower()
        return self.page.browser.send(urljoin(self.page.url, address), method, fields)

    def _values(self, control: HtmlElement) -> list[str]:
        typed = self.typed.get(str(control.get("name")))
        if control.get("type") in ("checkbox", "radio"):
            value = str(control.get("value", "on"))
            is_on = control.get("checked") is not None if typed is None else value == typed
            return [value] if is_on else []
        return [_prepared(control) if typed is None else typed]


def words(element: HtmlElement) -> str:
    """What a person reads of an element, on one line."""
    return " ".join(element.text_content().split())


def _name(element: HtmlElement) -> str:
    """What a person hears of a link or button (accessible name: its label comes before its text)."""
    return str(element.get("aria-label", "")) or words(element)


def _form_of(control: HtmlElement, tree: HtmlElement) -> HtmlElement | None:
    if control.get("form"):
        return tree.get_element_by_id(control.get("form", ""), None)
    return next(control.iterancestors("form"), None)


def _prepared(control: HtmlElement) -> str:
    if control.tag == "textarea":
        return control.text or ""
    if control.tag == "select":
        options = list(control.iter("option"))
        chosen = [one for one in options if one.get("selected") is not None] or options[:1]
        return str(chosen[0].get("value", words(chosen[0]))) if chosen else ""
    return str(control.get("value", ""))


def _surroundings(form: HtmlElement) -> str:
    """The words of the smallest part of the page around a form."""
    around = next(form.iterancestors("tr", "li", "section", "article"), form)
    return words(around)
