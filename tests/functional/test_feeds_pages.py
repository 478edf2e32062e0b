"""The pages of an integration engineer: interfaces, their mapping table, the preview of a message."""

import re

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.clinical.feeds import services as feeds_of_wire
from portal.clinical.memory import memory
from portal.clinical.models import AccessRecord, Feed
from portal.exchange import inbox
from portal.exchange.models import Message
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, enter_organization, transaction
from portal.identity import services as identity
from portal.identity.rules import Role
from tests.hospital import PASSWORD, Hospital
from tests.unit.hl7_messages import charge, usage_message
from tests.visitor import Visitor

SETUP = {
    "code": "or", "name": "OR system", "sending_application": "OR", "sending_facility": "MAIN",
    "addresses": "10.1.0.0/16\n10.2.3.4", "orders": "usage", "processing": "P", "active": "y",
    "statuses": "I = implanted\nW = wasted", "location_code": "ZPA-3.1", "serial": "ZPA-5", "facility_id": "",
    "assigners": "HOSP = urn:oid:1.2.3",
}  # fmt: skip
MESSAGE = usage_message(charge(after=["ZPA|1||CART7|I|SN9"])).decode().replace("\r", "\r\n")


@pytest.fixture
def engineer(client: Visitor, hospital: Hospital) -> Visitor:
    client.sign_in(hospital.email(Role.INTEGRATION_ENGINEER), PASSWORD)
    return client


def feeds(hospital: Hospital) -> list[Feed]:
    enter_organization(hospital.organization.id)
    db.session.expire_all()
    return list(db.session.scalars(select(Feed)))


def try_message(engineer: Visitor, values: dict[str, str]) -> TestResponse:
    """What the button beside the message shows."""
    token = engineer.csrf_token("/interfaces/or")
    return engineer.post("/interfaces/or/preview", data={**values, "csrf_token": token})


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_an_interface_is_set_up_changed_and_tried(engineer: Visitor, hospital: Hospital) -> None:
    assert "No interface yet" in engineer.get("/interfaces").text
    assert engineer.submit("/interfaces/new", SETUP).status_code == 303
    [feed] = feeds(hospital)
    assert feed.mapping == {"location_code": "ZPA-3.1", "serial": "ZPA-5"}
    assert feed.settings["statuses"] == {"I": "implanted", "W": "wasted"}
    assert feed.settings["assigners"] == {"HOSP": "urn:oid:1.2.3"}
    page = engineer.get("/interfaces/or").text
    assert "I = implanted" in page
    assert "HOSP = urn:oid:1.2.3" in page
    assert "10.1.0.0/16" in page
    tried = {**SETUP, "message": MESSAGE, "status": "ZPA-4", "lot": "ZPA-9"}
    preview = try_message(engineer, tried)
    words = plain(preview.text)
    assert "DFT^P03: 1 to record" in words
    for fact in ("location code CART7", "serial SN9", "status implanted", "patient id P100", "ZPA-5 SN9"):
        assert fact in words
    assert preview.headers["Cache-Control"] == "no-store"
    [feed] = feeds(hospital)
    assert "status" not in feed.mapping
    assert db.session.scalars(select(Message)).all() == []
    changed = {**SETUP, "status": "ZPA-4", "name": "OR"}
    assert engineer.submit("/interfaces/or", changed).status_code == 303
    [feed] = feeds(hospital)
    assert (feed.name, feed.mapping["status"]) == ("OR", "ZPA-4")
    assert "OR" in engineer.get("/interfaces").text
    actions = list(
        db.session.scalars(
            select(AuditEvent.action).where(AuditEvent.subject_type == "feed").order_by(AuditEvent.id)
        )
    )
    assert actions == ["feed.add", "feed.change"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"lot": "ZPA.3"}, "ZPA.3 is not a place like ZPA-3.1"),
        ({"statuses": "I implanted"}, "is not like I = implanted"),
        ({"statuses": "I = eaten"}, "eaten is not an outcome"),
        ({"assigners": "HOSP ="}, "is not like I = implanted"),
        ({"addresses": "everywhere"}, "everywhere is not an address"),
        ({"requester": "nobody@example.org"}, "Nobody here has this e-mail address"),
        ({"code": "No Code"}, "lower-case letters"),
    ],
)
def test_what_cannot_be_used_is_said_at_the_field(
    engineer: Visitor, hospital: Hospital, changes: dict[str, str], sentence: str
) -> None:
    answer = engineer.submit("/interfaces/new", {**SETUP, **changes})
    assert answer.status_code == 422
    assert sentence in plain(answer.text).replace("&#39;", "'")
    assert feeds(hospital) == []


def test_a_message_that_would_be_refused_says_where(engineer: Visitor, hospital: Hospital) -> None:
    engineer.submit("/interfaces/new", SETUP)
    broken = MESSAGE.replace("|2|||CC100", "|two|||CC100")
    page = try_message(engineer, {**SETUP, "message": broken}).text
    assert "This is not a number (FT1(1)-10)" in plain(page)
    page = try_message(engineer, {**SETUP, "message": "hello", "lot": "?"}).text
    assert "marked there" in page


def test_a_message_stays_sealed_but_for_those_who_may_view_patients(
    engineer: Visitor, hospital: Hospital
) -> None:
    names = {"sending_facility": hospital.organization.slug, "addresses": "127.0.0.1"}
    engineer.submit("/interfaces/new", {**SETUP, **names})
    memory.forget()
    feeds_of_wire.take(usage_message(charge(), sender=f"OR|{hospital.organization.slug}"), "127.0.0.1")
    enter_organization(hospital.organization.id)
    while inbox.apply_due():
        pass
    [stored] = db.session.scalars(select(Message))
    patient_id = stored.subject_id
    page = engineer.get(f"/operations/messages/{stored.id}").text
    assert "kept sealed" in page
    assert "P100" not in page
    token = {"csrf_token": engineer.csrf_token(f"/operations/messages/{stored.id}")}
    opening = f"/operations/messages/{stored.id}/open"
    assert engineer.post(opening, data=token).status_code == 403
    enter_organization(hospital.organization.id)
    with transaction():
        identity.create_account(
            email=f"both-{stored.id}@example.org", name="Both", password=PASSWORD,
            roles=[Role.INTEGRATION_ENGINEER, Role.CLINICIAN], home_location_id=hospital.clinic.id,
        )  # fmt: skip
    engineer.sign_in(f"both-{stored.id}@example.org", PASSWORD)
    shown = engineer.submit(f"/operations/messages/{stored.id}", action=opening)
    assert "PID|1||P100^^^LAKE^MR" in shown.text
    enter_organization(hospital.organization.id)
    [view] = db.session.scalars(select(AccessRecord))
    assert (view.patient_id, view.actor, view.page) == (patient_id, "Both", "operations.open_message")
