"""What a launch refuses: every page helps, none is a 500, and nothing works twice."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from portal.clinical.models import Launch
from portal.clinical.rules import LaunchState
from portal.foundation.db import db, enter_organization
from portal.identity.models import Account
from portal.identity.rules import Role
from tests.ehr_sandbox import AT_WORK, Ehr, app_with_key, sandbox_ehr
from tests.hospital import Hospital

CHART = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def signing_app(app: Flask) -> Iterator[Flask]:
    with app_with_key() as made:
        yield made


@pytest.fixture
def ehr(hospital: Hospital, signing_app: Flask) -> Iterator[Ehr]:
    with sandbox_ehr(signing_app, hospital) as ready:
        ready.add("epic")
        yield ready


def opened(ehr: Ehr) -> int:
    """How many launches are open."""
    db.session.rollback()
    enter_organization(ehr.hospital.organization.id)
    statement = select(func.count()).where(Launch.state == LaunchState.OPEN)
    return db.session.scalar(statement) or 0


def refusal(answer: TestResponse, *words: str) -> str:
    """The text of a page that helps; fails for a 500 or a page that leads on."""
    text = answer.get_data(as_text=True)
    assert answer.status_code in {403, 404, 409, 422}, text
    assert "Clinic Supply did not open" in text
    for word in words:
        assert word in text
    return text


@pytest.mark.parametrize(
    "iss",
    [
        "", "https://evil.example.org/fhir", "http://169.254.169.254/latest", "file:///etc/passwd", "//x",
        "https://user@127.0.0.1/fhir", "javascript:alert(1)", "https://[::1", "x" * 5000, "http://127.0.0.1:1",
    ],
)  # fmt: skip
def test_an_unknown_ehr_is_refused_before_any_request_leaves(ehr: Ehr, iss: str) -> None:
    refusal(ehr.browser().get("/ehr/launch", query_string={"iss": iss, "launch": "x"}), "not registered")


def test_the_address_of_an_ehr_is_compared_exactly_but_for_slash_and_host_case(ehr: Ehr) -> None:
    launch = ehr.sandbox.authority.launch("epic", AT_WORK)
    iss = f"{ehr.url}/epic/api/FHIR/R4"
    answer = ehr.browser().get("/ehr/launch", query_string={"iss": f"{iss}/", "launch": launch})
    assert answer.status_code == 303
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert asked["aud"] == [f"{iss}/"]
    for other in (iss.lower(), f"{iss}/..", f"{iss}x", f"{iss}?a=b"):
        answer = ehr.browser().get("/ehr/launch", query_string={"iss": other, "launch": launch})
        refusal(answer, "not registered")


def test_a_launch_without_its_value(ehr: Ehr) -> None:
    refusal(ehr.browser().get(f"/ehr/launch?iss={ehr.url}/epic/api/FHIR/R4"), "did not say")
    address = f"/ehr/launch?iss={ehr.url}/epic/api/FHIR/R4&launch={'x' * 3000}"
    refusal(ehr.browser().get(address), "too long")


def test_the_request_carries_everything_and_nothing_more(ehr: Ehr) -> None:
    browser = ehr.browser()
    answer = browser.get(ehr.launch_address("epic"))
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    asked = {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    slug = ehr.hospital.organization.slug
    assert set(asked) == {
        "response_type", "client_id", "redirect_uri", "launch", "scope", "state", "aud", "code_challenge",
        "code_challenge_method", "nonce",
    }  # fmt: skip
    assert asked["redirect_uri"] == f"http://127.0.0.1:8000/ehr/callback/{slug}/epic"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["state"]) >= 43
    assert len(answer.headers["Location"]) < 2000
    again = parse_qs(urlsplit(browser.get(ehr.launch_address("epic")).headers["Location"]).query)
    assert again["state"] != [asked["state"]]
    assert again["code_challenge"] != [asked["code_challenge"]]


def test_an_answer_works_once(ehr: Ehr) -> None:
    browser = ehr.browser()
    back = ehr.begin(browser, "epic")
    assert browser.get(back).status_code == 303
    refusal(browser.get(back), "opened before")
    assert opened(ehr) == 1


def test_an_answer_works_in_the_browser_that_asked_only(ehr: Ehr) -> None:
    browser = ehr.browser()
    back = ehr.begin(browser, "epic")
    refusal(ehr.browser().get(back), "not begun in this browser")
    # The stranger used nothing up.
    assert browser.get(back).status_code == 303


def test_a_code_of_another_launch_is_refused(ehr: Ehr) -> None:
    browser = ehr.browser()
    first, second = ehr.begin(browser, "epic"), ehr.begin(browser, "epic")
    mine, other = (parse_qs(urlsplit(back).query) for back in (first, second))
    path = urlsplit(first).path
    mixed = urlencode({"code": other["code"][0], "state": mine["state"][0]})
    refusal(browser.get(f"{path}?{mixed}"), "no longer accepts")
    assert opened(ehr) == 0


def test_an_answer_at_another_ehrs_address_is_refused(ehr: Ehr) -> None:
    ehr.add("oracle")
    browser = ehr.browser()
    back = ehr.begin(browser, "epic")
    refusal(browser.get(back.replace("/epic?", "/oracle?")), "not begun in this browser")
    refusal(browser.get(f"{back}&iss=https%3A%2F%2Fevil.example.org"), "another server")
    assert opened(ehr) == 0


@pytest.mark.parametrize("path", ["/ehr/callback/nobody/epic", "/ehr/callback/{slug}/none"])
def test_an_address_of_nobody(ehr: Ehr, path: str) -> None:
    address = path.format(slug=ehr.hospital.organization.slug)
    answer = ehr.browser().get(f"{address}?code=x&state=y")
    assert answer.status_code == 404


def test_a_callback_with_nothing(ehr: Ehr) -> None:
    path = f"/ehr/callback/{ehr.hospital.organization.slug}/epic"
    for query in ("", "?state=", "?code=x", "?state=%00&code=%00", "?error=access_denied"):
        refusal(ehr.browser().get(f"{path}{query}"), "not begun in this browser")


def test_the_ehrs_reason_is_shown_and_its_markup_is_not_run(ehr: Ehr) -> None:
    browser = ehr.browser()
    asked = browser.get(ehr.launch_address("epic")).headers["Location"]
    state = parse_qs(urlsplit(asked).query)["state"][0]
    reason = {
        "error": "access_denied",
        "error_description": "<script>alert(1)</script> You may not",
        "error_uri": "https://ehr.example.org/help?id=7",
        "state": state,
    }
    path = f"/ehr/callback/{ehr.hospital.organization.slug}/epic"
    text = refusal(browser.get(f"{path}?{urlencode(reason)}"), "You may not", "https://ehr.example.org/help")
    assert "<script>alert" not in text
    refusal(browser.get(f"{path}?{urlencode({**reason, 'error_uri': 'javascript:alert(1)'})}"))


def test_a_help_address_that_is_no_web_page_is_not_linked(ehr: Ehr) -> None:
    browser = ehr.browser()
    asked = browser.get(ehr.launch_address("epic")).headers["Location"]
    state = parse_qs(urlsplit(asked).query)["state"][0]
    path = f"/ehr/callback/{ehr.hospital.organization.slug}/epic"
    query = urlencode({"error": "server_error", "error_uri": "javascript:alert(1)", "state": state})
    assert "javascript:" not in refusal(browser.get(f"{path}?{query}"), "server_error")


def test_a_record_closed_by_policy_is_shown_and_asked_for_once(ehr: Ehr) -> None:
    restricted = replace(AT_WORK, patient="patient-c", encounter="encounter-c")
    refusal(ehr.launch(ehr.browser(), "epic", restricted), "Break the glass in the EHR first")
    assert opened(ehr) == 0


@pytest.mark.parametrize(
    ("fault", "value", "words"),
    [
        ("other_issuer", "https://evil.example.org", "issued by somebody else"),
        ("omit_nonce", True, "does not belong to this launch"),
        ("token_status", 503, "does not answer just now"),
        ("grant_only", "launch patient/Patient.rs", "did not say who is there"),
    ],
)
def test_answers_that_cannot_be_believed(ehr: Ehr, fault: str, value: object, words: str) -> None:
    setattr(ehr.sandbox.authority.faults, fault, value)
    refusal(ehr.launch(ehr.browser(), "epic"), words)
    assert opened(ehr) == 0
    assert db.session.scalar(select(func.count()).where(Account.email.like("%ehr.invalid"))) == 0


def test_a_smaller_grant_still_launches(ehr: Ehr) -> None:
    ehr.sandbox.authority.faults.grant_only = "openid fhirUser launch"
    assert ehr.launch(ehr.browser(), "epic").status_code == 303


def test_an_ehr_that_is_down(ehr: Ehr) -> None:
    nobody = f"http://127.0.0.1:9/{ehr.hospital.organization.slug}"
    ehr.add("older", base_url=nobody)
    answer = ehr.browser().get(f"/ehr/launch?iss={nobody}&launch=x")
    refusal(answer, "does not answer just now")


def test_a_switched_off_ehr_is_unknown(ehr: Ehr) -> None:
    ehr.add("meditech", active=False)
    refusal(ehr.browser().get(ehr.launch_address("meditech")), "not registered")


def test_no_code_is_asked_for_a_page_that_would_not_show(ehr: Ehr) -> None:
    text = refusal(ehr.browser().get(ehr.launch_address("epic"), headers=CHART), "Open in a tab")
    assert "launch=" in text
    assert db.session.scalar(select(func.count()).select_from(Launch)) == 0


def test_a_launch_ends_whatever_session_the_browser_had(ehr: Ehr) -> None:
    browser = ehr.browser()
    browser.sign_in(ehr.hospital.email(Role.BUYER))
    before = browser.get_cookie("portal")
    assert ehr.launch(browser, "epic").status_code == 303
    after = browser.get_cookie("portal")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert "Test surgeon" in browser.get("/me").get_data(as_text=True)


def test_the_cookie_of_a_launch_is_gone_afterwards(ehr: Ehr) -> None:
    browser = ehr.browser()
    answer = ehr.launch(browser, "epic")
    cookies = answer.headers.getlist("Set-Cookie")
    assert any(one.startswith("launch_") and "Max-Age=0" in one for one in cookies)


def test_the_page_of_a_launch_names_no_token_or_code(ehr: Ehr) -> None:
    browser = ehr.browser()
    back = ehr.begin(browser, "epic")
    answer = browser.get(back)
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert code not in answer.headers["Location"]
    assert "?" not in answer.headers["Location"]
    assert httpx.URL(answer.headers["Location"]).is_relative_url
