"""Finds a Chromium for the browser tests, or installs one; `python -m tests.chromium` says which."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import sync_playwright

VARIABLE = "PORTAL_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
ON_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# As root it must not use its sandbox; the rest keeps it from calling its makers.
SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
HINT = (
    f"No Chromium was found, and it could not be installed. Install one (Debian: apt-get install chromium, "
    f"as root) or name one in {VARIABLE}, then run make test again."
)


def present() -> str | None:
    """The first Chromium here that starts: the named one, one on the path, Playwright's own."""
    return next((path for path in _candidates() if _starts(path)), None)


def launch_arguments() -> dict[str, Any]:
    """What Playwright needs to start it."""
    path = present()
    return {"args": list(SWITCHES), **({"executable_path": path} if path else {})}


def _candidates() -> Iterator[str]:
    if named := os.environ.get(VARIABLE):
        yield named
        return
    yield from filter(None, map(shutil.which, NAMES))
    yield from ON_MACOS
    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def _starts(path: str) -> bool:
    if not Path(path).is_file():
        return False
    command = [path, "--version", *SWITCHES]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _install() -> Iterator[tuple[str, Sequence[Sequence[str]]]]:
    yield "Playwright's", [[sys.executable, "-m", "playwright", "install", "chromium"]]
    apt = shutil.which("apt-get")
    if apt is None:
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if prefix and shutil.which("sudo") is None:
        click.echo("Debian's package needs root, and there is no sudo here.", err=True)
        return
    install = [*prefix, apt, "install", "--yes", "--no-install-recommends", "chromium"]
    yield "Debian's", [[*prefix, apt, "update"], install]


def ensure() -> str:
    """A Chromium that starts, installed if need be; raises ClickException with what to do."""
    found = present()
    for whose, commands in _install() if found is None else ():
        click.echo(f"Installing {whose} Chromium ...")
        if all(subprocess.run(command, check=False).returncode == 0 for command in commands):
            found = present()
        if found is not None:
            break
        click.echo(f"{whose} Chromium could not be installed.", err=True)
    if found is None:
        raise click.ClickException(HINT)
    return found


if __name__ == "__main__":
    try:
        click.echo(f"Browser tests use {ensure()}")
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
