"""The point of care in a real browser: by scanner or keyboard alone, in a narrow panel, from an EHR."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.accessibility import DESK, PHONE, violations

SignIn = Callable[..., Page]
GS = "\u241d"
SCAN = "Scan, or type a name or number"
LEFT_KNEE = "0109521109011601"
TIBIAL = "0109521109012004"
INSERT = "0109521109012301"
CEMENT = "0109521109014008"
PATELLA = "0109521109012608"
PENCIL = "Electrosurgical pencil, button"
BELL = "document.getElementById('live').dataset.sound"


class Panel:
    """The page as who works with it sees it; `page` may be a frame inside an EHR."""

    def __init__(self, page: Page, place: str, patient: str) -> None:
        self.page = page
        self.place, self.patient = place, patient

    def scan(self, text: str) -> None:
        """As a scanner does: keys, wherever the focus is, then Enter."""
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def live(self) -> Locator:
        return self.page.locator("#live")


@pytest.fixture
def knee(sign_in: SignIn) -> Panel:
    """The first case of the day in the first operating room, in a panel of 400 px."""
    panel = Panel(sign_in("clinician", viewport=PHONE), "Operating Room 1", "Test patient A")
    _open(panel, 0)
    return panel


def _open(panel: Panel, position: int) -> None:
    panel.page.goto("/care")
    options = panel.page.get_by_label("Location").locator("option")
    value = options.filter(has_text=panel.place).first.get_attribute("value")
    panel.page.goto(f"/care?location={value}")
    panel.page.locator("a.care-case").nth(position).click()
    expect(panel.page.get_by_label("Patient")).to_contain_text(panel.patient)


def test_an_implant_by_scanner_alone_then_undone(knee: Panel) -> None:
    scan = knee.page.get_by_label(SCAN)
    expect(scan).to_be_focused()
    knee.scan(f"{LEFT_KNEE}10KF2601{GS}21KF2601-001")
    expect(knee.live()).to_contain_text("KF2601-001")
    expect(knee.live()).to_contain_text("Which side of the body?")
    assert knee.page.evaluate(BELL) == "ask"
    knee.page.get_by_role("button", name="Record as implanted").focus()
    knee.scan(".left")  # what is typed on a button lands in the scan field
    expect(scan).to_be_focused()
    knee.scan(".ok")
    expect(knee.live()).to_contain_text(
        "1 piece of Knee femoral component, left size 4: implanted, recorded."
    )
    assert knee.page.evaluate(BELL) == "good"
    knee.scan(f"{LEFT_KNEE}10KF2601{GS}21KF2601-001")
    expect(knee.live()).to_contain_text("Stop: used before")
    assert knee.page.evaluate(BELL) == "stop"
    knee.scan(".clear")
    expect(knee.live()).to_contain_text("Put away.")
    knee.scan(".undo")
    expect(knee.live()).to_contain_text("The stock is back where it was.")
    knee.scan(f"{LEFT_KNEE}10KF2601{GS}21KF2601-001")
    expect(knee.live()).not_to_contain_text("Stop: used before")


def test_expired_and_set_aside_are_refused(knee: Panel) -> None:
    knee.scan(f"{INSERT}10TI2210{GS}21TI2210-007")
    expect(knee.live()).to_contain_text("Stop: expired")
    knee.page.get_by_role("button", name="Record all the same").click()
    expect(knee.live()).to_contain_text(re.compile("Which side of the body|Or say why"))
    knee.scan(".clear")
    knee.scan(f"{PATELLA}10PA2190{GS}21PA2190-003")
    expect(knee.live()).to_contain_text(re.compile("Stop: (set aside|recalled)"))


def test_a_lot_recalled_on_the_recall_page_is_refused(knee: Panel, sign_in: SignIn) -> None:
    receiver = sign_in("receiver")
    receiver.goto("/recalls/new")
    receiver.get_by_label("What is recalled").fill("Cement that does not set")
    receiver.get_by_label("Device identifier or item number").fill("128430")
    receiver.get_by_label("Lots").fill("BC2301")
    receiver.get_by_role("button", name="Recall and set aside").click()
    expect(receiver.get_by_role("heading", level=1)).to_contain_text("Recall RC")
    expect(receiver.get_by_role("rowheader", name="Operating Room 1 Set aside")).to_be_visible()
    knee.scan(f"{CEMENT}10BC2301")
    expect(knee.live()).to_contain_text("Stop: recalled")
    expect(knee.live()).to_contain_text(
        re.compile(r"Recall RC\S+: Cement that does not set\. Put it aside for the storeroom")
    )
    assert knee.page.evaluate(BELL) == "stop"
    knee.scan(".ok")
    expect(knee.live()).to_contain_text("Or say why it is used all the same.")
    knee.page.get_by_text("The physician decided to use it").click()
    knee.page.get_by_role("button", name="Record all the same").click()
    expect(knee.live()).to_contain_text("1 piece of Bone cement, 40 g: used, recorded.")
    knee.scan(".undo")
    expect(knee.live()).to_contain_text("The stock is back where it was.")


def test_scans_faster_than_the_answers_are_not_lost(knee: Panel) -> None:
    for text in (f"{TIBIAL}10TB2603{GS}21TB2603-001", ".noside", ".ok", "124030", ".ok"):
        knee.scan(text)
    expect(knee.live()).to_contain_text("Custom pack, total knee: used, recorded.")
    lines = knee.page.locator(".care-lines li")
    expect(lines.filter(has_text="Tibial baseplate, size 3")).to_have_count(1)


def test_with_the_keyboard_only_a_request_and_its_undo(knee: Panel) -> None:
    page = knee.page
    tile = page.get_by_role("button", name=re.compile(PENCIL))
    _tab_to(page, tile)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=PENCIL)).to_be_visible()
    more = page.locator("summary", has_text="Request more")
    _tab_to(page, more)
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("button", name="Request", exact=True))
    page.keyboard.press("Enter")
    expect(knee.live()).to_contain_text(re.compile(r"Requested: 1 \w+ of Electrosurgical pencil.*RQ"))
    _tab_to(page, knee.live().get_by_role("button", name="Undo", exact=True).first)
    page.keyboard.press("Enter")
    expect(knee.live()).to_contain_text("Nothing is ordered.")


def _tab_to(page: Page, target: Locator) -> None:
    for _ in range(80):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def test_two_patients_in_two_tabs_stay_apart(knee: Panel) -> None:
    second = Panel(knee.page.context.new_page(), "Operating Room 1", "Test patient D")
    _open(second, 1)
    second.scan("124030")
    second.page.get_by_role("button", name="Record as used").click()
    expect(second.live()).to_contain_text("recorded")
    knee.page.reload()
    expect(knee.page.get_by_label("Patient")).to_contain_text("Test patient A")
    expect(second.page.get_by_label("Patient")).to_contain_text("Test patient D")
    assert knee.page.url != second.page.url


@pytest.fixture
def ehr(demo_folder: Path, portal_url: str) -> str:
    """The sandbox EHR: another site than the portal, for the browser."""
    found = re.search(r"Launch from an EHR (http://\S+)", (demo_folder / "demo.txt").read_text())
    assert found
    return found.group(1)


def test_launched_inside_the_chart_of_another_site(browser: Browser, ehr: str) -> None:
    page = browser.new_context(viewport=DESK).new_page()
    _launch(page, ehr, "Epic", "Open in the chart")
    panel = page.frame_locator("iframe")
    expect(panel.get_by_label("Patient")).to_contain_text("Test patient A")
    expect(panel.get_by_role("heading", level=1)).to_have_text("Operating Room 1")
    expect(panel.get_by_text("Preference card: Total knee replacement")).to_be_visible()
    panel.get_by_label(SCAN).fill("124030")
    panel.get_by_label(SCAN).press("Enter")
    panel.get_by_role("button", name="Record as used").click()
    expect(panel.locator("#live")).to_contain_text("Custom pack, total knee: used, recorded.")
    panel.locator("#live").get_by_role("button", name="Undo", exact=True).first.click()
    expect(panel.locator("#live")).to_contain_text("The stock is back where it was.")
    page.context.close()


def test_launched_in_a_tab_each_patient_has_one(browser: Browser, ehr: str) -> None:
    context = browser.new_context(viewport=PHONE)
    for encounter, patient in (("VISIT-A-1", "Test patient A"), ("VISIT-B-1", "Test patient B")):
        page = context.new_page()
        _launch(page, ehr, "Oracle", "Open in a tab", encounter)
        expect(page.get_by_label("Patient")).to_contain_text(patient)
        assert patient not in page.title()
        assert patient.replace(" ", "") not in page.url
    first = context.pages[0]
    first.reload()
    expect(first.get_by_label("Patient")).to_contain_text("Test patient A")
    context.close()


def _launch(page: Page, ehr: str, kind: str, how: str, encounter: str = "VISIT-A-1") -> None:
    page.goto(ehr)
    for label, words in (("EHR", kind), ("Patient and encounter", encounter)):
        choice = page.get_by_label(label, exact=True)
        value = choice.locator("option").filter(has_text=words).first.get_attribute("value")
        choice.select_option(value)
    page.get_by_role("button", name=how).click()


def test_a_case_closes_with_an_explicit_nothing(sign_in: SignIn) -> None:
    page = sign_in("clinician", viewport=PHONE)
    page.goto("/care")
    page.get_by_label("Procedure").fill("Wound care")
    page.get_by_role("button", name="Begin the case").click()
    page.get_by_role("button", name="Done with this case").click()
    expect(page.get_by_text("Was nothing used?").first).to_be_visible()
    page.get_by_role("button", name="Nothing was used").click()
    expect(page.get_by_text("Nothing was used. The case is closed.")).to_be_visible()
    expect(page.get_by_label(SCAN)).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["400", "1440"])
def test_every_state_is_accessible_and_fits(sign_in: SignIn, theme: str, size: dict[str, int]) -> None:
    page = sign_in("clinician", viewport=size)
    page.context.add_cookies([{"name": "theme", "value": theme, "url": page.url}])
    panel = Panel(page, "Operating Room 1", "Test patient A")
    _open(panel, 0)
    for text, shown in (
        ("knee femoral", "Which one?"),
        (f"{LEFT_KNEE}10KF2601{GS}21KF2601-002", "Which side of the body?"),
        (".clear", "Put away."),
        (f"{INSERT}10TI2210{GS}21TI2210-007", "Stop: expired"),
    ):
        panel.scan(text)
        expect(panel.live()).to_contain_text(shown)
        assert violations(page) == []
        assert not page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        assert page.evaluate(SMALL) == []


TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
SMALL = """
[...document.querySelectorAll(".care :is(button, summary, a.button, .choice-label)")]
  .map((one) => [one.getBoundingClientRect(), one.textContent.trim()])
  .filter(([box]) => box.width && (box.height < 44 || box.width < 44)).map(([, text]) => text)
"""
