"""Whatever goes wrong on the way, an order stands once in the ERP and once at the supplier."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg
import pytest
from flask import Flask
from sqlalchemy import select

from portal.exchange import jobs, services
from portal.exchange.models import Message, Partner
from portal.exchange.rules import MessageState, Outcome
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.orders.rules import Transmission
from portal.settings import Settings
from tests import cxml_partner, ordering, partners
from tests.exchange_setting import Setting, exchange
from tests.hospital import Hospital
from tests.partners import Partners

SECONDS = 1.0


@pytest.fixture
def sandboxes(hospital: Hospital, tmp_path: Path) -> Iterator[Partners]:
    with partners.running(tmp_path, hospital) as running:
        yield running


@pytest.fixture
def setting(
    app: Flask, hospital: Hospital, sandboxes: Partners, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Setting]:
    """Both sandboxes as partners, and little patience with them."""
    settings: Settings = app.extensions["settings"]
    impatient = settings.model_copy(update={"partner_timeout_seconds": SECONDS})
    monkeypatch.setitem(app.extensions, "settings", impatient)
    with cxml_partner.running() as unused, exchange(app, hospital, unused) as made:
        with transaction() as session:
            erp, network = session.scalars(select(Partner).order_by(Partner.id))
            erp.base_url, network.base_url = sandboxes.erp_url, sandboxes.network_url
        yield made


def misbehave(url: str, effect: str, **rule: object) -> None:
    """The sandbox does this once, at the next request of this kind."""
    request = Request(  # noqa: S310  # loopback only
        f"{url}/sandbox/behavior",
        data=json.dumps({"effect": effect, **rule}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=5) as answer:  # noqa: S310  # loopback only
        assert answer.status == 201


def work_until_nothing_waits(setting: Setting) -> list[Message]:
    """Workers, and time that passes; at most a few rounds."""
    for _ in range(6):
        setting.work()
        unfinished = [one for one in setting.messages() if one.state in ("waiting", "working")]
        if not unfinished:
            break
        for message in unfinished:
            setting.pause_is_over(message.id)
        jobs.sweep()
    return setting.messages()


def outcomes(setting: Setting, message: Message) -> list[Outcome | None]:
    return [attempt.outcome for attempt in setting.attempts(message.id)]


FAULTS = [
    ("timeout_after", {"value": "3"}),
    ("error_after", {}),
    ("malformed", {}),
    ("drop_before", {}),
    ("error_before", {}),
    ("too_many", {"value": "1"}),
    ("slow", {"value": "2"}),
]


@pytest.mark.parametrize(("effect", "rule"), FAULTS, ids=[effect for effect, _ in FAULTS])
@pytest.mark.parametrize("partner", ["erp", "network"])
def test_one_fault_of_a_partner_neither_loses_nor_doubles(
    setting: Setting, sandboxes: Partners, partner: str, effect: str, rule: dict[str, str]
) -> None:
    url, request = {
        "erp": (sandboxes.erp_url, "purchase_order"),
        "network": (sandboxes.network_url, "order"),
    }[partner]
    misbehave(url, effect, request=request, **rule)
    order = ordering.placed(setting.hospital, {setting.hospital.gloves_offer: 2})
    sent = work_until_nothing_waits(setting)
    assert [message.state for message in sent] == [MessageState.DONE] * 2
    tried = outcomes(setting, sent[0 if partner == "erp" else 1])
    assert len(tried) >= 2
    assert tried[-1] == Outcome.DONE
    assert [one["reference"] for one in sandboxes.erp_orders()] == [order.number]
    assert [one["number"] for one in sandboxes.network_orders()] == [order.number]
    shown = ordering.fresh(order)
    assert shown.transmission is Transmission.SENT
    assert shown.erp_number


def test_a_refused_order_goes_out_after_the_cause_is_gone(setting: Setting, sandboxes: Partners) -> None:
    misbehave(sandboxes.erp_url, "reject", request="purchase_order", value="Supplier is blocked")
    order = ordering.placed(setting.hospital, {setting.hospital.gloves_offer: 2})
    [message] = work_until_nothing_waits(setting)
    assert message.state == MessageState.NEEDS_ATTENTION
    assert "Supplier is blocked" in setting.items()[0].sentence
    assert sandboxes.erp_orders() == []
    assert ordering.fresh(order).transmission is Transmission.STOPPED
    with transaction():
        services.retry(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.message(message.id))
    work_until_nothing_waits(setting)
    assert len(sandboxes.erp_orders()) == len(sandboxes.network_orders()) == 1
    assert setting.items() == []


def test_replaying_everything_changes_nothing_at_the_partners(setting: Setting, sandboxes: Partners) -> None:
    order = ordering.placed(setting.hospital, {setting.hospital.gloves_offer: 2})
    work_until_nothing_waits(setting)
    for message in setting.messages():
        with transaction():
            services.replay(setting.hospital.actor(Role.INTEGRATION_ENGINEER), setting.message(message.id))
    replayed = work_until_nothing_waits(setting)
    assert [message.state for message in replayed] == [MessageState.DONE] * 2
    assert all(len(outcomes(setting, message)) == 2 for message in replayed)
    assert len(sandboxes.erp_orders()) == len(sandboxes.network_orders()) == 1
    assert ordering.fresh(order).erp_number == replayed[0].reference


def test_every_connection_to_the_database_is_cut_while_the_partner_is_called(
    setting: Setting, sandboxes: Partners, environment: dict[str, str]
) -> None:
    """The answer is settled over a new connection: none is held open during the call."""
    handlers = setting.app.extensions["handlers"].outbound
    key = ("purchase_order", "erp")
    usual = handlers[key]

    def cut(adapter: object, message: Message, ask_first: bool) -> str:
        number: str = usual.deliver(adapter, message, ask_first)
        with psycopg.connect(environment["PORTAL_DATABASE_URL"], autocommit=True) as owner:
            owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        return number

    handlers[key] = type(usual)(cut, usual.delivered, usual.stopped)
    order = ordering.placed(setting.hospital, {setting.hospital.gloves_offer: 2})
    ids = setting.organization_id, setting.messages()[0].partner_id
    db.session.rollback()  # the test itself holds no connection either
    jobs.deliver(*ids)
    handlers[key] = usual
    sent = work_until_nothing_waits(setting)
    assert [message.state for message in sent] == [MessageState.DONE] * 2
    assert outcomes(setting, sent[0]) == [Outcome.DONE]
    assert [one["reference"] for one in sandboxes.erp_orders()] == [order.number]
