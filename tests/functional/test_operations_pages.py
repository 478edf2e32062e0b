"""The engineer's pages: each opens, filters, acts, and answers bad input with a sentence."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from lxml import html
from werkzeug.test import TestResponse

from portal.exchange import jobs, services
from portal.exchange.models import Partner
from portal.exchange.rules import MessageState, WorkItemKind
from portal.exchange.services import About
from portal.foundation.db import db, transaction
from portal.foundation.jobs import connect
from portal.identity.rules import Role
from tests import cxml_partner
from tests import hospital as hospitals
from tests.cxml_partner import CxmlPartner, Reply
from tests.exchange_setting import Setting, exchange
from tests.hospital import Hospital
from tests.inbound_documents import confirmation, place_order
from tests.statements import recorded
from tests.visitor import Visitor


@pytest.fixture
def network() -> Iterator[CxmlPartner]:
    with cxml_partner.running() as partner:
        yield partner


@pytest.fixture
def setting(app: Flask, hospital: Hospital, network: CxmlPartner) -> Iterator[Setting]:
    with exchange(app, hospital, network) as made:
        yield made


@pytest.fixture
def engineer(client: Visitor, setting: Setting) -> Visitor:
    client.sign_in(setting.hospital.email(Role.INTEGRATION_ENGINEER))
    return client


def text_of(answer: TestResponse) -> str:
    page: Any = html.document_fromstring(answer.get_data(as_text=True))
    return " ".join(page.text_content().split())


def shown(client: Visitor, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.status
    return text_of(answer)


def stopped(setting: Setting, number: str = "PO-1", words: str = "Unit unknown") -> int:
    setting.network.replies = [Reply(400, words)]
    message_id = setting.send(number)
    jobs.deliver(setting.organization_id, setting.partner_id)
    return message_id


def received(setting: Setting, body: bytes, key: str = "m-1@supplier") -> int:
    with transaction():
        partner = db.session.get_one(Partner, setting.partner_id)
        services.receive(partner, kind="cxml", key=key, raw=body)
    jobs.apply(setting.organization_id)
    return setting.messages()[-1].id


def item(setting: Setting, kind: WorkItemKind, **options: object) -> int:
    with transaction():
        services.open_item(kind, key=f"{kind}-{len(setting.items())}", sentence=f"A {kind} item", **options)  # type: ignore[arg-type]
    return setting.items()[-1].id


def test_the_overview_names_what_is_stopped(engineer: Visitor, setting: Setting) -> None:
    assert "Nothing is stopped" in shown(engineer, "/operations")
    stopped(setting, "PO-77")
    setting.send("PO-78")
    page = shown(engineer, "/operations")
    assert "PO-77" in page
    assert "Unit unknown" in page
    assert "Messages waiting 1" in page


def test_the_overview_opens_while_redis_is_down(
    app: Flask, engineer: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setitem(app.extensions, "redis", connect("redis://127.0.0.1:1"))
    assert "messages wait in the database" in shown(engineer, "/operations")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"PO-1", "PO-2", "C-1"}),
        ("state=needs_attention", {"PO-2", "C-1"}),
        ("direction=inbound", {"C-1"}),
        ("kind=confirmation", {"C-1"}),
        ("kind=purchase_order", {"PO-1", "PO-2"}),
        ("q=PO-2", {"PO-2"}),
        ("q=PO-404", {"C-1"}),
        ("q=answer-", {"PO-1"}),
        ("q=100%25", set()),
        ("since=2020-01-01&until=2020-12-31", set()),
        ("since=2020-01-01&until=9999-12-31", {"PO-1", "PO-2", "C-1"}),
        ("since=0001-01-01", {"PO-1", "PO-2", "C-1"}),
    ],
)
def test_messages_are_filtered(engineer: Visitor, setting: Setting, query: str, expected: set[str]) -> None:
    setting.send("PO-1")
    jobs.deliver(setting.organization_id, setting.partner_id)
    stopped(setting, "PO-2")
    received(setting, confirmation(setting.hospital, "PO-404"))
    answer = engineer.get(f"/operations/messages?{query}")
    page: Any = html.document_fromstring(answer.get_data(as_text=True))
    assert set(page.xpath("//*[@id='results']//tbody//th/a/text()")) == expected


def test_messages_are_filtered_by_partner_and_sorted(engineer: Visitor, setting: Setting) -> None:
    for number in ("PO-1", "PO-2"):
        setting.send(number)
    assert "PO-1" in shown(engineer, f"/operations/messages?partner={setting.partner_id}&sort=-number")
    assert "No messages here" in shown(engineer, f"/operations/messages?partner={setting.partner_id + 1000}")


ODD_QUERIES = (
    "page=0", "page=-1", "page=x", f"page={10**30}", "sort=nothing", "state=nonsense", "kind=nonsense",
    "partner=x", f"partner={10**30}", "since=yesterday", "until=31.12.2026", "q=%00", "q=%27%22%3C",
    "direction=sideways", "q=" + "x" * 5000, "endpoint=x&_external=1", "%00=1", "which=nonsense",
)  # fmt: skip


@pytest.mark.parametrize("path", ["messages", "work-items", "messages.csv", "work-items.csv"])
def test_odd_filters_are_harmless(engineer: Visitor, setting: Setting, path: str) -> None:
    stopped(setting)
    answers = {query: engineer.get(f"/operations/{path}?{query}").status_code for query in ODD_QUERIES}
    assert answers == dict.fromkeys(ODD_QUERIES, 200)


def test_a_list_asks_the_database_the_same_for_many_messages_as_for_one(
    engineer: Visitor, setting: Setting
) -> None:
    setting.send("PO-1")
    with recorded() as one:
        engineer.get("/operations/messages")
    for number in range(2, 30):
        setting.send(f"PO-{number}")
    with recorded() as many:
        engineer.get("/operations/messages")
    assert len(one) == len(many)


def test_a_message_shows_its_attempts_wire_and_document(engineer: Visitor, setting: Setting) -> None:
    message_id = stopped(setting, "PO-5", "Unit BX unknown")
    page = shown(engineer, f"/operations/messages/{message_id}")
    assert "Refused" in page
    assert "Unit BX unknown" in page
    assert "POST → 200" in page
    assert setting.network.url in page
    assert "<SharedSecret>***</SharedSecret>" in page
    assert "network-secret" not in page
    assert '"number": "PO-5"' in page
    assert "under the same message id" in page


def test_an_earlier_attempt_can_be_looked_at(engineer: Visitor, setting: Setting) -> None:
    message_id = stopped(setting, words="First words")
    with transaction():
        services.retry(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.message(message_id))
    jobs.deliver(setting.organization_id, setting.partner_id)
    newest = engineer.get(f"/operations/messages/{message_id}").get_data(as_text=True)
    first = engineer.get(f"/operations/messages/{message_id}?attempt=1").get_data(as_text=True)
    assert "Try 2: POST" in newest
    assert "Try 1: POST" in first
    assert engineer.get(f"/operations/messages/{message_id}?attempt=99").status_code == 200


def test_a_received_document_is_shown_without_its_secret(engineer: Visitor, setting: Setting) -> None:
    message_id = received(setting, confirmation(setting.hospital, "PO-404"))
    page = shown(engineer, f"/operations/messages/{message_id}")
    assert "<ConfirmationRequest>" in page
    assert "inbound-secret" not in page
    assert "There is no purchase order PO-404" in page
    assert "changes nothing" in page


def test_the_effects_of_a_document_and_its_trace_are_linked(engineer: Visitor, setting: Setting) -> None:
    with transaction():
        order_id = place_order(setting.hospital, "PO-1")
    message_id = received(setting, confirmation(setting.hospital, "PO-1"))
    answer = engineer.get(f"/operations/messages/{message_id}")
    assert "Order: confirm" in text_of(answer)
    assert f"/operations/trace/purchase_order/{order_id}" in answer.get_data(as_text=True)


def test_retry_replay_and_withdraw_from_the_page(engineer: Visitor, setting: Setting) -> None:
    message_id = stopped(setting)
    page = f"/operations/messages/{message_id}"
    answer = engineer.submit(page, action=f"{page}/retry", follow_redirects=True)
    assert "tried again now" in text_of(answer)
    setting.work()
    assert setting.message(message_id).state == MessageState.DONE
    answer = engineer.submit(page, action=f"{page}/replay", follow_redirects=True)
    assert "repeated now under its own id" in text_of(answer)
    setting.work()
    assert [call.message_id for call in setting.network.calls] == [setting.message(message_id).key] * 3

    other = stopped(setting, "PO-2")
    page = f"/operations/messages/{other}"
    answer = engineer.submit(page, {"reason": "  "}, action=f"{page}/withdraw")
    assert answer.status_code == 422
    assert "Say why this message is withdrawn." in text_of(answer)
    engineer.submit(page, {"reason": "Ordered by phone"}, action=f"{page}/withdraw")
    assert setting.message(other).state == MessageState.WITHDRAWN


def test_a_double_click_on_retry_is_told_in_words(engineer: Visitor, setting: Setting) -> None:
    message_id = stopped(setting)
    page = engineer.get(f"/operations/messages/{message_id}")
    engineer.send(page, action=f"/operations/messages/{message_id}/retry")
    setting.work()
    answer = engineer.send(page, action=f"/operations/messages/{message_id}/retry")
    assert answer.status_code == 409
    assert "This message is done; it cannot be retried now." in text_of(answer)


def test_another_tenants_message_does_not_exist(engineer: Visitor, setting: Setting, app: Flask) -> None:
    message_id = stopped(setting)
    with app.app_context(), transaction():
        email = hospitals.build().email(Role.INTEGRATION_ENGINEER)
    stranger = app.test_client()
    stranger.sign_in(email)  # type: ignore[attr-defined]  # it is a Visitor
    assert stranger.get(f"/operations/messages/{message_id}").status_code == 404
    assert "PO-1" not in text_of(stranger.get("/operations/messages"))


def test_partners_show_reach_backlog_and_are_checked_paused_and_resumed(
    engineer: Visitor, setting: Setting
) -> None:
    stopped(setting)
    setting.send("PO-2")
    page = shown(engineer, "/operations/partners")
    assert "Needs attention" in page
    assert "Not checked yet" in page
    base = f"/operations/partners/{setting.partner_id}"
    answer = engineer.submit("/operations/partners", action=f"{base}/check", follow_redirects=True)
    assert "Reached, login accepted" in text_of(answer)
    answer = engineer.submit("/operations/partners", action=f"{base}/pause", follow_redirects=True)
    assert "Nothing is sent to Business Network until you resume it" in text_of(answer)
    calls = len(setting.network.calls)
    setting.work()
    assert len(setting.network.calls) == calls
    engineer.submit("/operations/partners", action=f"{base}/resume")
    setting.work()
    assert len(setting.network.calls) == calls + 1


def test_a_partner_that_is_down_is_said_to_be(engineer: Visitor, setting: Setting) -> None:
    setting.network.stop()
    base = f"/operations/partners/{setting.partner_id}"
    answer = engineer.submit("/operations/partners", action=f"{base}/check", follow_redirects=True)
    assert "Not reached" in text_of(answer)
    assert "cannot be reached" in text_of(answer)


def test_everything_stopped_of_a_partner_is_retried_at_once(engineer: Visitor, setting: Setting) -> None:
    ids = [stopped(setting, number) for number in ("PO-1", "PO-2")]
    base = f"/operations/partners/{setting.partner_id}"
    answer = engineer.submit("/operations/partners", action=f"{base}/retry-stopped", follow_redirects=True)
    assert "2 messages are tried again now." in text_of(answer)
    setting.work()
    assert {setting.message(one).state for one in ids} == {MessageState.DONE}


def test_pausing_twice_is_told_in_words(engineer: Visitor, setting: Setting) -> None:
    page = engineer.get("/operations/partners")
    path = f"/operations/partners/{setting.partner_id}/pause"
    engineer.send(page, action=path)
    answer = engineer.send(page, action=path)
    assert answer.status_code == 409
    assert "is paused already" in text_of(answer)


def test_work_items_are_taken_and_resolved_with_a_comment(engineer: Visitor, setting: Setting) -> None:
    item_id = item(setting, WorkItemKind.SYNC_STOPPED, at_stake=Decimal("1234.50"), suggestion="Look at it")
    page = f"/operations/work-items/{item_id}"
    listed = shown(engineer, "/operations/work-items")
    assert "Master data stopped" in listed
    assert "$1,234.50" in listed
    assert "Nobody" in listed
    engineer.submit(page, action=f"{page}/take")
    assert "A sync_stopped item" in shown(engineer, "/operations/work-items?which=mine")
    answer = engineer.submit(page, {"comment": " "}, action=f"{page}/resolve")
    assert answer.status_code == 422
    assert "Say how this was resolved." in text_of(answer)
    engineer.submit(page, {"comment": "Applied by hand"}, action=f"{page}/resolve")
    assert "Nothing to decide" in shown(engineer, "/operations/work-items")
    assert "Applied by hand" in shown(engineer, "/operations/work-items?which=resolved")
    assert "Applied by hand" in shown(engineer, page)


def test_a_stopped_message_is_retried_from_its_work_item(engineer: Visitor, setting: Setting) -> None:
    message_id = stopped(setting)
    page = f"/operations/work-items/{setting.items()[0].id}"
    engineer.submit(page, action=f"/operations/messages/{message_id}/retry")
    setting.work()
    assert setting.items() == []
    assert "Delivered." in shown(engineer, page)


def test_a_work_item_is_resolved_once(engineer: Visitor, setting: Setting) -> None:
    item_id = item(setting, WorkItemKind.SYNC_STOPPED)
    page = engineer.get(f"/operations/work-items/{item_id}")
    path = f"/operations/work-items/{item_id}/resolve"
    engineer.send(page, {"comment": "Done"}, action=path)
    answer = engineer.send(page, {"comment": "Done again"}, action=path)
    assert answer.status_code == 409
    assert "resolved already" in text_of(answer)
    assert setting.items(resolved=True)[0].resolution == "Done"


def test_each_role_sees_the_work_items_it_can_do_something_about(client: Visitor, setting: Setting) -> None:
    for kind in (WorkItemKind.SYNC_STOPPED, WorkItemKind.PRICE, WorkItemKind.BACKORDERED):
        item(setting, kind)
    seen = {}
    for role in (Role.BUYER, Role.RECEIVER, Role.AP_ANALYST, Role.INTEGRATION_ENGINEER):
        client.sign_in(setting.hospital.email(role))
        page = shown(client, "/operations/work-items")
        seen[role] = {kind for kind in ("sync_stopped", "price", "backordered") if f"A {kind} item" in page}
    assert seen == {
        Role.BUYER: {"price", "backordered"},
        Role.RECEIVER: {"backordered"},
        Role.AP_ANALYST: {"price"},
        Role.INTEGRATION_ENGINEER: {"sync_stopped", "price", "backordered"},
    }


def test_a_work_item_of_another_role_does_not_exist(client: Visitor, setting: Setting) -> None:
    item_id = item(setting, WorkItemKind.SYNC_STOPPED)
    client.sign_in(setting.hospital.email(Role.RECEIVER))
    assert client.get(f"/operations/work-items/{item_id}").status_code == 404


def test_the_money_at_stake_is_that_of_the_order(engineer: Visitor, setting: Setting) -> None:
    with transaction():
        order_id = place_order(setting.hospital, "PO-9")
    item(setting, WorkItemKind.NOT_ON_ORDER, subject=About("purchase_order", order_id, "PO-9"))
    assert "$36.25" in shown(engineer, "/operations/work-items")


def table(client: Visitor, address: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(client.get(address).data.decode("utf-8-sig"))))


def test_lists_leave_as_csv_that_a_spreadsheet_does_not_calculate(
    engineer: Visitor, setting: Setting
) -> None:
    stopped(setting, "=1+cmd|'/C")
    item(setting, WorkItemKind.SYNC_STOPPED, suggestion="+1")
    header, message = table(engineer, "/operations/messages.csv")
    assert header[:4] == ["created", "direction", "partner", "document"]
    assert message[4] == "'=1+cmd|'/C"
    suggestions = [row[4] for row in table(engineer, "/operations/work-items.csv")[1:]]
    assert suggestions == ["Correct what the partner names, then retry the message.", "'+1"]
    assert setting.happened("messages.export") == 1
