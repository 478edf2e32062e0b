"""The main job across the roles, from the order guide to the matched invoice, in one real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import PHONE

GAUZE = "Gauze sponge, sterile, 4 x 4 in 12-ply"
REFUSED = "Exam glove, nitrile, PF, large, 100/bx"
SECONDS = 1000.0
SOON, LATER = 20 * SECONDS, 90 * SECONDS

SignIn = Callable[..., Page]


@pytest.fixture
def job(sign_in: SignIn) -> "MainJob":
    """Nobody has done anything yet."""
    return MainJob(sign_in)


def test_from_the_order_guide_to_the_matched_invoice(job: "MainJob") -> None:
    job.given_the_stock_before()
    job.when_the_manager_fills_the_cart_from_the_guide()
    job.then_the_cart_shows_its_checks_and_what_is_left_of_the_budget()
    job.when_the_manager_submits()
    job.when_the_approver_says_yes_to_all_lines_but_one()
    job.then_the_manager_sees_the_decision_without_reloading()
    job.when_the_buyer_places_the_order()
    job.then_the_order_page_shows_erp_confirmation_and_shipment_without_reloading()
    job.when_the_receiver_counts_on_a_phone_and_posts()
    job.then_the_erp_document_appears_and_the_stock_has_risen()
    job.then_the_manager_sees_the_goods_received_without_reloading()
    job.when_the_analyst_enters_the_invoice()
    job.then_the_invoice_matches()
    job.then_the_engineer_reads_the_message_on_the_wire_and_in_the_portals_words()
    job.then_the_engineer_traces_the_requisition()
    job.then_the_auditor_finds_the_decision()


class MainJob:
    """The steps of the people, each in a window of their own."""

    def __init__(self, sign_in: SignIn) -> None:
        self.sign_in = sign_in
        self.manager = sign_in("clinic-manager")
        self.requisition = self.order = self.erp_number = self.receipt = self.invoice = ""
        self.before = 0

    def given_the_stock_before(self) -> None:
        self.before = self._gauze_on_hand()

    def _gauze_on_hand(self) -> int:
        self.manager.goto("/stock")
        self.manager.get_by_label("Item, number or scan").fill(GAUZE)
        self.manager.get_by_label("Item, number or scan").press("Enter")
        self.manager.wait_for_url(re.compile("q=Gauze"))
        row = self.manager.get_by_role("row", name=GAUZE)
        expect(row).to_have_count(1)
        return int(row.get_by_role("cell").first.inner_text().split()[0])

    def when_the_manager_fills_the_cart_from_the_guide(self) -> None:
        page = self.manager
        page.get_by_role("link", name="Order guide").first.click()
        page.get_by_label(f"Packs of {GAUZE}").fill("3")
        page.get_by_label(f"Packs of {REFUSED}").fill("2")
        page.get_by_role("button", name="Add all to the cart").click()
        expect(page.locator("#messages")).to_contain_text("2 items added to the cart.")
        page.get_by_role("link", name="Open the cart").click()
        page.get_by_label(f"Packs of {GAUZE}").fill("5")
        page.get_by_role("button", name="Update the cart").first.click()
        expect(page.locator("#messages")).to_contain_text("The cart is updated.")

    def then_the_cart_shows_its_checks_and_what_is_left_of_the_budget(self) -> None:
        page = self.manager
        expect(page.get_by_text(re.compile(r"\d+ checks passed$"))).to_be_visible()
        page.get_by_text(re.compile(r"\d+ checks passed$")).click()
        expect(page.get_by_text("Contract price", exact=False).first).to_be_visible()
        expect(page.get_by_text("This cart", exact=True)).to_be_visible()

    def when_the_manager_submits(self) -> None:
        self.manager.get_by_label("Note to the approver and buyer").fill("For the new triage room")
        self.manager.get_by_role("button", name="Submit for approval").click()
        heading = self.manager.get_by_role("heading", level=1)
        expect(heading).to_contain_text("Requisition")
        self.requisition = heading.inner_text().removeprefix("Requisition ")
        expect(self._where("this requisition")).to_contain_text("Now.")
        expect(self.manager.get_by_text("Waiting for approval").first).to_be_visible()

    def _where(self, what: str) -> Locator:
        return self.manager.get_by_role("list", name=f"Where {what} is")

    def when_the_approver_says_yes_to_all_lines_but_one(self) -> None:
        page = self.sign_in("approver")
        page.get_by_role("link", name="Approvals").first.click()
        page.get_by_role("link", name=self.requisition).click()
        expect(page.get_by_text("For the new triage room")).to_be_visible()
        page.get_by_label(f"Decision on {REFUSED}").select_option("Reject: use what is on hand first")
        page.get_by_role("button", name="Send the decision").click()
        expect(page.locator("#messages")).to_contain_text(self.requisition)
        page.goto("/approvals")
        expect(page.get_by_role("link", name=self.requisition)).to_have_count(0)

    def then_the_manager_sees_the_decision_without_reloading(self) -> None:
        refused = self.manager.get_by_role("row", name=REFUSED)
        expect(refused).to_contain_text("Use what is on hand first", timeout=SOON)
        expect(self.manager.get_by_role("row", name=GAUZE)).to_contain_text("Approved")

    def when_the_buyer_places_the_order(self) -> None:
        self.buyer = page = self.sign_in("buyer")
        page.goto("/workbench")
        row = page.get_by_role("row", name=GAUZE).filter(has_text=self.requisition)
        expect(row.get_by_role("checkbox")).to_be_checked()
        card = page.get_by_role("group", name="Cedarwick Medical Distribution").filter(has=row)
        card.get_by_role("button", name="Place order").click()
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_contain_text("Order PO")
        self.order = heading.inner_text().removeprefix("Order ")

    def then_the_order_page_shows_erp_confirmation_and_shipment_without_reloading(self) -> None:
        page = self.buyer
        page.evaluate("window.notReloaded = true")
        number = page.get_by_role("definition").filter(has_text=re.compile(r"^45\d{8}$"))
        expect(number).to_be_visible(timeout=LATER)
        self.erp_number = number.inner_text()
        steps = page.get_by_role("list", name="Where this order is").get_by_role("listitem")
        for step in ("Sent to the supplier", "Confirmed"):
            expect(steps.filter(has_text=step)).to_contain_text("Done.", timeout=LATER)
        # Lines of others in the same order may ship later; this one ships at once.
        row = page.get_by_role("region", name="Lines").get_by_role("row", name=GAUZE)
        expect(row.get_by_role("cell").nth(1)).to_have_text("5", timeout=LATER)
        expect(row.get_by_role("cell").nth(2)).to_have_text("5", timeout=LATER)
        assert page.evaluate("window.notReloaded")

    def when_the_receiver_counts_on_a_phone_and_posts(self) -> None:
        self.phone = page = self.sign_in("receiver", viewport=PHONE, has_touch=True, is_mobile=True)
        page.goto("/receive")
        page.get_by_label("Number or barcode").fill(self.erp_number)
        page.get_by_label("Number or barcode").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Receive {self.order}")
        page.get_by_role("link", name="Count by hand").click()
        page.get_by_role("button", name="Fill from the ship notice").click()
        gauze = page.get_by_role("group", name=GAUZE)
        expect(gauze.get_by_label("Quantity")).to_have_value("5")
        page.get_by_role("button", name="Check what I entered").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Receipt ")
        self.receipt = page.get_by_role("heading", level=1).inner_text().removeprefix("Receipt ")
        expect(page.get_by_role("row", name=GAUZE)).to_contain_text("5")
        page.get_by_role("button", name="Post the receipt").click()
        expect(page.locator("#messages")).to_contain_text(f"{self.receipt} is posted")

    def then_the_erp_document_appears_and_the_stock_has_risen(self) -> None:
        document = self.phone.get_by_role("definition").filter(has_text=re.compile(r"^50\d{8}"))
        expect(document).to_be_visible(timeout=LATER)
        address = self.manager.url
        assert self._gauze_on_hand() == self.before + 5
        self.manager.goto(address)

    def then_the_manager_sees_the_goods_received_without_reloading(self) -> None:
        row = self.manager.get_by_role("row", name=GAUZE)
        expect(row).to_contain_text("5 received", timeout=SOON)

    def when_the_analyst_enters_the_invoice(self) -> None:
        self.analyst = page = self.sign_in("ap-analyst")
        page.goto("/invoices")
        page.get_by_label("Invoice, order or ERP number").fill(self.order)
        page.get_by_label("Invoice, order or ERP number").press("Enter")
        page.wait_for_url(re.compile("q="))
        page.get_by_role("link", name=f"Enter invoice for {self.order}").click()
        self.invoice = f"CW-{self.order}"
        page.get_by_label("Invoice number").fill(self.invoice)
        page.get_by_label("Invoice date").fill(self._today())
        page.get_by_role("button", name="Record and match").click()

    def _today(self) -> str:
        today: Any = self.analyst.evaluate("new Date().toISOString().slice(0, 10)")
        return str(today)

    def then_the_invoice_matches(self) -> None:
        page = self.analyst
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Invoice {self.invoice}")
        expect(page.locator("#messages")).to_contain_text("The invoice matches")

    def then_the_engineer_reads_the_message_on_the_wire_and_in_the_portals_words(self) -> None:
        self.engineer = page = self.sign_in("integration-engineer")
        page.goto("/operations/messages")
        page.get_by_label("Number", exact=True).fill(self.order)
        page.get_by_label("Number", exact=True).press("Enter")
        page.wait_for_url(re.compile("q="))
        row = page.get_by_role("row").filter(has_text="S/4HANA").filter(has_text="Done")
        row.get_by_role("link", name=self.order).first.click()
        wire = page.get_by_role("region", name=re.compile("^Request")).last
        expect(wire).to_contain_text("CorrespncExternalReference")
        expect(page.get_by_role("region", name="Answer").last).to_contain_text(self.erp_number)
        words = page.get_by_role("region", name="The document in the portal's words")
        expect(words).to_contain_text(self.order)

    def then_the_engineer_traces_the_requisition(self) -> None:
        page = self.engineer
        page.goto(f"/operations/trace/{self.requisition}")
        for number in (self.requisition, self.order, self.erp_number, self.receipt, self.invoice):
            expect(page.get_by_role("main")).to_contain_text(number)

    def then_the_auditor_finds_the_decision(self) -> None:
        page = self.sign_in("auditor")
        page.goto("/operations/audit")
        page.get_by_label("About").fill(self.requisition)
        page.get_by_label("About").press("Enter")
        page.wait_for_url(re.compile("subject="))
        decision = page.get_by_role("row").filter(has_text="Approver")
        expect(decision.first).to_contain_text("submitted → decided")
