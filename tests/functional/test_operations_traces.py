"""One requisition from the first click to the receipt: found by any number, told in time order."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from lxml import html
from sqlalchemy import delete, select

from portal.approvals import queries as approval_queries
from portal.approvals import services as approvals
from portal.approvals.services import Decision
from portal.exchange.models import Partner, Route
from portal.exchange.rules import MessageState
from portal.foundation.db import db, transaction
from portal.foundation.jobs import queue
from portal.identity.rules import Role
from portal.orders.models import PurchaseOrder
from portal.receiving.models import Receipt
from portal.requisitions import queries as requisition_queries
from portal.requisitions.models import Requisition
from tests import cxml_partner, ordering, partners, requesting
from tests.exchange_setting import Setting, exchange
from tests.hospital import Hospital, build
from tests.inbound_documents import confirmation
from tests.visitor import Visitor


def work(setting: Setting) -> None:
    """Workers until nothing waits."""
    setting.work()
    assert queue("exchange").count == 0


@pytest.fixture
def story(app: Flask, hospital: Hospital, tmp_path: Path, client: Visitor) -> Iterator[Setting]:
    """An order that the ERP and the network took, a confirmation and a receipt, all over real HTTP."""
    with (
        partners.running(tmp_path, hospital) as running,
        cxml_partner.running() as unused,
        exchange(app, hospital, unused) as setting,
    ):
        with transaction() as session:
            erp, network = session.scalars(select(Partner).order_by(Partner.id))
            erp.base_url, network.base_url = running.erp_url, running.network_url
        order = ordering.placed(hospital, {hospital.gloves_offer: 5})
        work(setting)
        body = confirmation(hospital, order.number)
        assert client.post("/exchange/cxml", data=body, content_type="text/xml").status_code == 201
        work(setting)
        ordering.received(hospital, ordering.fresh(order), {10: 5})
        work(setting)
        yield setting


def steps(client: Visitor, address: str) -> list[str]:
    answer = client.get(address, follow_redirects=True)
    assert answer.status_code == 200
    page: Any = html.document_fromstring(answer.get_data(as_text=True))
    return [" ".join(row.text_content().split()) for row in page.xpath("//table[caption='Steps']/tbody/tr")]


def numbers() -> dict[str, str]:
    db.session.expire_all()
    order = db.session.scalars(select(PurchaseOrder)).one()
    receipt = db.session.scalars(select(Receipt)).one()
    requisition = db.session.scalars(select(Requisition).where(Requisition.number.is_not(None))).one()
    return {
        "requisition": str(requisition.number),
        "requisition id": str(requisition.id),
        "order": order.number,
        "order in the ERP": order.erp_number,
        "confirmation": "C-1",
        "receipt": receipt.number,
        "receipt in the ERP": receipt.erp_number,
    }


def test_the_whole_story_stands_in_time_order_under_every_number(story: Setting, client: Visitor) -> None:
    client.sign_in(story.hospital.email(Role.INTEGRATION_ENGINEER))
    known = numbers()
    assert all(known.values())
    told = {name: steps(client, f"/operations/trace/{number}") for name, number in known.items()}
    milestones = (
        "Cart begun",
        "Requisition: submit",
        "Approval: decide",
        f"Order: place {known['order']}",
        f"Purchase order {known['order']} to S/4HANA",
        "Sent to S/4HANA, try 1",
        "Sent to Business Network, try 1",
        "Order confirmation C-1 from Business Network",
        "Applied from Business Network, try 1",
        "Receipt: post",
        f"Receipt {known['receipt']} to S/4HANA",
    )
    for name, rows in told.items():
        places = [next(i for i, row in enumerate(rows) if text in row) for text in milestones]
        assert places == sorted(places), name
        assert rows[0].startswith("start"), name
        assert rows[-1].startswith("+"), name


def test_the_search_box_leads_to_the_trace_or_says_that_nothing_is_known(
    story: Setting, client: Visitor
) -> None:
    client.sign_in(story.hospital.email(Role.INTEGRATION_ENGINEER))
    answer = client.get("/operations/find", query_string={"q": f" {numbers()['order'].lower()} "})
    assert answer.status_code == 302
    assert "/operations/trace/purchase_order/" in answer.headers["Location"]
    page = client.get("/operations/find?q=PO99-1").get_data(as_text=True)
    assert "Nothing is known by PO99-1" in page
    assert client.get("/operations/trace/PO99-1").status_code == 404
    assert client.get(f"/operations/trace/{10**30}").status_code == 404
    assert client.get("/operations/trace/%00").status_code == 404


def test_a_receiver_finds_the_order_and_a_clinician_nothing(story: Setting, client: Visitor) -> None:
    client.sign_in(story.hospital.email(Role.RECEIVER))
    answer = client.get("/operations/find", query_string={"q": numbers()["order"]})
    assert answer.headers["Location"].startswith("/orders/")
    assert client.get(f"/operations/trace/{numbers()['order']}").status_code == 403
    client.sign_in(story.hospital.email(Role.CLINICIAN))
    page = client.get("/operations/find", query_string={"q": numbers()["order"]})
    assert "Nothing is known by" in page.get_data(as_text=True)


def test_a_number_of_several_documents_offers_the_choice(hospital: Hospital, client: Visitor) -> None:
    ordering.connect(hospital)
    for _ in range(2):
        order = ordering.sent(hospital, {hospital.gloves_offer: 1})
        ordering.confirm(ordering.confirmation(order.number, {10: [ordering.part(1)]}, number="SAME"))
    client.sign_in(hospital.email(Role.INTEGRATION_ENGINEER))
    answer = client.get("/operations/trace/SAME", follow_redirects=True)
    page: Any = html.document_fromstring(answer.get_data(as_text=True))
    assert len(page.xpath("//table[caption='Documents']/tbody/tr")) == 2


def test_a_document_of_another_tenant_has_no_trace(story: Setting, client: Visitor, app: Flask) -> None:
    order_id = db.session.scalars(select(PurchaseOrder.id)).one()
    number = numbers()["order"]
    with app.app_context(), transaction():
        email = build().email(Role.INTEGRATION_ENGINEER)
    client.sign_in(email)
    assert client.get(f"/operations/trace/purchase_order/{order_id}").status_code == 404
    assert client.get(f"/operations/trace/{number}").status_code == 404


def only_to_the_network() -> None:
    """Orders go to the network without passing the ERP."""
    with transaction() as session:
        erp_id = session.scalars(select(Partner.id).where(Partner.kind == "erp")).one()
        session.execute(delete(Route).where(Route.partner_id == erp_id))


def approve(hospital: Hospital, requisition_id: int) -> list[int]:
    """Says yes to everything; the ids of the lines."""
    db.session.expire_all()
    requisition = requisition_queries.find(requisition_id)
    assert requisition is not None
    with transaction():
        step = approval_queries.steps_of(requisition_id)[0]
        decisions = {line.id: Decision(approved=True) for line in requisition.lines}
        approvals.decide(hospital.actor(Role.APPROVER), step.id, decisions, seen_version=requisition.version)
    return [line.id for line in requisition.lines]


def test_one_trace_id_through_web_worker_and_partner(
    app: Flask, hospital: Hospital, client: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    """The request that submits, the job that delivers and the header the partner gets carry the same id."""
    with cxml_partner.running() as network, exchange(app, hospital, network) as setting:
        only_to_the_network()
        cart = requesting.in_cart(hospital, {hospital.gloves_offer: 2})
        client.sign_in(hospital.email(Role.CLINIC_MANAGER))
        with caplog.at_level(logging.INFO):
            filled = requesting.fields(client, "/cart", f"/cart/{cart.id}/save")
            assert client.post(f"/cart/{cart.id}/submit", data=filled).status_code == 303
            line_ids = approve(hospital, cart.id)
            ordering.placed_lines(hospital, line_ids)
            setting.work()
        assert [message.state for message in setting.messages()] == [MessageState.DONE]
        trace_id = db.session.get_one(Requisition, cart.id, populate_existing=True).trace_id
        logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
        submitted = [line for line in logged if line.get("endpoint") == "requisitions.submit"]
        delivered = [line for line in logged if line.get("event") == "delivery"]
        assert [line["trace_id"] for line in submitted] == [trace_id]
        assert [line["trace_id"] for line in delivered] == [trace_id]
        assert delivered[0]["job"] == "portal.exchange.jobs.deliver"
        [call] = network.calls
        assert call.headers["traceparent"].split("-")[1] == trace_id
