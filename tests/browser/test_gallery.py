"""Every component in a real browser: accessible in both themes, usable by keyboard, without JavaScript."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect
from werkzeug.serving import make_server

from tests.browser.accessibility import DESK, PHONE, violations
from tests.browser.gallery import PAGES, create_gallery

# A page that is left drops the files it still waits for.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

EVERY_PAGE = [*PAGES, "paper", "plain", "error/404"]


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """The address of a running gallery."""
    server = make_server("127.0.0.1", 0, create_gallery(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def desk(browser: Browser, gallery: str) -> Iterator[Page]:
    """A wide window with JavaScript."""
    with browser.new_context(base_url=gallery, viewport=DESK) as context:
        yield context.new_page()


@pytest.fixture
def bare(browser: Browser, gallery: str) -> Iterator[Page]:
    """A phone without JavaScript."""
    with browser.new_context(base_url=gallery, viewport=PHONE, java_script_enabled=False) as context:
        yield context.new_page()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_pages_are_accessible_fit_and_obey_the_policy(
    browser: Browser, gallery: str, theme: Any, viewport: Any
) -> None:
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "/error/" not in message.location["url"]:
            said.append(message.text)

    with browser.new_context(base_url=gallery, viewport=viewport, color_scheme=theme) as context:
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: said.append(str(error)))
        for name in EVERY_PAGE:
            page.goto(f"/{name}")
            said.extend(f"{name}: {violation}" for violation in violations(page))
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
            shown = "light" if name == "paper" else theme
            assert page.locator("html").get_attribute("data-bs-theme") == shown
    assert said == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_opens_is_accessible(browser: Browser, gallery: str, theme: Any) -> None:
    with browser.new_context(base_url=gallery, viewport=DESK, color_scheme=theme) as context:
        page = context.new_page()
        for name, opener in [
            ("order", "Cancel the open part"),
            ("parts", "Drawer"),
            ("parts", "Dialog"),
            ("list", "Account: Clinic manager"),
            ("form", "Submit for approval"),
        ]:
            page.goto(f"/{name}")
            page.get_by_role("button", name=opener, exact=True).first.click()
            page.wait_for_load_state()
            assert violations(page) == [], opener
        page.goto("/order")
        for summary in page.locator(".step-summary").all():
            summary.click()
            assert violations(page) == []


def test_every_icon_on_the_pages_is_in_the_sprite(desk: Page) -> None:
    for name in EVERY_PAGE:
        desk.goto(f"/{name}")
        used = desk.locator("use").evaluate_all("found => found.map(use => use.getAttribute('href'))")
        sprite = desk.request.get("/icons.svg").text()
        assert [href for href in used if f'id="{href.split("#")[1]}"' not in sprite] == []


def test_a_step_opens_its_card_alone(desk: Page) -> None:
    desk.goto("/order")
    expect(desk.get_by_text("Buyer accepts the date or finds a substitute")).to_be_visible()
    desk.get_by_text("Shipped", exact=True).first.click()
    expect(desk.get_by_text("One parcel is on its way.")).to_be_visible()
    expect(desk.get_by_text("Buyer accepts the date or finds a substitute")).not_to_be_visible()


def test_a_dialog_holds_the_focus_and_gives_it_back(desk: Page) -> None:
    desk.goto("/order")
    opener = desk.get_by_role("button", name="Cancel the open part")
    opener.focus()
    desk.keyboard.press("Enter")
    dialog = desk.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Keep as it is")).to_be_focused()
    assert desk.evaluate("document.querySelector('dialog[open]').matches(':modal')")
    desk.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(opener).to_be_focused()
    opener.click()
    dialog.get_by_role("button", name="Keep as it is").click()
    expect(opener).to_be_focused()


def test_without_javascript_a_question_is_asked_and_answered(bare: Page) -> None:
    bare.goto("/order")
    bare.get_by_role("button", name="Cancel the open part").click()
    expect(bare.get_by_text("Cancel the 40 boxes that are still open?")).to_be_visible()
    with bare.expect_request(lambda request: request.method == "POST") as sent:
        bare.get_by_role("button", name="Cancel 40 boxes").click()
    assert "csrf_token=" in (sent.value.post_data or "")


def test_without_javascript_menus_open_and_helpers_stay_away(bare: Page) -> None:
    bare.goto("/receive")
    expect(bare.get_by_role("link", name="Orders", exact=True)).not_to_be_visible()
    bare.get_by_role("button", name="Menu").click()
    expect(bare.get_by_role("link", name="Orders", exact=True)).to_be_visible()
    assert bare.locator(".needs-js:visible").count() == 0


def test_without_javascript_a_refused_form_says_what_and_keeps_the_rest(bare: Page) -> None:
    bare.goto("/form")
    bare.get_by_label("Comment").fill("For the new clinic")
    bare.get_by_label("Quantity").fill("-3")
    bare.get_by_role("button", name="Submit for approval").click()
    expect(bare.get_by_role("alert")).to_contain_text("Enter a quantity above zero.")
    expect(bare.get_by_label("Comment")).to_have_value("For the new clinic")
    expect(bare.get_by_label("Quantity")).to_have_value("-3")
    expect(bare.get_by_label("Quantity")).to_have_accessible_description(
        "Error: Enter a quantity above zero."
    )


def test_an_error_in_the_summary_leads_to_its_field(desk: Page) -> None:
    desk.goto("/form")
    desk.get_by_role("button", name="Submit for approval").click()
    expect(desk.get_by_role("alert")).to_be_focused()
    desk.get_by_role("link", name="Choose how urgent it is.").click()
    expect(desk.get_by_label("Routine")).to_be_focused()


def test_search_by_keyboard_alone(desk: Page) -> None:
    desk.goto("/list")
    desk.keyboard.press("/")
    desk.keyboard.type("glo")
    first = desk.get_by_role("link", name="Exam gloves, nitrile, medium")
    expect(first).to_be_visible()
    desk.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    desk.keyboard.press("Escape")
    expect(first).not_to_be_visible()
    expect(desk.get_by_role("searchbox", name="Search items and documents")).to_be_focused()
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/list?q=glo")


def test_a_scanner_s_group_separator_reaches_the_server(desk: Page) -> None:
    desk.goto("/receive")
    desk.get_by_role("searchbox", name="Scan a barcode").focus()
    desk.keyboard.type("]d2010064316900176310A1")
    desk.keyboard.press("Control+]")
    desk.keyboard.type("21S1\n")
    desk.wait_for_url(lambda url: "scan=%5Dd2010064316900176310A1%E2%90%9D21S1" in url)


def test_filters_apply_themselves_and_keep_the_address(desk: Page) -> None:
    desk.goto("/list?sort=-at")
    desk.evaluate("window.same = true")
    desk.get_by_label("Status").select_option("open")
    desk.wait_for_url(lambda url: "status=open" in url)
    expect(desk.get_by_label("Status")).to_have_value("open")
    assert desk.evaluate("window.same")


def test_a_double_click_sends_once(desk: Page) -> None:
    desk.goto("/order")
    sent: list[str] = []

    def answer_late(route: Route) -> None:
        sent.append(route.request.method)
        desk.wait_for_timeout(300)
        route.continue_()

    desk.route("**/order", answer_late)
    desk.get_by_role("button", name="Accept the new date").dblclick()
    desk.wait_for_load_state("networkidle")
    assert sent.count("POST") == 1


def test_the_theme_is_remembered(desk: Page) -> None:
    desk.goto("/list")
    desk.get_by_role("button", name="Switch between light and dark").click()
    expect(desk.locator("html")).to_have_attribute("data-bs-theme", "dark")
    desk.goto("/order")
    expect(desk.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert 'data-bs-theme="dark"' in desk.request.get("/order").text()


def test_quantities_by_buttons_and_keys_never_overwrite_what_was_typed(desk: Page) -> None:
    desk.goto("/receive")
    first, second, third = (desk.locator(f"#line-{number}") for number in range(3))
    desk.get_by_role("button", name="One more").first.click()
    expect(first).to_have_value("5")
    third.fill("7")
    first.focus()
    desk.keyboard.press("Control+ArrowDown")
    expect(second).to_be_focused()
    expect(second).to_have_value("5")
    desk.keyboard.press("Control+ArrowDown")
    expect(third).to_have_value("7")
    desk.keyboard.press("ArrowUp")
    expect(second).to_be_focused()
    expect(second).to_have_value("5")


def test_one_box_selects_the_page(desk: Page) -> None:
    desk.goto("/list")
    desk.get_by_label("Select all on this page").check()
    sent = desk.evaluate("[...new FormData(document.getElementById('bulk')).getAll('selected')]")
    assert json.loads(json.dumps(sent)) == [str(number) for number in range(12)]


def test_a_message_goes_away_and_hands_on_the_focus(desk: Page) -> None:
    desk.goto("/list?flash=1")
    expect(desk.get_by_role("status")).to_contain_text("was submitted")
    desk.get_by_role("button", name="Dismiss this message").click()
    expect(desk.get_by_role("status")).to_be_empty()
    expect(desk.locator("main")).to_be_focused()


def test_paper_shows_the_content_alone(desk: Page) -> None:
    desk.goto("/list")
    desk.emulate_media(media="print")
    for chrome in (".topbar", ".sidebar", ".filter-bar", ".pagination-bar"):
        expect(desk.locator(chrome).filter(visible=True)).to_have_count(0)
    expect(desk.get_by_role("table")).to_be_visible()
