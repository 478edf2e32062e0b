"""`portal demo` as a person runs it: started, stopped, killed, started again; obstacles in sentences."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from portal.demo.accounts import PHRASE, email_of
from portal.walkthrough.browser import Browser
from tests.functional.processes import PATIENCE, is_alive, until

KEPT_ITEM = "110090"


@dataclass
class Demo:
    """A running `portal demo` and what it has printed so far."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    output: Path

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def children(self) -> list[int]:
        return [int(pid) for pid in json.loads((self.folder / "children.json").read_text())]

    def wait_until_ready(self) -> None:
        until(lambda: "Ctrl-C stops everything" in self.printed or self.process.poll() is not None)
        assert "Ctrl-C stops everything" in self.printed, self.printed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all tests here, so that it is filled once."""
    return tmp_path_factory.mktemp("demo") / "data folder"


@pytest.fixture(scope="module")
def port() -> int:
    """The first of some free ports in a row."""
    for base in range(21000, 30000, 17):
        if all(is_free(base + step) for step in range(6)):
            return base
    raise AssertionError("no free ports")


def is_free(port: int) -> bool:
    with socket.socket() as listener, suppress(OSError):
        listener.bind(("127.0.0.1", port))
        return True
    return False


@contextmanager
def demo(folder: Path, port: int) -> Iterator[Demo]:
    folder.mkdir(exist_ok=True)
    output = folder / "printed"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    with output.open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.cli", "demo"],
            env=environment | {"PORTAL_DATA_DIR": str(folder), "PORTAL_PORT": str(port)},
            stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield Demo(process, folder, output)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def test_the_demo_starts_shows_who_can_sign_in_and_stops_without_leaving_anything(
    folder: Path, port: int
) -> None:
    with demo(folder, port) as running:
        running.wait_until_ready()
        for text in (f"http://127.0.0.1:{port}", "buyer@lakeshore.example", PHRASE, f":{port + 1}/sandbox/"):
            assert text in running.printed
        assert httpx.get(f"http://127.0.0.1:{port}/sign-in").status_code == 200
        children = running.children()
        assert len(children) == 8
        assert_a_second_one_is_sent_here(running, port)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE) == 0
    assert not any(is_alive(pid) for pid in children)
    assert not left_in(folder)
    settings = folder / "settings.json"
    assert settings.stat().st_mode & 0o077 == 0


def test_a_killed_demo_is_cleaned_up_by_the_next_which_keeps_secrets_and_data(
    folder: Path, port: int
) -> None:
    secrets = json.loads((folder / "settings.json").read_text())
    with demo(folder, port) as first:
        first.wait_until_ready()
        left_behind = first.children()
        with signed_in(port) as browser:
            browser.open(f"/catalog?q={KEPT_ITEM}").form("Add").submit()
        first.process.kill()
        first.process.wait()
        assert any(is_alive(pid) for pid in left_behind)
    with demo(folder, port) as second:
        second.wait_until_ready()
        assert not any(is_alive(pid) for pid in left_behind)
        with signed_in(port) as browser:
            assert KEPT_ITEM in browser.open("/cart").text
        kept = json.loads((folder / "settings.json").read_text())
        assert all(kept[name] == secrets[name] for name in kept if "SECRET" in name or "KEYS" in name)
        assert_a_dying_child_is_named(second)


def assert_a_second_one_is_sent_here(first: Demo, port: int) -> None:
    told = run_demo(first.folder, port)
    assert told.returncode == 1
    assert f"runs already, as process {first.process.pid}, at http://127.0.0.1:{port}" in told.stderr


def test_a_taken_port_is_named_with_what_to_do(folder: Path, port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port + 1))
        listener.listen()
        told = run_demo(folder, port)
    assert told.returncode == 1
    assert f"Port {port + 1}, where the sandbox network should listen, cannot be used" in told.stderr
    assert "PORTAL_PORT=" in told.stderr
    assert "Traceback" not in told.stderr


def assert_a_dying_child_is_named(running: Demo) -> None:
    os.kill(running.children()[-1], signal.SIGKILL)
    assert running.process.wait(PATIENCE) == 1
    assert "The scheduler has stopped" in running.printed
    assert "scheduler.log" in running.printed
    assert not left_in(running.folder)


@contextmanager
def signed_in(port: int) -> Iterator[Browser]:
    with Browser(f"http://127.0.0.1:{port}") as browser:
        form = browser.open("/sign-in").form("Sign in")
        form.fill("E-mail", email_of("clinic-manager", "prairie")).fill("Password", PHRASE).submit()
        yield browser


def run_demo(folder: Path, port: int) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    return subprocess.run(
        [sys.executable, "-m", "portal.cli", "demo"],
        env=environment | {"PORTAL_DATA_DIR": str(folder), "PORTAL_PORT": str(port)},
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip


def left_in(folder: Path) -> list[psutil.Process]:
    """Processes that still have the data folder in their command or work in it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(folder) in " ".join([*process.cmdline(), process.cwd()]):
                found.append(process)
    return found
