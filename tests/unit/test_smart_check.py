"""`portal smart check` over what the vendors really publish, and over servers that would fail."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask, jsonify

from integrations.ehr.smart.discovery import OAUTH_URIS
from integrations.ehr.smart.findings import Level, Report, inspect_server
from integrations.sandbox.serving import server
from portal.cli import portal
from tests.samples import SAMPLES, needs_samples

SMART = SAMPLES / "ehr" / "smart"
WHOLE = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "jwks_uri": "keys",
    "capabilities": ["launch-ehr", "client-confidential-asymmetric", "sso-openid-connect", "permission-v2"],
    "code_challenge_methods_supported": ["S256"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
}


@contextmanager
def served(configuration: Any, metadata: Any = None) -> Iterator[str]:
    """A FHIR server that publishes these documents; None is missing."""
    app = Flask(__name__)
    for path, document in (
        ("/fhir/.well-known/smart-configuration", configuration),
        ("/fhir/metadata", metadata),
    ):
        if document is not None:
            app.add_url_rule(path, path, lambda document=document: jsonify(document))
    running = server(app, "127.0.0.1", 0)
    thread = Thread(target=running.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/fhir"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def seen(report: Report) -> dict[str, Level]:
    return {finding.what: finding.level for finding in report.findings}


@needs_samples
@pytest.mark.parametrize(
    ("name", "method", "style", "failing", "warned"),
    [
        ("epic-sandbox", "RS384", "v2", set(), {"scopes listed"}),
        ("cerner-live-2026-08.provider", "RS384", "v2", set(), set()),
        ("cerner-live-2026-08.patient", "RS384", "v2", set(), {"context-ehr-encounter"}),
        ("cerner-millennium", "RS384", "v1", set(), {"PKCE", "client-confidential-asymmetric", "issuer"}),
        ("meditech-greenfield", "RS384", "v2", set(), set()),
    ],
)
def test_what_the_vendors_publish(
    name: str, method: str, style: str, failing: set[str], warned: set[str]
) -> None:
    document = json.loads((SMART / f"{name}.smart-configuration.json").read_text())
    with served(document) as iss:
        report = inspect_server(iss)
    levels = seen(report)
    assert {what for what, level in levels.items() if level is Level.FAIL} == failing
    assert warned <= {what for what, level in levels.items() if level is Level.WARN}
    assert (report.set_up["auth_method"], report.set_up["scope_style"]) == (method, style)
    assert report.set_up["issuers"] == ([document["issuer"]] if "issuer" in document else [])
    assert report.set_up["hosts"]
    assert report.is_ready is not failing


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({}, set()),
        ({"token_endpoint": None}, {"token_endpoint"}),
        ({"authorization_endpoint": "http://ehr.example.org/authorize"}, {"authorization_endpoint"}),
        ({"code_challenge_methods_supported": ["plain"]}, {"PKCE"}),
        ({"capabilities": ["launch-standalone"]}, {"launch-ehr"}),
        ({"token_endpoint_auth_methods_supported": ["none"]}, {"proof of the portal"}),
    ],
)
def test_what_would_fail_is_named(changes: dict[str, Any], failing: set[str]) -> None:
    with served({**WHOLE, **changes}) as iss:
        report = inspect_server(iss)
    assert {finding.what for finding in report.findings if finding.level is Level.FAIL} == failing
    assert report.is_ready is (not failing)


def test_an_older_server_is_read_from_its_capability_statement() -> None:
    uris = [{"url": "authorize", "valueUri": "authorize"}, {"url": "token", "valueUri": "token"}]
    security = {"extension": [{"url": f"http://fhir.example.org{OAUTH_URIS}", "extension": uris}]}
    with served(None, {"rest": [{"security": security}]}) as iss:
        report = inspect_server(iss)
    assert (report.source, report.is_ready, report.set_up["scope_style"]) == (
        "capability-statement", True, "v1",
    )  # fmt: skip


def test_a_server_that_publishes_nothing_fails() -> None:
    with served(None) as iss:
        assert not inspect_server(iss).is_ready


def test_the_command_prints_json_and_fails_where_a_launch_would() -> None:
    with served({**WHOLE, "capabilities": ["x"]}) as iss:
        done = CliRunner().invoke(portal, ["smart", "check", iss, "--json"])
        told = CliRunner().invoke(portal, ["smart", "check", iss])
    assert (done.exit_code, json.loads(done.stdout)["ready"]) == (1, False)
    assert "launch-ehr: no" in told.stdout
    assert "Nobody can launch from the chart." in told.stdout


def test_the_command_makes_keys() -> None:
    for algorithm in ("RS384", "ES384"):
        done = CliRunner().invoke(portal, ["smart", "key", "--algorithm", algorithm])
        assert done.exit_code == 0
        assert len(done.stdout.split()) == 1
