"""A scanner at the point of care is faster than the network: none of its scans is lost or torn."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, ViewportSize, expect

HOLDERS = ("09521120010508", "09521120010607", "09521120010706")
PANEL: ViewportSize = {"width": 400, "height": 900}


@pytest.fixture
def case(sign_in: Callable[..., Page]) -> Page:
    """A case that nobody planned, in a narrow side panel."""
    page = sign_in("clinician", viewport=PANEL)
    page.goto("/care")
    page.get_by_label("Procedure").fill("Wound care")
    page.get_by_role("button", name="Begin the case").click()
    expect(page.get_by_label("Scan")).to_be_focused()
    return page


def test_scans_that_come_too_fast_wait_in_their_order(case: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    case.route("**/care/*/", hold, times=1)
    first, second, third = HOLDERS
    case.keyboard.type(f"{first}\n")
    expect(case.locator("form[data-sent]")).to_have_count(1)
    case.keyboard.type(f"]E0{second[1:]}")
    case.keyboard.press("Tab")
    case.keyboard.type(f"01{third}10A")
    held.pop().continue_()
    expect(case.get_by_role("heading", name="Glove box holder, wall, double")).to_be_visible()
    expect(case.get_by_label("Scan")).to_have_value(f"01{third}10A")
    case.keyboard.press("Control+]")
    case.keyboard.type("21S1")
    case.keyboard.press("Tab")
    expect(case.get_by_role("heading", name="Glove box holder, wall, triple")).to_be_visible()
    expect(case.get_by_label("Scan")).to_have_value("")
    expect(case.get_by_label("Scan")).to_be_focused()
    lines = case.locator(".care-line")
    expect(lines).to_have_count(2)
