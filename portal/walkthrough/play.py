"""The main job as the people of the demo do it, step by step, and the proof of its end state."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from portal.demo.accounts import PHRASE, email_of
from portal.demo.names import Addresses
from portal.walkthrough.browser import Browser, Page, WalkthroughError, words

ORGANIZATION = "lakeshore"
ITEM, QUANTITY = "110030", "15"  # as many as the cart suggests, which asks for no reason
PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.1
T = TypeVar("T")


@dataclass
class Outcome:
    """The numbers of the documents, and how long each step took."""

    requisition: str = ""
    purchase_order: str = ""
    erp_number: str = ""
    confirmation: str = ""
    ship_notice: str = ""
    receipt: str = ""
    erp_receipt: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)


class Play:
    """Plays once; raises WalkthroughError at the first thing that is not as it should be."""

    def __init__(self, addresses: Addresses, told: Callable[[str, float], object]) -> None:
        self.outcome = Outcome()
        self._addresses = addresses
        self._told = told

    def run(self) -> Outcome:
        """The whole job, then its end state in the portal and in both partners."""
        with ExitStack() as stack:
            manager = stack.enter_context(self._person("clinic-manager"))
            self._request(manager)
            self._approve(stack.enter_context(self._person("approver")), manager)
            order = self._order(stack.enter_context(self._person("buyer")))
            self._follow(order)
            self._receive(stack.enter_context(self._person("receiver")))
            self._check_portal(order)
        self._check_erp()
        self._check_network()
        return self.outcome

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        except WalkthroughError as error:
            raise WalkthroughError(f"{name}: {error}") from error
        seconds = round(time.monotonic() - started, 2)
        self.outcome.steps.append({"name": name, "seconds": seconds})
        self._told(name, seconds)

    @contextmanager
    def _person(self, name: str) -> Iterator[Browser]:
        with Browser(self._addresses.portal) as browser:
            with self._step(f"The {name.replace('-', ' ')} signs in"):
                form = browser.open("/sign-in").form("Sign in")
                form.fill("E-mail", email_of(name, ORGANIZATION)).fill("Password", PHRASE)
                page = form.submit()
                _expect(page, "Sign out", everywhere=True)
            yield browser

    def _request(self, manager: Browser) -> None:
        with self._step("The clinic manager finds the item and puts it into the cart"):
            page = manager.open(f"/catalog?q={ITEM}").form("Add").choose("quantity", QUANTITY).submit()
            _expect(page, "In the cart")
        with self._step("The clinic manager submits the cart"):
            page = manager.open("/cart").form("Submit for approval").submit()
            self.outcome.requisition = _find(r"RQ\d\d-\d{7}", page)
            _expect(page, "Waiting for approval")

    def _approve(self, approver: Browser, manager: Browser) -> None:
        with self._step("The approver says yes to every line"):
            page = approver.open("/approvals").follow(self.outcome.requisition)
            form = page.form("Send the decision")
            for control in form.controls:
                for option in control.iter("option"):
                    if words(option) == "Approve":
                        form.choose(str(control.get("name")), str(option.get("value")))
            _expect(form.submit(), f"{self.outcome.requisition} is approved")
        with self._step("The clinic manager sees the approval"):
            _expect(manager.open("/requisitions").follow(self.outcome.requisition), "Approved")

    def _order(self, buyer: Browser) -> Page:
        with self._step("The buyer places the approved lines as a purchase order"):
            page = buyer.open("/workbench").form("Place order", near=self.outcome.requisition).submit()
            self.outcome.purchase_order = _find(r"PO\d\d-\d{7}", page)
            return page

    def _follow(self, order: Page) -> None:
        number = re.escape(self.outcome.purchase_order)
        with self._step("The ERP has the order"):
            self.outcome.erp_number = _wait_for(r"ERP number (\d{10})", order)
        with self._step("The supplier has confirmed it"):
            self.outcome.confirmation = _wait_for(rf"Confirmation (OC-{number}\S*)", order)
        with self._step("The supplier has shipped it"):
            self.outcome.ship_notice = _wait_for(rf"(SN-{number}-\d)", order)

    def _receive(self, receiver: Browser) -> None:
        with self._step("The receiver counts the delivery against the ship notice"):
            page = receiver.open("/receive").follow(f"Receive {self.outcome.purchase_order}")
            page = page.form("Fill from the ship notice").submit()
            page = page.form("Check what I entered").submit()
            self.outcome.receipt = _find(r"GR\d\d-\d{7}", page)
        with self._step("The receiver posts the receipt"):
            page = page.form("Post").submit()
        with self._step("The ERP has the receipt"):
            self.outcome.erp_receipt = _wait_for(r"(5\d{9}/\d{4})", page)

    def _check_portal(self, order: Page) -> None:
        with self._step("The portal shows the order received in full"):
            page = order.again()
            _expect(page, f"Received Done. {QUANTITY} of {QUANTITY}")
            for number in (self.outcome.requisition, self.outcome.erp_number, self.outcome.receipt):
                _expect(page, number)

    def _check_erp(self) -> None:
        with self._step("The ERP holds one order and one receipt of it"):
            documents = _documents(self._addresses.erp[ORGANIZATION])
            order = _only(documents["purchase_orders"], "reference", self.outcome.purchase_order)
            receipt = _only(documents["receipts"], "reference", self.outcome.receipt)
            _same("purchase order in the ERP", order["number"], self.outcome.erp_number)
            _same("receipt in the ERP", receipt["number"], self.outcome.erp_receipt)
            (item,) = receipt["items"]
            _same("movement type", item["movement"], "101")
            _same("received quantity", float(item["quantity"]), float(QUANTITY))
            _same("order of the receipt", item["purchase_order"], self.outcome.erp_number)

    def _check_network(self) -> None:
        with self._step("The network holds one order, its confirmation and its ship notice"):
            documents = _documents(self._addresses.network)
            _only(documents["orders"], "number", self.outcome.purchase_order)
            for number in (self.outcome.confirmation, self.outcome.ship_notice):
                sent = _only(documents["sent_documents"], "number", number)
                _same(f"answer of the portal to {number}", sent["state"], "sent")


def _documents(url: str) -> dict[str, list[dict[str, Any]]]:
    response = httpx.get(f"{url}/sandbox/documents", trust_env=False).raise_for_status()
    documents: dict[str, list[dict[str, Any]]] = response.json()
    return documents


def _only(rows: list[dict[str, Any]], name: str, value: str) -> dict[str, Any]:
    found = [row for row in rows if row[name] == value]
    if len(found) != 1:
        raise WalkthroughError(f"there are {len(found)} documents with {name} {value}, not one")
    return found[0]


def _same(what: str, seen: object, wanted: object) -> None:
    if seen != wanted:
        raise WalkthroughError(f"{what}: {seen!r}, not {wanted!r}")


def _expect(page: Page, text: str, *, everywhere: bool = False) -> None:
    if text not in (words(page.tree) if everywhere else page.text):
        raise WalkthroughError(f"{page.url} does not say {text!r} but: {page.text[:500]}")


def _find(pattern: str, page: Page) -> str:
    match = re.search(pattern, page.text)
    if match is None:
        raise WalkthroughError(f"{page.url} shows no {pattern} but: {page.text[:500]}")
    return match[match.lastindex or 0]


def _wait_for(pattern: str, page: Page) -> str:
    """What the page shows by itself, asked again and again as its script does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while re.search(pattern, page.text) is None and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        page = page.again()
    return _find(pattern, page)
