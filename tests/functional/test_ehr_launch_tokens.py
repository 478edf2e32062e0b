"""Tokens, cookies and framing of launches; launches without a chart; reading as the portal; EHR pages."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import undefer
from time_machine import travel

from portal.clinical.ehr import poll as ehr_poll
from portal.clinical.ehr import systems as ehr_systems
from portal.clinical.launch import services as launches
from portal.clinical.models import EhrPlace, Launch, Usage
from portal.clinical.rules import AuthMethod, LaunchState
from portal.doctor import Level, examine
from portal.exchange import jobs as exchange_jobs
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db, enter_organization, transaction
from portal.foundation.errors import NotAllowed, NotFound
from portal.identity import queries
from portal.identity.rules import Role
from portal.identity.services import actor_of
from portal.masterdata.models import Facility
from tests.ehr_sandbox import AT_WORK, SECRET, Ehr, app_with_key, sandbox_ehr
from tests.hospital import Hospital
from tests.visitor import Visitor

FRAME = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}
STORED = (
    "SELECT * FROM launch", "SELECT * FROM patient", "SELECT * FROM patient_identifier",
    "SELECT * FROM encounter", "SELECT * FROM audit_event", "SELECT * FROM access_record",
)  # fmt: skip
CHART = "http://localhost:9999"


@pytest.fixture(scope="module")
def signing_app(app: Flask) -> Iterator[Flask]:
    with app_with_key() as made:
        yield made


@pytest.fixture
def ehr(hospital: Hospital, signing_app: Flask) -> Iterator[Ehr]:
    with sandbox_ehr(signing_app, hospital) as ready, ready.app.app_context():
        enter_organization(hospital.organization.id)
        yield ready
        db.session.rollback()


def launched(ehr: Ehr, profile: str) -> tuple[Launch, Actor]:
    """A launch just opened and its clinician."""
    answer = ehr.launch(ehr.browser(), profile)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return row_of(ehr, answer.headers["Location"])


def row_of(ehr: Ehr, location: str) -> tuple[Launch, Actor]:
    db.session.rollback()
    db.session.expire_all()
    enter_organization(ehr.hospital.organization.id)
    statement = (
        select(Launch)
        .options(undefer(Launch.access_token), undefer(Launch.refresh_token))
        .where(Launch.code == location.split("/")[2])
    )
    launch = db.session.scalars(statement).one()
    return launch, actor_of(queries.account(launch.account_id or 0))


def test_tokens_are_sealed_at_rest_and_stand_in_no_audit_event(ehr: Ehr) -> None:
    ehr.add("epic")
    launch, _ = launched(ehr, "epic")
    secrets = [launch.access_token or "", launch.refresh_token or "", "Test patient A", "MRN-A-1001"]
    stored = " ".join(str(row) for query in STORED for row in db.session.execute(text(query)).all())
    assert all(secrets)
    assert not [secret for secret in secrets if secret in stored]


@pytest.mark.parametrize("profile", ["epic", "older"])
def test_a_token_about_to_end_is_renewed(ehr: Ehr, profile: str) -> None:
    ehr.add(profile)
    launch, actor = launched(ehr, profile)
    before = (launch.access_token, launch.refresh_token)
    launch.token_expires_at = launch.created_at
    with launches.reading(launch.code, actor) as reading:
        assert reading.patient("patient-a").name == "Test patient A"
    assert launch.access_token != before[0]
    assert (launch.refresh_token == before[1]) == (profile == "epic")


def test_a_launch_whose_token_cannot_be_renewed_says_so(ehr: Ehr) -> None:
    ehr.add("epic")
    launch, actor = launched(ehr, "epic")
    launch.token_expires_at, launch.refresh_token = launch.created_at, None
    with pytest.raises(NotAllowed, match="session is over"), launches.reading(launch.code, actor):
        pass


def test_ending_a_launch_gives_its_tokens_back(ehr: Ehr) -> None:
    ehr.add("oracle")
    launch, actor = launched(ehr, "oracle")
    given = launch.access_token or ""
    assert ehr.sandbox.authority.granted(given, "oracle") is not None
    launches.end(launch.code, actor)
    assert ehr.sandbox.authority.granted(given, "oracle") is None
    assert (launch.state, launch.access_token, launch.refresh_token) == (LaunchState.ENDED, None, None)
    with pytest.raises(NotFound):
        launches.current_launch(launch.code, actor)


def test_old_launches_end_by_themselves(ehr: Ehr) -> None:
    ehr.add("epic")
    launch, _ = launched(ehr, "epic")
    ehr.browser().get(ehr.launch_address("epic"))
    with travel(time.time() + 2 * 86_400):
        assert launches.end_left(timedelta(hours=12)) == 1
    db.session.flush()
    assert db.session.scalars(select(Launch.state)).all() == [LaunchState.ENDED]
    assert launch.access_token is None


def test_a_launch_left_by_signing_out_ends(ehr: Ehr) -> None:
    ehr.add("oracle")
    browser = ehr.browser()
    launch, _ = row_of(ehr, ehr.launch(browser, "oracle").headers["Location"])
    given = launch.access_token or ""
    assert launches.end_left(timedelta(hours=12)) == 0
    browser.post("/sign-out", data={"csrf_token": browser.csrf_token("/me")})
    db.session.rollback()
    assert launches.end_left(timedelta(hours=12)) == 1
    assert ehr.sandbox.authority.granted(given, "oracle") is None


def test_the_ehrs_look_is_taken_over_where_it_stays_readable(ehr: Ehr) -> None:
    ehr.add("epic")
    browser = ehr.browser()
    page = ehr.launch(browser, "epic").headers["Location"]
    answer = browser.get(f"{page}style.css")
    assert answer.content_type == "text/css"
    assert "--accent: #2a6496;" in answer.get_data(as_text=True)
    assert ehr.browser().get(f"{page}style.css").status_code == 303


def test_the_portal_itself_reads_implants(ehr: Ehr) -> None:
    ehr.add("oracle")
    system = ehr_systems.by_code("oracle")
    device = {"resourceType": "Device", "id": "d1", "patient": {"reference": "Patient/patient-a"}}
    ehr.sandbox.records.add(device)
    with ehr_systems.reading_as_system(system, ["Device"]) as reading:
        assert [found["id"] for found in reading.search("Device", {})] == ["d1"]
        assert not reading.may("Patient")


def test_the_portal_reads_what_changed_and_a_repeat_is_harmless(ehr: Ehr) -> None:
    with transaction():
        db.session.expire_all()
        ehr.hospital.catheter.code = "CATH-14"
    ehr.add("epic", polled_types=("Procedure", "Device"))
    ehr.sandbox.records.add(
        {
            "resourceType": "Procedure", "id": "p-7", "status": "completed",
            "subject": {"reference": "Patient/patient-a"},
            "encounter": {"reference": "Encounter/encounter-a"},
            "performedDateTime": clock.now().isoformat(),
            "code": {"text": "Catheterization"},
            "location": {"reference": "Location/ED01"},
            "usedCode": [{"coding": [{"code": "CATH-14"}]}],
        }
    )  # fmt: skip
    system = ehr_systems.by_code("epic")
    for _ in range(2):
        with transaction():
            assert ehr_poll.poll(system) >= 1
            system.polled_until = None
    exchange_jobs.apply(ehr.hospital.organization.id)
    enter_organization(ehr.hospital.organization.id)
    uses = db.session.scalars(select(Usage)).all()
    assert [(use.item_id, use.location_id) for use in uses] == [
        (ehr.hospital.catheter.id, ehr.hospital.clinic.id)
    ]


@pytest.mark.parametrize("method", [AuthMethod.BASIC, AuthMethod.POST])
def test_a_secret_is_used_where_the_tenant_demands_it(
    ehr: Ehr, method: AuthMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTAL_SECRET_EHR_TEST", SECRET)
    ehr.add("epic", auth_method=method, secret_name="ehr_test")
    assert launched(ehr, "epic")[0].access_token


def test_a_clinician_begins_at_the_portal(ehr: Ehr) -> None:
    ehr.add("meditech")
    browser = ehr.browser()
    asked = browser.get(f"/ehr/start/{ehr.hospital.organization.slug}/meditech")
    assert asked.status_code == 303
    address = asked.headers["Location"]
    assert "&launch=" not in address
    assert "launch%2Fpatient" in address
    back = ehr.authorized(f"{address}&user=nurse&patient=patient-b")
    launch, actor = row_of(ehr, browser.get(back).headers["Location"])
    assert launches.current_launch(launch.code, actor).patient == "Test patient B"


def test_the_keys_are_published_for_caches(ehr: Ehr) -> None:
    answer = ehr.browser().get("/ehr/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert [set(key) >= {"kty", "kid", "n", "e"} for key in answer.get_json()["keys"]] == [True]
    assert "d" not in answer.get_json()["keys"][0]


# Inside a chart


def test_inside_a_chart_cookies_are_partitioned_and_the_chart_may_show_the_page(ehr: Ehr) -> None:
    ehr.add("epic", frame_ancestors=(CHART,))
    browser = ehr.browser()
    asked = browser.get(ehr.launch_address("epic"), headers=FRAME)
    answer = browser.get(ehr.authorized(asked.headers["Location"]), headers=FRAME)
    cookies = [*asked.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")]
    assert cookies
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=None", "Partitioned"} <= set(cookie.split("; ")), cookie
    assert not any(cookie.startswith("portal=") for cookie in cookies)
    page = browser.get("/me")
    assert page.status_code == 200
    assert f"frame-ancestors 'self' {CHART}" in page.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in page.headers


def test_in_a_tab_cookies_are_lax_and_nobody_may_frame_the_page(ehr: Ehr) -> None:
    ehr.add("epic")
    browser = ehr.browser()
    answer = ehr.launch(browser, "epic")
    session = next(one for one in answer.headers.getlist("Set-Cookie") if one.startswith("portal="))
    assert "SameSite=Lax" in session
    assert "Partitioned" not in session
    page = browser.get("/me")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_a_session_in_a_chart_and_one_in_a_tab_are_two(ehr: Ehr) -> None:
    ehr.add("epic", frame_ancestors=(CHART,))
    browser = ehr.browser()
    browser.sign_in(ehr.hospital.email(Role.BUYER))
    ehr.launch(browser, "epic", headers=FRAME)
    assert "Buyer" in browser.get("/me").get_data(as_text=True)
    browser.delete_cookie("portal")
    assert "Test surgeon" in browser.get("/me").get_data(as_text=True)


def test_whose_session_in_a_chart_is_over_opens_it_again_from_the_chart(ehr: Ehr) -> None:
    ehr.add("epic", frame_ancestors=(CHART,))
    browser = ehr.browser()
    assert ehr.launch(browser, "epic", headers=FRAME).status_code == 303
    with travel(time.time() + 86_400):
        answer = browser.get("/me", headers=FRAME)
    assert answer.status_code == 401
    assert "open Clinic Supply again from the patient" in answer.get_data(as_text=True)
    assert CHART in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example.org"},
    ],
)
def test_a_change_from_another_site_is_refused(ehr: Ehr, headers: dict[str, str]) -> None:
    ehr.add("epic", frame_ancestors=(CHART,))
    browser = ehr.browser()
    ehr.launch(browser, "epic")
    token = browser.csrf_token("/me")
    assert browser.post("/sign-out", data={"csrf_token": token}, headers=headers).status_code == 403
    assert browser.get("/me").status_code == 200
    assert browser.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 400


# Who and where


def test_a_facility_nobody_can_tell_asks_for_the_mapping(ehr: Ehr) -> None:
    with transaction():
        db.session.add(Facility(code="2020", name="Second hospital"))
    ehr.add("epic")
    lost = replace(AT_WORK, user="nurse", encounter="", location="OR9")
    answer = ehr.launch(ehr.browser(), "epic", lost)
    assert answer.status_code == 403
    assert "did not say at which facility" in answer.get_data(as_text=True)


def administrator(ehr: Ehr) -> Visitor:
    browser = ehr.browser()
    browser.sign_in(ehr.hospital.email(Role.ADMINISTRATOR))
    return browser


def test_an_administrator_maps_a_place_once(ehr: Ehr) -> None:
    ehr.add("meditech")
    there = replace(AT_WORK, location="OR9", encounter="")
    launch, _ = row_of(ehr, ehr.launch(ehr.browser(), "meditech", there).headers["Location"])
    place = db.session.scalars(select(EhrPlace).where(EhrPlace.reference == "Location/OR9")).one()
    assert (place.name, place.location_id) == ("Operating room 9", None)
    browser = administrator(ehr)
    assert "Operating room 9" in browser.get("/ehr-systems/meditech").get_data(as_text=True)
    page = f"/ehr-systems/meditech/places/{place.id}"
    answer = browser.submit(page, {"location_id": str(ehr.hospital.storeroom.id)}, action=page)
    assert answer.status_code == 303
    launch, _ = row_of(ehr, ehr.launch(ehr.browser(), "meditech", there).headers["Location"])
    assert launch.location_id == ehr.hospital.storeroom.id


def test_an_administrator_adds_checks_and_changes_an_ehr(ehr: Ehr) -> None:
    browser = administrator(ehr)
    values = {
        "code": "main", "name": "Main EHR", "kind": "oracle", "client_id": "abc",
        "base_url": f"{ehr.url}/oracle/r4/ec2458f2/", "auth_method": "RS384", "scope_style": "v2",
    }  # fmt: skip
    new = "/ehr-systems/new"
    assert (
        browser.submit(new, {**values, "base_url": "http://ehr.example.org"}, action=new).status_code == 422
    )
    wild = {**values, "frame_ancestors": "https://a.example.org/path"}
    assert browser.submit(new, wild, action=new).status_code == 422
    answer = browser.submit(new, values, action=new)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    shown = browser.get("/ehr-systems/main").get_data(as_text=True)
    assert f"/ehr/callback/{ehr.hospital.organization.slug}/main" in shown
    browser.submit("/ehr-systems/main", action="/ehr-systems/main/check")
    assert "publishes smart-configuration" in browser.get("/ehr-systems/main").get_data(as_text=True)
    assert browser.submit(new, {**values, "code": "twin"}, action=new).status_code == 422
    page = "/ehr-systems/main"
    assert browser.submit(page, {"client_id": "def"}, action=page).status_code == 303
    assert "def" in browser.get(page).get_data(as_text=True)
    assert "Main EHR" in browser.get("/ehr-systems").get_data(as_text=True)


def test_the_doctor_looks_at_every_ehr(ehr: Ehr) -> None:
    ehr.add("epic")
    ehr.add("oracle", base_url=f"http://127.0.0.1:9/{ehr.hospital.organization.slug}")
    here = f"of organization {ehr.hospital.organization.id}"
    found = {finding.what: finding for finding in examine(ehr.app)}
    assert found[f"EHR epic {here}"].level is Level.OK
    assert "cannot be reached" in found[f"EHR oracle {here}"].seen
    assert "portal smart check" in found[f"EHR oracle {here}"].advice


def test_only_administrators_see_the_ehrs(ehr: Ehr) -> None:
    browser = ehr.browser()
    browser.sign_in(ehr.hospital.email(Role.CLINICIAN))
    assert browser.get("/ehr-systems").status_code == 403


def test_another_organizations_ehr_is_not_found(ehr: Ehr) -> None:
    ehr.add("epic")
    assert administrator(ehr).get("/ehr-systems/none").status_code == 404
