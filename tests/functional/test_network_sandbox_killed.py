"""The sandbox network killed at any moment: what it took it answers, every document once in effect."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from integrations.errors import Ambiguous, Retryable
from integrations.http import Connection
from integrations.registry import NETWORKS
from portal.embedded import free_port
from tests.functional.portal_inbox import Inbox, listening, until
from tests.unit.cxml_documents import SENT_AT, an_order

SERVE = """
import sys
from pathlib import Path
from integrations.sandbox.network.server import serve
from integrations.sandbox.network.settings import NetworkSettings
port, folder, portal = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
serve("127.0.0.1", port, NetworkSettings(folder, portal, {"AN-BUYER": "s"}, "t", delay_seconds=0.2))
"""
Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def start(tmp_path: Path, port: int) -> Iterator[Start]:
    """Starts the server process on the same folder and port, and waits until it answers."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin(portal: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(port), str(tmp_path), portal], stderr=subprocess.DEVNULL
        )
        processes.append(process)
        until(lambda: is_up(port), lambda: "the sandbox does not answer")
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/sandbox/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def send(port: int, number: str) -> bool:
    """Whether the network said it has the order."""
    reach = Connection(
        f"http://127.0.0.1:{port}/cxml",
        secret="s",
        settings={"sender_identity": "AN-BUYER", "from_identity": "AN-BUYER"},
        allowed_hosts=frozenset({"127.0.0.1"}),
        timeout_seconds=5.0,
    )
    network = NETWORKS["sap_business_network"](reach)
    try:
        network.send_purchase_order(an_order(number=number), message_id=f"{number}@portal", sent_at=SENT_AT)
    except (Retryable, Ambiguous):
        return False
    finally:
        network.close()
    return True


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_again_and_again_it_answers_every_order_it_took(start: Start, port: int) -> None:
    inbox = Inbox()
    numbers = [f"PO-{count}" for count in range(8)]
    with listening(inbox) as portal:
        for count, number in enumerate(numbers):
            process = start(portal)
            assert send(port, number)
            # Killed before the first answer is due, between both, and after them.
            inbox_before = len(inbox.received)
            if count % 3:
                inbox.wait_for(inbox_before + count % 3)
            kill(process)
        start(portal)
        until(
            lambda: len(answered(inbox)) == 2 * len(numbers), lambda: f"answered: {sorted(answered(inbox))}"
        )
        assert all(send(port, number) for number in numbers)
        documents = httpx.get(f"http://127.0.0.1:{port}/sandbox/documents", trust_env=False).json()
    assert sorted(order["number"] for order in documents["orders"]) == numbers
    assert len(documents["sent_documents"]) == 2 * len(numbers)
    assert answered(inbox) == {f"{kind}-{number}-1" for kind in ("OC", "SN") for number in numbers}


def answered(inbox: Inbox) -> set[str]:
    return {document.number for document in inbox.documents()}


def test_it_waits_for_a_portal_that_is_down(start: Start, port: int) -> None:
    inbox = Inbox()
    portal_port = free_port()
    process = start(f"http://127.0.0.1:{portal_port}")
    assert send(port, "PO-1")
    until(lambda: has_tried(port), lambda: "no try was made")
    kill(process)
    start(f"http://127.0.0.1:{portal_port}")
    with listening(inbox, portal_port):
        inbox.wait_for(2)
    assert [document.kind for document in inbox.documents()][:2] == ["confirmation", "ship_notice"]


def has_tried(port: int) -> bool:
    documents = httpx.get(f"http://127.0.0.1:{port}/sandbox/documents", trust_env=False).json()
    return any(row["tries"] for row in documents["sent_documents"])
