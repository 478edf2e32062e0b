"""From the order guide to the submitted request in few steps; a cart filled by keyboard alone."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import violations

SignIn = Callable[..., Page]
MOST_INTERACTIONS = 8
LINES = 5
ITEM = "110030"


class Counted:
    """Counts what a person does: a box filled or a button pressed is one."""

    def __init__(self) -> None:
        self.interactions = 0

    def fill(self, box: Locator, text: str) -> None:
        self.interactions += 1
        box.fill(text)

    def press(self, button: Locator) -> None:
        self.interactions += 1
        button.click()


def test_five_lines_from_the_guide_are_submitted_in_eight_steps(sign_in: SignIn) -> None:
    page, person = sign_in("clinic-manager-2"), Counted()
    page.goto("/guide")
    rows = page.get_by_role("row").filter(has=page.get_by_role("spinbutton"))
    for number in range(LINES):
        suggested = rows.nth(number).get_by_role("cell").nth(2).inner_text().split()[0]
        person.fill(rows.nth(number).get_by_role("spinbutton"), suggested if suggested.isdigit() else "1")
    person.press(page.get_by_role("button", name="Add all to the cart"))
    expect(page.locator("#messages")).to_contain_text("5 items added to the cart.")
    person.press(page.get_by_role("link", name="Open the cart"))
    person.press(page.get_by_role("button", name="Submit for approval"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Requisition RQ")
    assert person.interactions <= MOST_INTERACTIONS
    then_a_cart_is_filled_by_keyboard(page)


def then_a_suggestion_is_taken(page: Page) -> None:
    code = page.get_by_role("combobox", name="Item number, part number or scan")
    code.press_sequentially("nitrile")
    options = page.get_by_role("listbox", name="Items that match").get_by_role("option")
    expect(options.first).to_be_visible()
    code.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert violations(page) == []
    code.press("Enter")
    expect(options).to_have_count(0)
    expect(code).to_have_value(re.compile(r"^\d+$"))
    expect(page.get_by_label("Packs", exact=True)).to_be_focused()
    code.fill("")


def then_a_line_is_shared(page: Page) -> None:
    page.locator("summary", has_text="Pack, day, place, cost center").first.click()
    page.get_by_label("Who pays").first.select_option("Several, by percent")
    page.get_by_label("Part 1 in %").fill("60")
    expect(page.get_by_label("Cost center 1")).not_to_have_value("")
    expect(page.get_by_text("The cart is updated.")).to_be_visible()
    second = page.locator("#cost-centers option").nth(1).get_attribute("value") or ""
    page.get_by_label("Cost center 2").fill(second)
    page.get_by_label("Part 2 in %").fill("40")
    assert violations(page) == []
    page.get_by_role("group", name="Who pays how much").get_by_role("button", name="Update the cart").click()
    expect(page.locator("summary", has_text=second)).to_be_visible()


def then_a_cart_is_filled_by_keyboard(page: Page) -> None:
    page.goto("/cart")
    page.get_by_label("Item number, part number or scan").click()
    page.keyboard.type(ITEM)
    page.keyboard.press("Enter")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("In the cart: 2")
    expect(page.get_by_label("Item number, part number or scan")).to_be_focused()
    then_a_suggestion_is_taken(page)
    then_a_line_is_shared(page)
    page.get_by_role("spinbutton").first.fill("3")
    kept = page.locator("#kept")
    expect(kept).to_contain_text("Saved")
    page.get_by_role("button", name="Delete the cart").click()
    expect(page.get_by_role("button", name="Put it back")).to_be_visible()
