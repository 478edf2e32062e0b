"""What clinician, integration engineer, auditor and administrator come to do, in a real browser."""

import re
from collections.abc import Callable

from playwright.sync_api import FilePayload, Page, expect

SignIn = Callable[..., Page]

TAPE = "Medical tape, silk 1 in"


# Clinician


def test_a_clinician_finds_an_item_sees_its_stock_and_requests_it(sign_in: SignIn) -> None:
    page = sign_in("clinician")
    when_the_item_is_found_by_typing(page)
    then_its_stock_here_is_shown(page)
    when_it_is_requested(page)
    then_the_request_waits_for_approval(page)


def when_the_item_is_found_by_typing(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("silk tape 1 in")
    page.get_by_role("link", name=TAPE).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(TAPE)


def then_its_stock_here_is_shown(page: Page) -> None:
    expect(page.get_by_text("Stock and requests are those of Emergency Department.")).to_be_visible()
    expect(page.get_by_role("group", name="Details")).to_contain_text(
        re.compile(r"On hand.*\d+ BX", re.DOTALL)
    )


def when_it_is_requested(page: Page) -> None:
    offer = page.get_by_role("row", name="Cedarwick Medical Distribution").filter(has_text="BX").first
    offer.get_by_label(f"Packs of {TAPE}").fill("2")
    offer.get_by_role("button", name="Add").click()
    expect(page.locator("#messages")).to_contain_text("In the cart")
    page.get_by_role("link", name="Open the cart").click()
    page.get_by_role("button", name="Submit for approval").click()


def then_the_request_waits_for_approval(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("Requisition RQ")
    expect(page.get_by_role("row", name=TAPE)).to_contain_text("Waiting for approval")


# Integration engineer


def test_an_engineer_checks_pauses_and_resumes_a_partner(sign_in: SignIn) -> None:
    page = sign_in("integration-engineer")
    page.goto("/operations/partners")
    when_the_partner_is_checked(page, "Business Network")
    when_the_partner_is_paused(page, "Business Network")
    then_it_can_be_resumed(page, "Business Network")


def when_the_partner_is_checked(page: Page, name: str) -> None:
    page.get_by_role("group", name=name).get_by_role("button", name="Check now").click()
    expect(page.locator("#messages")).to_contain_text(re.compile(r"\(\d+ ms\)"))
    expect(page.get_by_role("group", name=name)).to_contain_text("Reached, login accepted")


def when_the_partner_is_paused(page: Page, name: str) -> None:
    page.get_by_role("group", name=name).get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog", name=f"Stop sending to {name}?")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.locator("#messages")).to_contain_text("Messages wait.")


def then_it_can_be_resumed(page: Page, name: str) -> None:
    page.get_by_role("group", name=name).get_by_role("button", name="Resume").click()
    expect(page.locator("#messages")).to_contain_text("are sent again")


# Auditor


def test_an_auditor_finds_a_sign_in_and_verifies_the_chain(sign_in: SignIn) -> None:
    page = sign_in("auditor")
    page.goto("/operations/audit")
    page.get_by_label("Person").select_option("Auditor")
    page.wait_for_url(re.compile("person="))
    signed_in = page.get_by_role("row").filter(has_text="Sign in: succeeded")
    expect(signed_in.first).to_contain_text("Auditor")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.locator("#messages")).to_contain_text(re.compile(r"All \d+ seals hold"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert download.value.suggested_filename == "audit.csv"


# Administrator

CODE = "79990001"


def test_an_administrator_corrects_an_import(sign_in: SignIn) -> None:
    page = sign_in("administrator")
    when_a_file_is_uploaded(page, "code,name\n79990002,\n79990001,Supplies on trial\n79990001,Doubled\n")
    then_each_error_has_its_row_and_column(page)
    when_a_file_is_uploaded(page, f"code,name\n{CODE},Supplies on trial\n")
    then_it_can_be_applied(page)


def when_a_file_is_uploaded(page: Page, text: str) -> None:
    page.get_by_role("link", name="Imports").first.click()
    page.get_by_label("What the file holds").select_option("GL accounts")
    file = FilePayload(name="accounts.csv", mimeType="text/csv", buffer=text.encode())
    page.get_by_label("CSV or Excel file (.xlsx)").set_input_files(file)
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("accounts.csv")


def then_each_error_has_its_row_and_column(page: Page) -> None:
    errors = page.get_by_role("table", name="Errors").get_by_role("row")
    expect(errors.filter(has_text="Row 2").filter(has_text="name")).to_be_visible()
    expect(errors.filter(has_text="Row 4").filter(has_text="code")).to_be_visible()
    expect(page.get_by_role("button", name="Import these rows")).to_have_count(0)


def then_it_can_be_applied(page: Page) -> None:
    page.get_by_role("button", name="Import these rows").click()
    expect(page.get_by_text("Imported", exact=True)).to_be_visible()


def test_an_administrator_adds_a_person_with_a_role(sign_in: SignIn) -> None:
    page = sign_in("administrator")
    page.goto("/people")
    page.get_by_role("link", name="New person").click()
    page.get_by_label("Name").fill("Night receiver")
    page.get_by_label("E-mail").fill("night-receiver@lakeshore.example")
    page.get_by_label("Password").fill("a long phrase for the night")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Night receiver")
    page.get_by_label("Role", exact=True).select_option("Receiver")
    page.get_by_role("button", name="Give role").click()
    expect(page.get_by_role("row", name="Receiver")).to_be_visible()
    page.goto("/people")
    page.get_by_label("Name or e-mail").fill("night")
    expect(page.get_by_role("row", name="Night receiver")).to_contain_text("Receiver")
