"""The audit trail as the auditor sees it: filtered, exported, sealed and verified."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from flask import Flask
from lxml import html
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from portal.exchange import services
from portal.exchange.models import Message
from portal.foundation import audit, clock
from portal.foundation.access import system
from portal.foundation.audit import AuditEvent, AuditSeal
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.models import Organization
from portal.identity.rules import Role
from portal.operations import jobs
from portal.orders.models import PurchaseOrder
from tests.documents import purchase_order
from tests.hospital import Hospital, add_partners, build
from tests.inbound_documents import place_order
from tests.visitor import Visitor


@pytest.fixture
def auditor(client: Visitor, hospital: Hospital) -> Visitor:
    client.sign_in(hospital.email(Role.AUDITOR))
    return client


@pytest.fixture
def tampering(environment: dict[str, str]) -> Iterator[psycopg.Connection]:
    """The owner of the database, who can do what the application cannot."""
    with psycopg.connect(environment["PORTAL_DATABASE_URL"], autocommit=True) as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER append_only")
        yield owner
        owner.execute("ALTER TABLE audit_event ENABLE TRIGGER append_only")


def note(hospital: Hospital, action: str, **values: Any) -> None:
    with transaction():
        audit.record(hospital.actor(Role.BUYER), action, hospital.supplier, **values)


def rows(client: Visitor, query: str = "") -> list[str]:
    answer = client.get(f"/operations/audit?{query}")
    assert answer.status_code == 200
    page: Any = html.document_fromstring(answer.get_data(as_text=True))
    return [" ".join(row.text_content().split()) for row in page.xpath("//table[caption='Events']/tbody/tr")]


def flashed(client: Visitor) -> str:
    answer = client.submit("/operations/audit", action="/operations/audit/verify", follow_redirects=True)
    return answer.get_data(as_text=True)


def seals() -> list[AuditSeal]:
    db.session.rollback()
    return list(db.session.scalars(select(AuditSeal).order_by(AuditSeal.id)))


def test_the_trail_says_who_changed_what(auditor: Visitor, hospital: Hospital) -> None:
    note(hospital, "supplier.block", before={"blocked": False}, after={"blocked": True}, evidence={"call": 7})
    newest = rows(auditor)[0]
    assert "Buyer" in newest
    assert "Supplier: block" in newest
    assert "Supplier 17300001" in newest
    assert "blocked: False → True" in newest
    assert "call: 7" in newest


def test_the_trail_is_filtered_by_person_action_subject_and_day(auditor: Visitor, hospital: Hospital) -> None:
    note(hospital, "supplier.block")
    buyer = hospital.accounts[Role.BUYER].id
    today = clock.today("America/Chicago")
    for query in (
        f"person={buyer}",
        "action=supplier.block",
        "action=Supplier: block",
        "subject=17300001",
        f"person={buyer}&action=supplier&subject=supplier&since={today - timedelta(days=1)}",
    ):
        assert [row for row in rows(auditor, query) if "Supplier: block" in row], query
    for query in (
        f"person={hospital.accounts[Role.AUDITOR].id}&action=supplier",
        "action=order",
        "subject=4711",
        "until=2020-01-01",
        "since=9999-12-31",
    ):
        assert rows(auditor, query) == [], query


def test_the_trail_links_only_what_the_auditor_may_open(auditor: Visitor, hospital: Hospital) -> None:
    with transaction():
        order_id = place_order(hospital, "PO-1")
    with transaction():
        audit.record(hospital.actor(Role.BUYER), "order.place", db.session.get_one(PurchaseOrder, order_id))
        partner = add_partners(hospital, erp_url="http://127.0.0.1:9", network_url="http://127.0.0.1:9")[0]
        services.send(
            "purchase_order", purchase_order("PO-1"), services.About("purchase_order", order_id, "PO-1"),
            partner_id=partner.id, key="PO-1",
        )  # fmt: skip
        message = db.session.scalars(select(Message)).one()
        audit.record(hospital.actor(Role.BUYER), "message.retry", message)
    page = auditor.get("/operations/audit").get_data(as_text=True)
    assert f'href="/orders/{order_id}"' in page
    assert "Message PO-1" in page
    assert "/operations/messages" not in page


def test_odd_filters_of_the_trail_are_harmless(auditor: Visitor) -> None:
    for query in (
        "person=x",
        f"person={10**30}",
        "since=yesterday",
        "action=%00",
        "subject=%25",
        f"page={10**30}",
    ):
        for page in ("audit", "audit.csv"):
            assert auditor.get(f"/operations/{page}?{query}").status_code == 200, (page, query)


def test_the_trail_leaves_as_csv_without_formulas_and_says_who_took_it(
    auditor: Visitor, hospital: Hospital
) -> None:
    note(hospital, "supplier.rename", after={"name": "=2+5"})
    with transaction():
        audit.record(
            system(hospital.organization.id, "=cmd|'/C calc'!A0"), "supplier.check", hospital.supplier
        )
    answer = auditor.get("/operations/audit.csv?action=supplier")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    table = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["action"] for row in table] == ["supplier.check", "supplier.rename"]
    assert table[0]["reason"] == "'=cmd|'/C calc'!A0"
    assert table[1]["after"] == "name: =2+5"
    export = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "audit.export")).one()
    assert (export.actor, export.evidence) == ("Auditor", {"action": "supplier"})


def test_a_long_trail_is_exported_whole(auditor: Visitor, hospital: Hospital) -> None:
    with transaction():
        for number in range(1200):
            audit.record(
                system(hospital.organization.id, "test"),
                "supplier.touch",
                hospital.supplier,
                after={"n": number},
            )
    answer = auditor.get("/operations/audit.csv?action=supplier.touch")
    assert len(answer.data.decode().splitlines()) == 1201


def test_only_the_own_organization_is_exported(auditor: Visitor, hospital: Hospital, app: Flask) -> None:
    with app.app_context():
        with transaction():
            stranger = build()
        note(stranger, "supplier.secret")
    assert b"supplier.secret" not in auditor.get("/operations/audit.csv").data
    assert not [row for row in rows(auditor) if "secret" in row]


def test_the_job_seals_what_is_settled_and_leaves_the_last_hour(auditor: Visitor, hospital: Hospital) -> None:
    jobs.seal_audit()
    assert seals() == []
    with time_machine.travel(clock.now() + jobs.SETTLED_AFTER + timedelta(minutes=1)):
        note(hospital, "supplier.block")
        jobs.seal_audit()
        jobs.seal_audit()
    [seal] = seals()
    newest = db.session.scalars(select(AuditEvent.id).order_by(AuditEvent.id.desc())).first()
    assert newest is not None
    assert seal.last_event_id < newest
    assert "All 1 seals hold." in flashed(auditor)


def test_the_chain_goes_on_from_seal_to_seal(hospital: Hospital, auditor: Visitor) -> None:
    for hours in (2, 4, 6):
        with time_machine.travel(clock.now() + timedelta(hours=hours)):
            note(hospital, "supplier.block")
            jobs.seal_audit()
    assert len(seals()) == 3
    assert "All 3 seals hold." in flashed(auditor)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE audit_event SET actor = 'Nobody' WHERE id = %s", id="changed"),
        pytest.param("DELETE FROM audit_event WHERE id = %s", id="removed"),
    ],
)
def test_what_is_changed_behind_the_portals_back_is_found(
    auditor: Visitor, hospital: Hospital, tampering: psycopg.Connection, change: str
) -> None:
    note(hospital, "supplier.block")
    note(hospital, "supplier.release")
    event_id = db.session.scalars(select(AuditEvent.id).where(AuditEvent.action == "supplier.block")).one()
    with transaction():
        audit.seal()
    db.session.rollback()
    tampering.execute(change, (event_id,))
    page = flashed(auditor)
    assert f"Seals {seals()[0].id} are broken" in page
    tampering.execute("DELETE FROM audit_seal WHERE organization_id = %s", (hospital.organization.id,))


@pytest.mark.parametrize("table", ["audit_event", "audit_seal"])
def test_the_application_can_change_neither_events_nor_seals(hospital: Hospital, table: str) -> None:
    with transaction():
        audit.seal()
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id"):  # noqa: S608  # two constants
        with pytest.raises(ProgrammingError, match="permission denied"), transaction():
            db.session.execute(text(statement))


def test_verifying_stands_in_the_trail(auditor: Visitor, hospital: Hospital) -> None:
    flashed(auditor)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "audit.verify")).one()
    assert event.actor == "Auditor"


def test_seals_of_one_organization_do_not_hold_up_another(app: Flask, hospital: Hospital) -> None:
    with app.app_context(), transaction():
        other = build().organization.id
    with time_machine.travel(clock.now() + timedelta(hours=2)):
        jobs.seal_audit()
    assert len(seals()) == 1
    with app.app_context():
        enter_organization(other)
        assert len(seals()) == 1
        assert db.session.scalars(select(Organization.id)).one() == other
