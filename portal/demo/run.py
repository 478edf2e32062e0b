"""`portal demo`: the whole portal on this machine, from nothing to a page in the browser."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.table import Table

from portal.demo import environment
from portal.demo.accounts import PHRASE, email_of
from portal.demo.names import ORGANIZATIONS, Addresses
from portal.demo.preparation import prepare
from portal.demo.processes import Crew, addresses_from, check_ports, end_left_behind
from portal.demo.progress import bar, step
from portal.embedded import EmbeddedServers, make_folder
from portal.identity.rules import ROLE_LABELS
from portal.processes import FolderLock

LOOK_SECONDS = 0.5


def run(folder: Path, port: int) -> None:
    """Runs until Ctrl-C; raises ProcessError with a sentence when something is in the way."""
    console = Console(highlight=False)
    addresses = addresses_from(port, ORGANIZATIONS)
    # Ctrl-C too: a shell that starts it in the background has it ignored.
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, _interrupt)
    with contextlib.suppress(KeyboardInterrupt), _alone(folder, addresses):
        end_left_behind(folder)
        check_ports(addresses)
        with _servers(folder, console) as (database_url, redis_url):
            settings = environment.of_demo(
                folder, addresses, database_url=database_url, redis_url=redis_url, given=os.environ
            )
            prepare(
                folder,
                settings,
                addresses,
                migrating=step(console, "Bringing the database up to date"),
                seeding=bar(console, "Filling the database with two health systems"),
            )
            _serve(folder, settings, addresses, console)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _alone(folder: Path, addresses: Addresses) -> Iterator[None]:
    make_folder(folder)
    lock = FolderLock(folder / "demo.lock")
    lock.take(
        f"The demo in {folder} runs already, as process {os.getpid()}, at {addresses.portal}. "
        "Use it, or stop it with Ctrl-C first."
    )
    try:
        yield
    finally:
        lock.give_back()


@contextlib.contextmanager
def _servers(folder: Path, console: Console) -> Iterator[tuple[str, str]]:
    """Database and queue from the environment, or embedded where it names none."""
    database_url, redis_url = os.environ.get("PORTAL_DATABASE_URL"), os.environ.get("PORTAL_REDIS_URL")
    embedded = EmbeddedServers(folder, postgres=not database_url, valkey=not redis_url)
    with step(console, "Starting PostgreSQL and Valkey"):
        embedded.start()
    try:
        yield database_url or embedded.database(), redis_url or embedded.redis_url
    finally:
        embedded.stop()


def _serve(folder: Path, settings: dict[str, str], addresses: Addresses, console: Console) -> None:
    crew = Crew(folder, {**os.environ, **settings})
    try:
        with step(console, "Starting web, workers, scheduler and sandbox partners"):
            crew.start_all(addresses)
        _welcome(addresses, folder, console)
        while True:
            crew.check()
            time.sleep(LOOK_SECONDS)
    finally:
        # What is being stopped is not stopped again half-way.
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, signal.SIG_IGN)
        console.print("\nStopping; your data is kept.")
        crew.stop()


def _welcome(addresses: Addresses, folder: Path, console: Console) -> None:
    table = Table(title="Who can sign in", title_justify="left", title_style="bold", box=None, padding=(0, 2))
    table.add_column("Role", style="bold")
    table.add_column("E-mail")
    for role, label in ROLE_LABELS.items():
        table.add_row(label, email_of(role.replace("_", "-"), "lakeshore"))
    table.add_row("Finance approver", email_of("finance-approver", "lakeshore"))
    table.add_row("Second clinic manager", email_of("clinic-manager-2", "lakeshore"))
    console.print(f"\n[bold]The portal is ready at {addresses.portal}[/]\n")
    console.print(table)
    console.print(f"\n  Password of everyone: [bold]{PHRASE}[/]")
    console.print("  The same people exist at the second health system, @prairie.example\n")
    console.print(f"  Sandbox network    {addresses.network}/sandbox/")
    for slug, url in addresses.erp.items():
        console.print(f"  Sandbox ERP        {url}/sandbox/  ({slug})")
    console.print(f"  Launch from an EHR {addresses.ehr}/  (inside a chart, or in a tab)")
    console.print(f"  HL7 v2 over MLLP   {addresses.mllp}  (from ORLOG at LAKESHORE)")
    console.print(f"  Data and logs      {folder}")
    console.print("\n  Ctrl-C stops everything and keeps the data.\n")
