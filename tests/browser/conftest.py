"""Chromium, and the whole portal running as people run it: `portal demo` with all its processes."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.demo.accounts import PHRASE, email_of
from tests.browser.accessibility import DESK
from tests.chromium import launch_arguments

PORTS_IN_A_ROW = 6
READY = "Ctrl-C stops everything"
PATIENCE = 300
# A loaded machine answers late; a page that is right passes as soon as it is.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The Chromium of this machine, however it came here."""
    return launch_arguments()


@pytest.fixture(scope="package")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo keeps its data and logs."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="package")
def portal_url(demo_folder: Path) -> Iterator[str]:
    """The address of a freshly seeded demo: web, workers, scheduler and partners in their own processes."""
    folder = demo_folder
    port = _free_port()
    output = folder / "demo.txt"
    own = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    with output.open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.cli", "demo"],
            env={
                **own,
                "PORTAL_DATA_DIR": str(folder / "data"),
                "PORTAL_PORT": str(port),
                "PORTAL_ORDER_REST_MINUTES": "600",  # the journeys place their orders themselves
            },
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, output)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _wait_until_ready(process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while READY not in output.read_text():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.2)


def _free_port() -> int:
    # Below what other tests and outgoing connections take; at random, as other demos start meanwhile.
    for base in random.sample(range(12_000, 20_000, PORTS_IN_A_ROW), 500):
        if all(_is_free(base + step) for step in range(PORTS_IN_A_ROW)):
            return base
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as listener, suppress(OSError):
        listener.bind(("127.0.0.1", port))
        return True
    return False


@pytest.fixture
def time_out(demo_folder: Path, portal_url: str) -> Callable[[str], None]:
    """Lets all sessions of a person be as old as if nobody had touched them for a month."""
    # The fifth line of this file names the folder of the server's socket.
    socket_folder = (demo_folder / "data/postgres/postmaster.pid").read_text().splitlines()[4]

    def age(email: str) -> None:
        with psycopg.connect(host=socket_folder, user="postgres", dbname="portal") as connection:
            connection.execute(
                "UPDATE web_session SET last_seen_at = last_seen_at - interval '30 days' "
                "FROM account WHERE account.id = account_id AND email = %s",
                [email],
            )

    return age


@pytest.fixture
def sign_in(browser: Browser, portal_url: str) -> Iterator[Callable[..., Page]]:
    """Opens a window signed in as a person of the demo, for example sign_in("buyer")."""
    contexts: list[BrowserContext] = []

    def open_window(name: str, organization: str = "lakeshore", **options: Any) -> Page:
        context = browser.new_context(base_url=portal_url, **{"viewport": DESK, **options})
        contexts.append(context)
        page = context.new_page()
        page.goto("/sign-in")
        page.get_by_label("E-mail").fill(email_of(name, organization))
        page.get_by_label("Password").fill(PHRASE)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    yield open_window
    for context in contexts:
        context.close()
