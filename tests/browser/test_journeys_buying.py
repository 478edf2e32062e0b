"""A buyer decides what a supplier changed, from the list to the order."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect


def test_a_buyer_accepts_a_later_day(sign_in: Callable[..., Page]) -> None:
    page = sign_in("buyer")
    page.get_by_role("link", name="Work items").first.click()
    order = when_the_first_later_day_is_opened(page)
    expect(page.get_by_role("radio", name=re.compile("^Accept"))).to_be_checked()
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Order {order}")
    expect(page.locator("#messages")).not_to_be_empty()
    page.goto("/operations/work-items")
    expect(later_days(page).filter(has_text=order)).to_have_count(0)


def later_days(page: Page) -> Locator:
    return page.get_by_role("row").filter(has_text="Date changed")


def when_the_first_later_day_is_opened(page: Page) -> str:
    row = later_days(page).first
    found = re.search(r"PO\d\d-\d+", row.inner_text())
    assert found is not None
    row.get_by_role("link").first.click()
    return found.group()
