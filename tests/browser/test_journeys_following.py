"""A requester follows an order and its deliveries: news comes by itself and takes nothing out of the hand."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

SignIn = Callable[..., Page]


def test_a_requester_follows_an_order_and_what_arrives(sign_in: SignIn) -> None:
    manager, buyer = sign_in("clinic-manager"), sign_in("buyer")
    manager.goto("/orders?status=shipped")  # nothing new comes of an order that is finished
    manager.get_by_role("region", name="Orders").get_by_role("link").filter(has_text="PO").first.click()
    address = manager.url
    when_the_buyer_mentions_the_manager(manager, buyer, address)
    then_the_manager_reads_and_answers(manager, address)
    then_the_calendar_is_walked_by_keyboard(manager)


def when_the_buyer_mentions_the_manager(manager: Page, buyer: Page, address: str) -> None:
    steps = manager.get_by_role("list", name="Where this order is").get_by_role("listitem")
    placed = steps.filter(has_text="Placed").first
    placed.locator("summary").click()
    expect(placed.get_by_text("Requested in")).to_be_visible()
    expect(placed.locator("summary")).to_be_focused()
    manager.evaluate("window.notReloaded = true")
    buyer.goto(address)
    box = buyer.get_by_label("Comment", exact=True)
    box.press_sequentially("Is a day later fine, @clinic")
    people = buyer.get_by_role("listbox", name="People")
    people.get_by_role("option", name="Clinic manager", exact=True).click()
    expect(box).to_have_value(re.compile("@Clinic manager $"))
    buyer.get_by_role("button", name="Comment", exact=True).click()
    expect(buyer.locator("#messages")).to_contain_text("Clinic manager will see it")
    said = manager.get_by_role("group", name="Comments").get_by_role("listitem")
    expect(said.filter(has_text="Is a day later fine").last).to_be_visible()
    assert manager.evaluate("window.notReloaded")
    expect(placed.get_by_text("Requested in")).to_be_visible()
    expect(placed.locator("summary")).to_be_focused()


def then_the_manager_reads_and_answers(manager: Page, address: str) -> None:
    manager.goto("/mentions")
    rows = manager.get_by_role("row", name=re.compile("Is a day later fine"))
    rows.get_by_role("link").first.click()
    manager.wait_for_url(re.compile(r"/orders/\d+#comment-\d+$"))
    assert manager.url.startswith(address)
    manager.get_by_label("Comment", exact=True).fill("Yes, it is.")
    manager.get_by_label("Tell", exact=True).select_option("Buyer")
    manager.get_by_role("button", name="Comment", exact=True).click()
    expect(manager.locator("#messages")).to_contain_text("Buyer will see it")


def then_the_calendar_is_walked_by_keyboard(manager: Page) -> None:
    manager.get_by_role("link", name="Expected deliveries").first.click()
    manager.get_by_role("link", name="Month", exact=True).click()
    today = manager.get_by_role("cell").and_(manager.locator("[aria-current=date]"))
    today.get_by_role("link").first.focus()
    manager.keyboard.press("ArrowUp")
    manager.keyboard.press("ArrowDown")
    expect(today.get_by_role("link").first).to_be_focused()
    manager.keyboard.press("Enter")
    expect(manager.get_by_role("link", name="Week", exact=True)).to_have_attribute("aria-current", "page")
    manager.get_by_role("link", name="In your calendar").click()
    manager.get_by_role("button", name="Make the address").click()
    feed = manager.get_by_text(re.compile(r"/calendar/[\w-]+\.ics$")).inner_text()
    answer = manager.request.get(feed)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.text().startswith("BEGIN:VCALENDAR")
