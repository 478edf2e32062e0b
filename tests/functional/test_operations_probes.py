"""Health and metrics tell the truth, also when something is missing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from portal.app import create_app
from portal.exchange import jobs, services
from portal.exchange.models import Partner
from portal.foundation.db import db, transaction
from portal.foundation.jobs import connect
from portal.foundation.web import ROOT
from portal.identity.rules import Role
from portal.settings import Settings, load
from tests import cxml_partner
from tests.cxml_partner import Reply
from tests.exchange_setting import Setting, exchange
from tests.hospital import Hospital
from tests.visitor import Visitor

NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
def setting(app: Flask, hospital: Hospital) -> Iterator[Setting]:
    with cxml_partner.running() as network, exchange(app, hospital, network) as made:
        yield made


def gauges(client: Visitor, slug: str) -> dict[tuple[str, ...], float]:
    """Values of one organization, and those of none, by name and sorted label values."""
    found = {}
    for family in text_string_to_metric_families(client.get("/metrics").get_data(as_text=True)):
        for sample in family.samples:
            labels = dict(sample.labels)
            if labels.pop("organization", slug) == slug:
                found[sample.name, *sorted(labels.values())] = sample.value
    return found


@contextmanager
def another(settings: Settings) -> Iterator[Any]:
    """A browser at an application with other settings."""
    app = create_app(settings)
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def test_a_living_process_says_so(client: Visitor) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json) == (200, {"status": "live"})


def test_ready(client: Visitor) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "faults": {}})


def test_not_ready_without_redis(app: Flask, client: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.extensions, "redis", connect(NOWHERE))
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json is not None
    assert list(answer.json["faults"]) == ["queue"]
    assert "PORTAL_REDIS_URL" in answer.json["faults"]["queue"]
    assert client.get("/health/live").status_code == 200


def test_not_ready_without_a_database(environment: dict[str, str], tmp_path: Path) -> None:
    missing = f"postgresql:///portal?host={tmp_path}"
    with another(load().model_copy(update={"database_url": missing})) as client:
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert list(answer.json["faults"]) == ["database"]
        assert "PORTAL_DATABASE_URL" in answer.json["faults"]["database"]
        assert client.get("/health/live").status_code == 200
        metrics = client.get("/metrics").get_data(as_text=True)
        assert 'portal_up{part="database"} 0.0' in metrics
        assert 'portal_up{part="queue"} 1.0' in metrics


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        pytest.param(
            "UPDATE alembic_version SET version_num = 'past ' || version_num",
            "UPDATE alembic_version SET version_num = substr(version_num, 6)",
            "The schema is at past 0",
            id="older",
        ),
        pytest.param(
            "ALTER TABLE alembic_version RENAME TO hidden",
            "ALTER TABLE hidden RENAME TO alembic_version",
            "The database is empty",
            id="none",
        ),
    ],
)
def test_not_ready_before_the_migrations(
    app: Flask,
    client: Visitor,
    environment: dict[str, str],
    before: LiteralString,
    after: LiteralString,
    says: str,
) -> None:
    with psycopg.connect(environment["PORTAL_DATABASE_URL"], autocommit=True) as owner:
        owner.execute(before)
        try:
            answer = client.get("/health/ready")
        finally:
            owner.execute(after)
    assert answer.status_code == 503
    assert answer.json is not None
    assert says in answer.json["faults"]["database"]
    assert "portal migrate" in answer.json["faults"]["database"]


def test_metrics_count_what_waits_and_what_somebody_must_decide(client: Visitor, setting: Setting) -> None:
    setting.network.replies = [Reply(400, "No")]
    setting.send("PO-1")
    jobs.deliver(setting.organization_id, setting.partner_id)
    setting.send("PO-2")
    with transaction():
        partner = db.session.get_one(Partner, setting.partner_id)
        services.pause(setting.hospital.actor(Role.INTEGRATION_ENGINEER), partner, paused=True)
    found = gauges(client, setting.hospital.organization.slug)
    assert found["portal_messages_unfinished", "network", "outbound", "waiting"] == 1
    assert found["portal_messages_unfinished", "needs_attention", "network", "outbound"] == 1
    assert found["portal_message_oldest_due_seconds", "network", "outbound"] > 0
    assert found["portal_work_items_open", "delivery_stopped"] == 1
    assert (found["portal_partner_paused", "network"], found["portal_partner_paused", "erp"]) == (1, 0)
    assert found["portal_queue_jobs", "exchange"] >= 1
    assert found["portal_up", "database"] == found["portal_up", "queue"] == 1
    assert "portal_workers" in {name for name, *_ in found}
    assert found["portal_delivery_seconds_count", "network", "rejected"] >= 1


def test_metrics_are_for_this_machine_or_for_the_bearer_of_the_token(
    client: Visitor, app: Flask, environment: dict[str, str]
) -> None:
    stranger: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", **stranger).status_code == 401
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 401
    guess = {"Authorization": "Bearer "}
    assert client.get("/metrics", headers=guess, **stranger).status_code == 401
    with another(load().model_copy(update={"metrics_token": SecretStr("a token")})) as guarded:
        for token, status in (("a token", 200), ("another", 401), ("", 401), ("a tokén", 401)):
            headers = {"Authorization": f"Bearer {token}"}
            assert guarded.get("/metrics", headers=headers, **stranger).status_code == status, token


PROGRAM = """
from portal.app import create_app
client = create_app().test_client()
for _ in range(3):
    client.get("/health/live")
print(client.get("/metrics").get_data(as_text=True))
"""


def test_processes_that_share_a_folder_report_together(environment: dict[str, str], tmp_path: Path) -> None:
    shared = {**os.environ, **environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    printed = [
        subprocess.run(command, env=shared, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    counted = 'portal_request_seconds_count{endpoint="operations.live",status="200"}'
    assert [f"{counted} {number}" in text for text, number in zip(printed, (3.0, 6.0), strict=True)] == [
        True
    ] * 2
