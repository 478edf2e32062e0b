"""Where partners post: a clear answer in cXML for whatever comes, and nothing stored for strangers."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from integrations.formats.cxml.envelope import Status, read_response, write_request
from integrations.formats.cxml.orders import write_order
from portal.exchange import views
from portal.exchange.models import Partner
from portal.exchange.rules import MessageState
from portal.foundation.db import db, transaction
from tests import cxml_partner
from tests import hospital as hospitals
from tests.documents import purchase_order
from tests.exchange_setting import Setting, exchange
from tests.hospital import Hospital
from tests.inbound_documents import confirmation, header
from tests.visitor import Visitor

NOWHERE = "http://127.0.0.1:9"
BOMB = '<!DOCTYPE cXML [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><cXML>&b;</cXML>'
FILE = '<!DOCTYPE cXML [<!ENTITY x SYSTEM "file:///etc/passwd">]><cXML>&x;</cXML>'


@pytest.fixture
def setting(app: Flask, hospital: Hospital) -> Iterator[Setting]:
    with cxml_partner.running() as network, exchange(app, hospital, network) as made:
        yield made


class Body:
    """A request body that counts how much of it is read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0

    def read(self, wanted: int = -1) -> bytes:
        """As of a socket."""
        amount = min(self.size - self.taken, wanted if wanted >= 0 else self.size)
        self.taken += amount
        return b" " * amount

    readline = read


def post(client: Visitor, body: bytes, **options: Any) -> TestResponse:
    return client.post("/exchange/cxml", data=body, **{"content_type": "text/xml", **options})


def status_of(answer: TestResponse) -> Status:
    assert answer.mimetype == "text/xml"
    return read_response(answer.data)


def test_a_document_is_stored_and_then_acknowledged(client: Visitor, setting: Setting) -> None:
    body = confirmation(setting.hospital, "PO-1")
    answer = post(client, body)
    assert (answer.status_code, status_of(answer).code) == (201, 201)
    [message] = setting.messages()
    assert message.raw == body
    assert (message.key, message.kind, message.state) == ("m-1@supplier", "cxml", MessageState.WAITING)
    assert message.sender == setting.hospital.supplier.network_id
    assert message.partner_id == setting.partner_id


def test_the_trace_of_the_sender_goes_on(client: Visitor, setting: Setting) -> None:
    trace = "5" * 32
    post(client, confirmation(setting.hospital, "PO-1"), headers={"traceparent": f"00-{trace}-{'6' * 16}-01"})
    assert setting.messages()[0].trace_id == trace


def test_the_same_bytes_again_are_harmless(client: Visitor, setting: Setting) -> None:
    body = confirmation(setting.hospital, "PO-1")
    codes = [post(client, body).status_code for _ in range(3)]
    assert codes == [201, 200, 200]
    assert len(setting.messages()) == 1
    assert setting.items() == []


def test_other_bytes_under_a_known_id_wait_for_a_person(client: Visitor, setting: Setting) -> None:
    first = confirmation(setting.hospital, "PO-1", quantity=5)
    second = confirmation(setting.hospital, "PO-1", quantity=4)
    post(client, first)
    answers = [post(client, second) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {201}
    assert "a person will decide" in status_of(answers[0]).text
    kept, other = setting.messages()
    assert (kept.raw, other.raw) == (first, second)
    assert (kept.state, other.state) == (MessageState.WAITING, MessageState.NEEDS_ATTENTION)
    [item] = setting.items()
    assert item.message_id == other.id
    assert "again with other content" in item.sentence


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"secret": "wrong"}, id="wrong secret"),
        pytest.param({"secret": ""}, id="no secret"),
        pytest.param({"secret": "inbound-secrét"}, id="not ascii"),
    ],
)
def test_a_wrong_secret_is_refused(client: Visitor, setting: Setting, change: dict[str, str]) -> None:
    answer = post(client, confirmation(setting.hospital, "PO-1", **change))  # type: ignore[arg-type]
    assert (answer.status_code, status_of(answer).code) == (401, 401)
    assert setting.messages() == []


@pytest.mark.parametrize("part", ["AN-HUB", "NetworkID", "to"])
def test_an_unknown_sender_or_recipient_is_refused_alike(
    client: Visitor, setting: Setting, part: str
) -> None:
    body = confirmation(setting.hospital, "PO-1")
    known = setting.hospital.organization.slug if part == "to" else part
    wrong = post(client, confirmation(setting.hospital, "PO-1", secret="wrong"))
    answer = post(client, body.replace(known.encode(), b"AN-STRANGER"))
    assert answer.status_code == 401
    assert status_of(answer).text == status_of(wrong).text
    assert setting.messages() == []


def test_a_sender_cannot_lead_to_two_organizations(setting: Setting, app: Flask) -> None:
    sender = setting.hospital.organization.slug
    with app.app_context(), transaction():
        stranger = hospitals.build()
        partner = hospitals.add_partners(stranger, erp_url=NOWHERE, network_url=NOWHERE)[1]
        with pytest.raises(IntegrityError, match="uq_partner_sender"), db.session.begin_nested():
            partner.inbound_to = sender


def test_a_partner_without_a_secret_lets_nobody_in(client: Visitor, setting: Setting) -> None:
    with transaction():
        db.session.get_one(Partner, setting.partner_id).inbound_secret_name = ""
    assert post(client, confirmation(setting.hospital, "PO-1", secret="")).status_code == 401


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \n ", "empty", id="blank"),
        pytest.param(b"<cXML payloadID='1'>", "not well-formed", id="truncated"),
        pytest.param(b"<cXML payloadID='1'><Request/></cXML>", "no Header", id="no header"),
        pytest.param(b"\xff\xfe\xfd", "not utf-16", id="not text"),
        pytest.param("<cXML>\xe9</cXML>".encode("latin-1"), "not utf-8", id="wrong encoding"),
        pytest.param(b'<?xml version="1.0" encoding="UTF-7"?><cXML/>', "utf-7", id="odd encoding"),
        pytest.param(BOMB.encode(), "entities are refused", id="entity bomb"),
        pytest.param(FILE.encode(), "entities are refused", id="external entity"),
        pytest.param(b"<a>" * 5000, "not well-formed", id="deep"),
        pytest.param(b"<html><body/></html>", "begins with html", id="html"),
        pytest.param(b"UNA:+.? 'UNB+UNOC:3'", "not well-formed", id="edifact"),
    ],
)
def test_what_cannot_be_read_is_answered_with_the_reason_and_the_line(
    client: Visitor, setting: Setting, body: bytes, says: str
) -> None:
    answer = post(client, body)
    status = status_of(answer)
    assert (answer.status_code, status.code) == (406, 406)
    assert says in status.text
    assert "(line 1)" in status.text
    assert b"root:" not in answer.data
    assert setting.messages() == []


def test_a_truncated_document_of_a_known_sender(client: Visitor, setting: Setting) -> None:
    body = confirmation(setting.hospital, "PO-1")
    answer = post(client, body[: len(body) // 2])
    assert answer.status_code == 406
    assert setting.messages() == []


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"],
)
def test_another_content_type_is_refused(client: Visitor, setting: Setting, content_type: str) -> None:
    answer = post(client, confirmation(setting.hospital, "PO-1"), content_type=content_type)
    assert answer.status_code == 415
    assert "text/xml" in status_of(answer).text
    assert setting.messages() == []


@pytest.mark.parametrize("content_type", ["application/xml", "application/cxml+xml; charset=UTF-8", ""])
def test_every_name_of_xml_is_accepted(client: Visitor, setting: Setting, content_type: str) -> None:
    answer = post(client, confirmation(setting.hospital, "PO-1"), content_type=content_type)
    assert answer.status_code == 201


def test_fifty_megabytes_are_refused_unread(client: Visitor) -> None:
    body = Body(50_000_000)
    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(body.size)}
    answer = post(client, b"", environ_overrides=environ)
    assert answer.status_code == 413
    assert "larger than this portal accepts" in status_of(answer).text
    assert body.taken == 0


def test_an_unannounced_flood_is_cut_at_the_limit(client: Visitor, app: Flask) -> None:
    body = Body(50_000_000)
    environ = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = post(client, b"", environ_overrides=environ)
    assert answer.status_code == 413
    assert app.config["MAX_CONTENT_LENGTH"] <= body.taken <= app.config["MAX_CONTENT_LENGTH"] + 100_000


def test_a_kind_this_portal_does_not_take(client: Visitor, setting: Setting) -> None:
    order = write_order(purchase_order(), operation="new")
    answer = post(client, write_request(header(setting.hospital, "m-2"), order))
    assert answer.status_code == 400
    status = status_of(answer)
    assert status.code == 450
    assert "OrderRequest is not a document this portal takes" in status.text
    assert setting.messages() == []


def test_an_endless_id_is_refused(client: Visitor, setting: Setting) -> None:
    """It would not fit into the index that makes repeats harmless."""
    answer = post(client, confirmation(setting.hospital, "PO-1", message_id="x" * 100_000))
    assert answer.status_code == 406
    assert "longer than 255 characters" in status_of(answer).text


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_other_methods(client: Visitor, method: str) -> None:
    assert getattr(client, method)("/exchange/cxml").status_code == 405


def test_a_flood_of_documents_is_slowed_in_the_partners_language(client: Visitor, app: Flask) -> None:
    limit = int(views.LIMIT.split()[0])
    stranger = {"REMOTE_ADDR": "192.0.2.7"}
    for _ in range(limit):
        assert post(client, b"", environ_overrides=stranger).status_code == 406
    answer = post(client, b"", environ_overrides=stranger)
    assert answer.status_code == 429
    assert "again in a minute" in status_of(answer).text
    assert post(client, b"", environ_overrides={"REMOTE_ADDR": "192.0.2.8"}).status_code == 406
