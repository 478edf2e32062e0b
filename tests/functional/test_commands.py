"""The `portal` command: one clear sentence and exit code 1 for whatever a person can mend."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask

from integrations.canonical import Confirmation
from portal.embedded import EmbeddedServers
from portal.foundation.audit import seal
from portal.foundation.db import transaction
from tests.hospital import Hospital
from tests.inbound_documents import confirmation

SECRETS = ("PORTAL_SECRET_KEY", "PORTAL_ENCRYPTION_KEYS", "PORTAL_INDEX_KEY")


def portal(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs the command with this process's environment and the given variables; empty ones are unset."""
    variables = {name: value for name, value in {**os.environ, **environment}.items() if value}
    return subprocess.run(
        [sys.executable, "-m", "portal.cli", *arguments],
        env=variables, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence on standard error of a command that failed as it should."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return line


@pytest.fixture
def empty_database(tmp_path: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of a database without any table."""
    with EmbeddedServers(tmp_path / "empty", valkey=False) as servers:
        yield servers.database()


def test_missing_settings_are_named(tmp_path: Path) -> None:
    names = [name for name in os.environ if name.startswith("PORTAL_")]
    done = portal("worker", **dict.fromkeys(names, ""), PORTAL_DATA_DIR=str(tmp_path))
    for name in ("PORTAL_DATABASE_URL", "PORTAL_REDIS_URL", *SECRETS):
        assert name in refusal(done)


def test_an_unreachable_database_is_said_in_words(environment: dict[str, str]) -> None:
    done = portal("migrate", PORTAL_DATABASE_URL="postgresql://nobody@127.0.0.1:1/portal")
    assert "database cannot be used" in refusal(done)
    assert "PORTAL_DATABASE_URL" in refusal(done)


def test_a_database_without_schema_is_sent_to_migrate(empty_database: str) -> None:
    done = portal("audit", "verify", PORTAL_DATABASE_URL=empty_database)
    assert "Run `portal migrate` first" in refusal(done)


def test_migrate_brings_the_newest_schema_twice_without_harm(empty_database: str) -> None:
    for _ in range(2):
        assert portal("migrate", PORTAL_DATABASE_URL=empty_database).returncode == 0
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regclass('purchase_order')").fetchone() != (None,)


def test_doctor_names_what_fails_and_what_to_do(empty_database: str) -> None:
    done = portal("doctor", PORTAL_DATABASE_URL=empty_database, PORTAL_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 1
    for what in ("ok    settings", "ok    database", "fail  role", "fail  migrations", "fail  queue"):
        assert what in done.stdout
    assert "Run `portal migrate`." in done.stdout
    assert "correct PORTAL_REDIS_URL" in done.stdout


def test_doctor_says_that_nobody_works(app: Flask, environment: dict[str, str]) -> None:
    done = portal("doctor", PORTAL_REDIS_URL=environment["PORTAL_REDIS_URL"].removesuffix("/0") + "/9")
    assert done.returncode == 1
    assert "ok    migrations" in done.stdout
    assert "fail  workers: nobody serves default, exchange, masterdata" in done.stdout
    assert "fail  scheduler" in done.stdout


def test_translate_prints_the_canonical_document(tmp_path: Path, hospital: Hospital) -> None:
    file = tmp_path / "confirmation.xml"
    file.write_bytes(confirmation(hospital, "PO26-0000001"))
    done = portal("translate", str(file))
    assert done.returncode == 0, done.stderr
    assert Confirmation.model_validate(json.loads(done.stdout)).order_number == "PO26-0000001"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The document is empty (line 1)"),
        (b"hello", "format is not recognized"),
        (b"<cXML><Request>", "line 1"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><cXML>&a;</cXML>', "line 1"),
    ],
)
def test_translate_names_what_it_cannot_read_and_where(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "document"
    file.write_bytes(content)
    sentence = refusal(portal("translate", str(file)))
    assert sentence.startswith("Error: Unreadable: ")
    assert words in sentence


def test_a_file_that_is_not_there_is_named() -> None:
    assert "nowhere.xml" in refusal(portal("translate", "nowhere.xml"))


def test_import_adds_rows_or_lists_every_fault(hospital: Hospital, tmp_path: Path) -> None:
    organization = hospital.organization.slug
    file = tmp_path / "accounts.csv"
    file.write_text("code,name\n65200000,Linen\n")
    done = portal("import", "gl_accounts", str(file), "--organization", organization)
    assert "1 added, 0 changed, 0 as before." in done.stdout, done.stderr

    file.write_text("code,name\n65300000,\n,Nameless\n")
    done = portal("import", "gl_accounts", str(file), "--organization", organization)
    assert "Nothing was imported: 2 errors" in refusal(done)
    assert "row 2, name:" in done.stderr
    assert "row 3, code:" in done.stderr

    done = portal("import", "gl_accounts", str(file), "--organization", "nowhere")
    assert "There is no organization nowhere." in refusal(done)


def test_audit_verify_finds_what_was_changed_behind_its_back(
    hospital: Hospital, environment: dict[str, str]
) -> None:
    with transaction():
        assert seal() > 0
    mine = hospital.organization.id
    assert f"Organization {mine}: every seal holds." in portal("audit", "verify").stdout

    with psycopg.connect(environment["PORTAL_DATABASE_URL"]) as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER append_only")
        owner.execute("UPDATE audit_event SET actor = 'Somebody else' WHERE organization_id = %s", (mine,))
        owner.execute("ALTER TABLE audit_event ENABLE TRIGGER append_only")
    done = portal("audit", "verify")
    assert f"Organization {mine}: broken seals" in done.stdout
    assert "events were changed after they were sealed" in refusal(done)
    with psycopg.connect(environment["PORTAL_DATABASE_URL"]) as owner:
        owner.execute("DELETE FROM audit_seal WHERE organization_id = %s", (mine,))


def test_a_taken_port_of_a_sandbox_is_said_in_words(environment: dict[str, str], tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path, postgres=False) as servers:
        port = servers.redis_url.rsplit(":", 1)[1].removesuffix("/0")
        done = portal("sandbox", "network", "--port", port, "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"Port {port} is in use by another program" in done.stderr
    assert "Traceback" not in done.stderr
