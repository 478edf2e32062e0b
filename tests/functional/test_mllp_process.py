"""`portal mllp` as a process: what it acknowledged is stored, whatever happens; its log names no patient."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from integrations.transports.mllp import Client
from portal.clinical.feeds import settings as feed_settings
from portal.clinical.feeds.settings import FeedValues
from portal.clinical.models import Usage
from portal.embedded import free_port
from portal.exchange import inbox
from portal.exchange.models import Message
from portal.foundation.db import db, transaction
from portal.foundation.web import ROOT
from portal.identity.rules import Role
from tests.hospital import Hospital
from tests.unit.hl7_messages import charge, usage_message

PATIENCE_SECONDS = 60.0


@contextmanager
def process(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command, once it listens; ended by a signal at the latest here."""
    command = [sys.executable, "-m", "portal.cli", "mllp", "--bind", f"127.0.0.1:{port}"]
    environment = {**os.environ, "PORTAL_LOG_LEVEL": "INFO"}
    with log.open("ab") as output:
        running = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers(port):
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield running
    finally:
        running.kill()
        running.wait()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def names(hospital: Hospital) -> str:
    """What the feed's messages carry in MSH-3 and MSH-4."""
    values = FeedValues(
        "OR", "OR", hospital.organization.slug, hospital.facility.id, addresses=("127.0.0.1",), orders="usage"
    )
    with transaction():
        feed_settings.add(hospital.actor(Role.INTEGRATION_ENGINEER), "or", values)
    return f"OR|{hospital.organization.slug}"


def test_killed_and_started_again_nothing_is_lost_or_doubled(
    names: str, hospital: Hospital, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "mllp.log"
    raws = [
        usage_message(charge(line=f"T{number}"), control_id=f"C{number}", sender=names)
        for number in range(12)
    ]
    with process(port, log) as first, Client("127.0.0.1", port) as client:
        acknowledged = [client.send(raw) for raw in raws[:6]]
        first.send_signal(signal.SIGKILL)
    assert all(b"MSA|AA|" in answer for answer in acknowledged)
    with process(port, log) as second:
        with Client("127.0.0.1", port) as client:
            # The sender repeats what it has no answer for, and more than that.
            assert all(b"MSA|AA|" in client.send(raw) for raw in raws[4:])
            assert b"ERR||FT1^1^10|102" in client.send(
                usage_message(charge(quantity="two"), control_id="C99", sender=names)
            )
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0
    while inbox.apply_due():
        pass
    assert len(db.session.scalars(select(Message)).all()) == 12
    assert [usage.quantity for usage in db.session.scalars(select(Usage))] == [2] * 12
    told = log.read_text()
    assert "hl7_message" in told
    for secret in ("P100", "V200", "Test patient", "19700131", "GLOVE-M"):
        assert secret not in told


def test_an_address_in_use_is_one_sentence(hospital: Hospital, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [
            sys.executable,
            "-m",
            "portal.cli",
            "mllp",
            "--bind",
            f"127.0.0.1:{taken.getsockname()[1]}",
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Cannot listen" in done.stderr.splitlines()[-1]
