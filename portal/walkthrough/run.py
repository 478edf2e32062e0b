"""`portal walkthrough`: throw-away servers on free ports, the play, and its report."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from portal.demo import environment
from portal.demo.names import ORGANIZATIONS, Addresses
from portal.demo.preparation import prepare
from portal.demo.processes import Crew, free_addresses
from portal.embedded import EmbeddedServers
from portal.processes import ProcessError
from portal.walkthrough.browser import WalkthroughError
from portal.walkthrough.play import Play

ANSWER_SECONDS = "0.5"


def run(*, as_json: bool) -> None:
    """Plays the main job; raises ProcessError naming the step that failed and where the logs are."""
    folder = Path(tempfile.mkdtemp(prefix="portal-walkthrough-"))
    started = time.monotonic()
    try:
        with _portal(folder) as addresses:
            _tell("Servers, portal and partners are ready", time.monotonic() - started)
            outcome = Play(addresses, _tell).run()
    except WalkthroughError as error:
        raise ProcessError(f"{error}\nThe logs are in {folder}.") from error
    shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        click.echo(json.dumps(asdict(outcome), indent=2))
    else:
        _tell("Everything holds, in the portal and at both partners", time.monotonic() - started)


def _tell(name: str, seconds: float) -> None:
    click.echo(f"{seconds:6.2f} s  {name}", err=True)


@contextmanager
def _portal(folder: Path) -> Iterator[Addresses]:
    """A portal of its own, whatever the environment says."""
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        del os.environ[name]
    addresses = free_addresses(ORGANIZATIONS)
    with EmbeddedServers(folder) as servers:
        settings = environment.of_demo(
            folder, addresses, database_url=servers.database(), redis_url=servers.redis_url, given={}
        )
        prepare(folder, settings, addresses, with_history=False)
        crew = Crew(folder, {**os.environ, **settings})
        try:
            crew.start_all(addresses, network_options=("--delay", ANSWER_SECONDS))
            yield addresses
        finally:
            crew.stop()
