"""A rejected line is changed and asked again; the approver is absent, so somebody else decides for them."""

from collections.abc import Callable
from datetime import date, timedelta

from playwright.sync_api import Page, expect


def test_a_rejected_line_is_asked_again_and_a_delegate_says_yes(sign_in: Callable[..., Page]) -> None:
    manager = sign_in("clinic-manager")
    manager.goto("/requisitions?state=rejected&q=Emergency")
    manager.get_by_role("table").get_by_role("rowheader").get_by_role("link").first.click()
    number = manager.get_by_role("heading", level=1).inner_text().removeprefix("Requisition ")
    manager.get_by_role("link", name="Ask again").first.click()
    manager.get_by_label("Quantity").fill("1")
    manager.get_by_label("Why").fill("One is enough for the training day")
    manager.get_by_role("button", name="Ask again").click()
    expect(manager.locator("#messages")).to_contain_text("waits for approval again")

    administrator = sign_in("administrator")
    administrator.goto("/approvals/delegations")
    administrator.get_by_label("Who is absent").select_option("Approver")
    administrator.get_by_label("Who decides meanwhile").select_option("Buyer")
    administrator.get_by_label("Last day").fill((date.today() + timedelta(days=7)).isoformat())  # noqa: DTZ011
    administrator.get_by_role("button", name="Set it").click()
    expect(administrator.get_by_role("row", name="Approver Buyer")).to_be_visible()

    buyer = sign_in("buyer")
    buyer.goto("/approvals")
    buyer.get_by_role("link", name=number).click()
    expect(buyer.get_by_role("main")).to_contain_text("You decide for Approver")
    expect(buyer.get_by_role("main")).to_contain_text("→ 1.")
    buyer.get_by_role("button", name="Send the decision").click()
    expect(buyer.locator("#messages")).to_contain_text(number)
    manager.reload()
    expect(manager.get_by_role("main")).to_contain_text("Buyer for Approver")
