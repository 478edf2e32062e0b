"""Launches from the sandbox EHR in Chromium: inside the chart of another site, and in a tab."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, ViewportSize, expect

from tests.browser.accessibility import violations
from tests.chromium import launch_arguments

PANEL: ViewportSize = {"width": 440, "height": 900}


@pytest.fixture
def desk(browser: Browser, portal_url: str) -> Iterator[Callable[[], Page]]:
    """Opens the sandbox EHR in a further tab of one browser; its port is the fourth after the portal's."""
    context = browser.new_context(viewport=PANEL)
    address = f"http://localhost:{(urlsplit(portal_url).port or 0) + 4}/"

    def open_tab() -> Page:
        page = context.new_page()
        page.goto(address)
        return page

    yield open_tab
    context.close()


def open_chart(page: Page, encounter: str, ehr: str = "epic") -> FrameLocator:
    page.get_by_label("EHR").select_option(ehr)
    page.get_by_label("Patient and encounter").select_option(encounter)
    page.get_by_role("button", name="Open in the chart").click()
    return page.frame_locator("iframe")


def test_two_charts_in_two_tabs_of_another_site_never_mix(desk: Callable[[], Page]) -> None:
    first, second = desk(), desk()
    a = open_chart(first, "encounter-a")
    expect(a.get_by_text("Test patient A")).to_be_visible()
    b = open_chart(second, "encounter-b")
    expect(b.get_by_text("Test patient B")).to_be_visible()
    first.frames[1].evaluate("location.reload()")
    expect(a.get_by_text("Test patient A")).to_be_visible()
    expect(b.get_by_text("Test patient B")).to_be_visible()
    cookies = {cookie["name"]: cookie for cookie in first.context.cookies()}
    assert cookies["portal_embedded"]["sameSite"] == "None"
    assert cookies["portal_embedded"]["secure"]
    assert cookies["portal_embedded"].get("partitionKey")
    assert "portal" not in cookies


def test_a_chart_works_where_cookies_of_others_are_blocked(portal_url: str, desk: Callable[[], Page]) -> None:
    """In a browser of its own, since the setting is the whole browser's."""
    playwright = desk().context.browser.browser_type  # type: ignore[union-attr]
    arguments = launch_arguments()
    arguments["args"] = [*arguments.get("args", []), "--test-third-party-cookie-phaseout"]
    strict = playwright.launch(**arguments)
    try:
        page = strict.new_page()
        page.goto(f"http://localhost:{(urlsplit(portal_url).port or 0) + 4}/")
        expect(open_chart(page, "encounter-a").get_by_text("Test patient A")).to_be_visible()
    finally:
        strict.close()


def test_a_tab_of_its_own(desk: Callable[[], Page]) -> None:
    page = desk()
    page.get_by_label("EHR").select_option("oracle")
    page.get_by_role("button", name="Open in a tab").click()
    expect(page.get_by_text("Test patient A")).to_be_visible()
    assert "code=" not in page.url
    assert page.evaluate("document.referrer") == ""


def test_an_ehr_that_opens_a_tab_says_so_inside_a_chart_and_offers_one(desk: Callable[[], Page]) -> None:
    page = desk()
    frame = open_chart(page, "encounter-a", "oracle")
    expect(frame.get_by_role("heading", name="Clinic Supply did not open")).to_be_visible()
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Open in a tab").click()
    expect(opened.value.get_by_text("Test patient A")).to_be_visible()


def test_the_pages_about_ehrs_are_accessible(sign_in: Callable[..., Page]) -> None:
    page = sign_in("administrator")
    for path in ("/ehr-systems", "/ehr-systems/new", "/ehr-systems/epic"):
        page.goto(path)
        assert violations(page) == []
