"""Which browser the tests take."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import chromium


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search path of this test's own, without any browser elsewhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    monkeypatch.setattr(chromium, "ON_MACOS", ())
    return tmp_path


def program(path: Path, *, code: int) -> str:
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


def test_one_on_the_search_path_is_taken(path: Path) -> None:
    wanted = program(path / "google-chrome", code=0)
    assert chromium.present() == wanted
    assert chromium.launch_arguments()["executable_path"] == wanted


def test_one_that_does_not_start_is_passed_over(path: Path) -> None:
    program(path / "chromium", code=1)
    wanted = program(path / "chromium-browser", code=0)
    assert chromium.present() == wanted


def test_the_named_one_comes_first_and_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path / "chromium", code=0)
    monkeypatch.setenv(chromium.VARIABLE, program(path / "mine", code=0))
    assert chromium.present() == str(path / "mine")
    monkeypatch.setenv(chromium.VARIABLE, str(path / "missing"))
    assert chromium.present() is None


def test_without_any_the_sentence_says_what_to_do(path: Path) -> None:
    nowhere = {"PLAYWRIGHT_DOWNLOAD_HOST": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "tests.chromium"]
    ran = subprocess.run(
        command, env=os.environ | nowhere, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 1
    assert "apt-get install chromium" in ran.stderr
    assert "PORTAL_TEST_CHROMIUM" in ran.stderr
