"""Without JavaScript, with a session that ends in the middle of a form, and across organizations."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from portal.demo.accounts import PHRASE, email_of
from tests.browser.accessibility import PHONE

SignIn = Callable[..., Page]


def test_without_javascript_a_manager_requests(sign_in: SignIn) -> None:
    page = sign_in("clinic-manager-2", java_script_enabled=False)
    page.goto("/guide")
    row = page.get_by_role("row").filter(has=page.get_by_role("spinbutton")).first
    name = row.get_by_role("rowheader").get_by_role("link").inner_text()
    row.get_by_role("spinbutton").fill("2")
    page.get_by_role("button", name="Add all to the cart").click()
    expect(page.locator("#messages")).to_contain_text("1 item added to the cart.")
    page.get_by_role("link", name="Open the cart").click()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Requisition RQ")
    expect(page.get_by_role("row", name=name)).to_contain_text("Waiting for approval")
    page.get_by_role("link", name="Show the newest state").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Requisition RQ")


def test_without_javascript_a_receiver_receives(sign_in: SignIn) -> None:
    page = sign_in("receiver", java_script_enabled=False, viewport=PHONE)
    page.goto("/receive")
    shipped = page.get_by_role("row").filter(has=page.get_by_text("Shipped", exact=True))
    row = shipped.filter(has_text="Emergency Department").first
    row.get_by_role("link", name="Receive").click()
    page.get_by_role("button", name="Fill from the ship notice").click()
    page.get_by_role("button", name="Check what I entered").click()
    page.get_by_role("button", name="Post the receipt").click()
    expect(page.locator("#messages")).to_contain_text("is posted")


def test_a_session_that_times_out_in_the_middle_of_a_form_loses_nothing(
    sign_in: SignIn, time_out: Callable[[str], None]
) -> None:
    page, email = sign_in("clinic-manager"), email_of("clinic-manager", "lakeshore")
    given_a_cart_for(page, "Laboratory")
    page.get_by_label("Note to the approver and buyer").fill("For the second analyzer")
    time_out(email)
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.get_by_text("What you typed is kept")).to_be_visible()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PHRASE)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Continue where you were")
    expect(page.get_by_role("main")).to_contain_text("For the second analyzer")
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Requisition RQ")
    expect(page.get_by_text("For the second analyzer")).to_be_visible()


def given_a_cart_for(page: Page, location: str) -> None:
    page.goto("/guide")
    page.get_by_label("Location", exact=True).select_option(location)
    page.wait_for_url(re.compile("location="))
    page.get_by_role("spinbutton").first.fill("1")
    page.get_by_role("button", name="Add all to the cart").click()
    expect(page.locator("#messages")).to_contain_text("1 item added to the cart.")
    page.get_by_role("link", name="Open the cart").click()
    expect(page.get_by_role("button", name="Submit for approval")).to_be_visible()


def test_a_person_of_another_organization_sees_nothing(sign_in: SignIn) -> None:
    ours, theirs = sign_in("buyer"), sign_in("buyer", "prairie")
    ours.goto("/orders")
    ours.get_by_role("table", name="Orders").get_by_role("rowheader").get_by_role("link").first.click()
    expect(ours.get_by_role("heading", level=1)).to_contain_text("Order PO")
    for address in (ours.url, f"{ours.url}/print", f"{ours.url}/live"):
        answer = theirs.goto(address)
        assert answer is not None
        assert answer.status == 404
        expect(theirs.get_by_role("heading", level=1)).to_have_text("Page not found")
