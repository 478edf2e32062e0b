"""A storeroom on a phone: scans without typing, a lost connection that loses nothing, the camera."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, expect

from portal.demo import seed
from tests.browser.accessibility import PHONE, violations

# What a phone has and this machine has not: a camera, and a browser that reads its picture.
CAMERA = """
  window.BarcodeDetector = class { async detect() { return window.seen ? [{rawValue: window.seen}] : []; } };
  navigator.mediaDevices.getUserMedia = async () => document.createElement("canvas").captureStream();
"""
EXPIRED = "01{}1720010110L1"


def gtins() -> dict[tuple[str, str], str]:
    """GTIN by item and unit, as the demo has them."""
    folder = Path(seed.__file__).parent / "data" / "lakeshore"
    with (folder / "items.csv").open(encoding="utf-8") as file:
        found = {(row["code"], row["base_uom"]): row["base_gtin"] for row in csv.DictReader(file)}
    with (folder / "item_packaging.csv").open(encoding="utf-8") as file:
        return found | {(row["item"], row["uom"]): row["gtin"] for row in csv.DictReader(file)}


def test_a_phone_at_the_dock_loses_no_scan(sign_in: Callable[..., Page]) -> None:
    page = sign_in("receiver", viewport=PHONE, has_touch=True, is_mobile=True)
    page.add_init_script(CAMERA)
    row, barcode = open_an_order_of_four(page)
    address = page.url
    expect(page.get_by_label("Scan")).to_be_focused()
    scan(page, barcode)
    expect(row).to_contain_text(re.compile(r"^\D*\d+.*1 "))
    expect(page.locator("[data-said]")).to_contain_text(" counted.")
    expect(page.locator("form[data-receive]")).to_have_attribute("data-tone", "good")

    scan_without_a_connection(page, barcode)
    read_with_the_camera(page, row, barcode)
    complete_a_label(page, row, barcode)
    page.get_by_role("link", name="Check what I counted").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Receipt ")
    assert violations(page) == []
    page.get_by_role("button", name="Post the receipt").click()
    expect(page.locator("#messages")).to_contain_text("is posted")
    erp_document = page.get_by_role("definition").filter(has_text=re.compile(r"^50\d{8}"))
    expect(erp_document).to_be_visible(timeout=90_000)
    page.get_by_role("link", name="Roll back").click()
    page.get_by_label("Reason").fill("Counted the wrong pallet")
    page.get_by_role("button", name="Roll back").click()
    expect(page.locator("#messages")).to_contain_text("is rolled back")

    page.goto(address.replace("/scan", ""))
    page.get_by_role("button", name=re.compile("is damaged, wrong or missing")).first.click()
    expect(page.get_by_label("What is wrong")).to_be_visible()
    page.get_by_label("Quantity").first.fill("2")
    page.get_by_label("Quantity").first.press("Control+ArrowDown")
    expect(page.get_by_label("Quantity").nth(1)).to_have_value("2")
    page.get_by_role("button", name="Account:").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    assert page.evaluate("caches.keys()") == []


def scan_without_a_connection(page: Page, barcode: str) -> None:
    """Two more of the barcode and an expired one; the page is loaded again in between."""
    page.context.set_offline(True)
    scan(page, barcode)
    waiting = page.locator("[data-waiting]")
    expect(waiting).to_contain_text("1 scan waits for the connection")
    expect(page.get_by_label("Scan")).to_be_focused()
    page.get_by_role("link", name="Check what I counted").click()
    expect(page.locator("[data-said]")).to_contain_text("still wait")

    page.reload()  # the page opens again without a connection, and keeps what is scanned
    expect(page.get_by_role("heading", level=1)).to_have_text("No connection")
    scan(page, EXPIRED.format(barcode[2:16]))
    scan(page, barcode)
    expect(waiting).to_contain_text("3 scans wait for the connection")
    assert violations(page) == []

    lose_the_answer(page)  # the portal counts it, the browser never hears of it
    page.context.set_offline(False)
    expect(page.locator("[data-said]")).to_contain_text(re.compile(r"\b3 of \d+ \w+ counted"))
    expect(waiting).to_be_hidden()
    not_counted = page.locator("[data-refused]")
    expect(not_counted).to_contain_text("expired on Jan 1, 2020. Do not receive it")
    assert violations(page) == []
    not_counted.get_by_role("button").click()
    expect(not_counted).to_be_hidden()


def read_with_the_camera(page: Page, row: Locator, barcode: str) -> None:
    """The fourth, taken back again."""
    page.evaluate("(text) => { window.seen = text; }", barcode)
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("[data-said]")).to_contain_text(re.compile(r"\b4 of \d+ \w+ counted"))
    page.evaluate("window.seen = ''")
    page.get_by_role("button", name="Camera").click()
    page.get_by_role("button", name="Take back the last scan").click()
    expect(row).to_contain_text(re.compile(r"^\D*\d+.*3 "))


def complete_a_label(page: Page, row: Locator, barcode: str) -> None:
    """A barcode without lot and expiry, which are typed; then one that nobody knows."""
    scan(page, barcode[:16])
    page.get_by_label("Lot").fill("L2")
    page.get_by_label("Expires").fill("2031-12-31")
    page.get_by_role("button", name="Count it with this").click()
    expect(row).to_contain_text("lot L2, expires Dec 31, 2031")
    scan(page, "NOBODY-KNOWS-THIS")
    expect(page.locator("form[data-receive]")).to_have_attribute("data-tone", "stop")
    assert violations(page) == []


def scan(page: Page, text: str) -> None:
    """As a scanner types: into wherever the focus is, ended by Enter."""
    page.keyboard.type(f"{text}\n")


def lose_the_answer(page: Page) -> None:
    """The next scan arrives, its answer does not."""

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/scan", lose, times=1)


def open_an_order_of_four(page: Page) -> tuple[Locator, str]:
    """The page that scans, at an order with a line of four or more; the line and its barcode."""
    known = gtins()
    page.goto("/receive")
    links = [
        link.get_attribute("href") for link in page.get_by_role("link", name=re.compile("^Receive PO")).all()
    ]
    for link in reversed(links):
        page.goto(f"{link}/scan")
        for row in page.get_by_role("table", name="Counted so far").locator("tbody tr").all():
            code = row.locator(".sub").first.inner_text()
            number, unit = row.locator("td").last.inner_text().split()[-2:]
            if float(number.replace(",", "")) >= 4 and known.get((code, unit)):
                barcode = f"01{known[code, unit]}1731123110L1"
                return page.get_by_role("row").filter(has_text=code), barcode
    raise AssertionError("the demo expects no line of four")
