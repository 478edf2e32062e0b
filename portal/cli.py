"""The `portal` command: thin commands, errors as one sentence."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click
from flask import Flask
from flask_migrate import upgrade
from psycopg.errors import UndefinedColumn, UndefinedFunction, UndefinedTable
from redis.exceptions import RedisError
from rich.console import Console
from sqlalchemy.exc import OperationalError, ProgrammingError

from integrations.ehr.keys import new_key
from integrations.ehr.smart.findings import inspect_server
from integrations.errors import Unreadable
from integrations.formats import udi
from integrations.formats.cxml.parsing import MAX_BYTES
from integrations.translate import translate
from portal import imports
from portal import mllp as listening
from portal import scheduler as scheduling
from portal import worker as working
from portal.app import create_app
from portal.demo import environment
from portal.demo import run as running
from portal.demo import seed as seeding
from portal.demo.names import ORGANIZATIONS
from portal.demo.processes import addresses_from
from portal.demo.progress import bar
from portal.demo.sandboxes import sandbox
from portal.doctor import Level, examine
from portal.exchange.jobs import organization_ids
from portal.foundation import audit as trail
from portal.foundation.db import APPLICATION_ROLE, enter_organization, transaction
from portal.foundation.errors import DomainError
from portal.foundation.jobs import QUEUES
from portal.masterdata.rules import ImportKind
from portal.operations import resealing
from portal.processes import ProcessError, become
from portal.settings import DATA_DIR, SettingsError, load
from portal.walkthrough import run as walking
from portal.web import CORES, web_command

BASE_PORT = click.option(
    "--port", envvar="PORTAL_PORT", default=8000, show_default=True, type=click.IntRange(1, 65_000),
    help="Of the portal; the sandboxes take the next ones.",
)  # fmt: skip
# These bring what they need.
ALONE = frozenset({"demo", "walkthrough", "translate", "scan", "smart"})


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.pass_context
def portal(context: click.Context) -> None:
    """Clinic Supply Portal: between EHR, ERP and the procurement network."""
    kept = environment.read(DATA_DIR)
    if context.invoked_subcommand not in ALONE and kept and "PORTAL_DATABASE_URL" not in os.environ:
        click.echo(f"Using the settings of the demo in {DATA_DIR}.", err=True)
        os.environ.update({**kept, **os.environ})


@portal.command()
@click.option("--bind", envvar="PORTAL_BIND", default="127.0.0.1:8000", show_default=True)
@click.option("--workers", envvar="PORTAL_WEB_WORKERS", default=CORES, type=click.IntRange(1, 256))
@click.option("--threads", envvar="PORTAL_WEB_THREADS", default=4, type=click.IntRange(1, 64))
def web(bind: str, workers: int, threads: int) -> None:
    """Serve the pages (gunicorn)."""
    load()  # a missing setting is said once, not once per worker
    become(web_command(bind, workers=workers, threads=threads))


@portal.command()
@click.option("--processes", envvar="PORTAL_WORKERS", default=max(2, CORES), type=click.IntRange(1, 256))
@click.option("--queue", "queues", multiple=True, type=click.Choice(QUEUES), help="Default: all.")
def worker(processes: int, queues: tuple[str, ...]) -> None:
    """Carry out background jobs."""
    working.work(processes=processes, queues=queues or QUEUES)


@portal.command()
def scheduler() -> None:
    """Ask for scheduled jobs; several may run, one leads."""
    scheduling.run()


@portal.command()
@click.option("--bind", envvar="PORTAL_MLLP_BIND", default="127.0.0.1:2575", show_default=True)
@click.option(
    "--connections", default=200, show_default=True, type=click.IntRange(1, 10_000), help="At most."
)
@click.option("--certificate", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="For TLS.")
@click.option(
    "--key", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Of the certificate."
)
def mllp(bind: str, connections: int, certificate: Path | None, key: Path | None) -> None:
    """Take HL7 v2 messages of clinical systems over MLLP."""
    listening.run(bind, connections=connections, certificate=certificate, key=key)


@portal.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    with _application().app_context():
        upgrade()
    click.echo("The database has the newest schema.")


@portal.command()
@BASE_PORT
def demo(port: int) -> None:
    """Run everything on this machine: servers, portal, workers, sandbox partners."""
    running.run(DATA_DIR, port)


@portal.command()
@BASE_PORT
def seed(port: int) -> None:
    """Fill the database with the two demo organizations; a second time changes nothing."""
    with _migrated(), bar(Console(stderr=True), "Filling the database") as progress:
        added = seeding.seed(DATA_DIR, addresses_from(port, ORGANIZATIONS), progress=progress)
    click.echo("The demo organizations are ready." if added else "The demo organizations were there already.")


@portal.command()
def doctor() -> None:
    """Look at settings, database, queue, migrations, workers and partners, and say what to do."""
    worst = Level.OK
    for finding in examine(_application()):
        color = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}[finding.level]
        click.echo(f"{click.style(f'{finding.level:<5}', fg=color)} {finding.what}: {finding.seen}")
        if finding.advice:
            click.echo(f"      {finding.advice}")
        worst = Level.FAIL if Level.FAIL in (worst, finding.level) else finding.level
    if worst is Level.FAIL:
        sys.exit(1)


@portal.command()
@click.option("--json", "as_json", is_flag=True, help="Print numbers and times as JSON on standard output.")
def walkthrough(as_json: bool) -> None:
    """Play the whole main job over HTTP on servers of its own, and prove its end state."""
    walking.run(as_json=as_json)


@portal.command()
def reseal() -> None:
    """Seal everything again with the first key of PORTAL_ENCRYPTION_KEYS, after a new key was put there."""
    with _migrated():
        for organization_id in organization_ids():
            read, changed = resealing.reseal(organization_id)
            click.echo(f"Organization {organization_id}: {changed:,} of {read:,} values sealed again.")
    click.echo("The older keys may now be removed.")


@portal.command("translate")
@click.argument("file", type=click.File("rb"))
def translate_file(file: BinaryIO) -> None:
    """Print a partner's document as canonical JSON; - reads standard input."""
    translation = translate(file.read(MAX_BYTES + 1))
    for warning in translation.warnings:
        click.echo(f"Warning: {warning}", err=True)
    click.echo(translation.document.model_dump_json(indent=2))


@portal.command()
@click.argument("text")
def scan(text: str) -> None:
    """Print what a barcode says as JSON; - reads standard input."""
    if text == "-":
        text = sys.stdin.buffer.read(MAX_BYTES).decode("utf-8", "surrogateescape")
    click.echo(json.dumps(udi.parse(text).record(), indent=2))


@portal.command("import")
@click.argument("kind", type=click.Choice([kind.value for kind in ImportKind]))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--organization", required=True, help="Its short name, for example lakeshore.")
def import_file(kind: str, file: Path, organization: str) -> None:
    """Import master data from a CSV or XLSX file, all or nothing."""
    with _migrated():
        counts = imports.run(ImportKind(kind), file, organization)
    click.echo(f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} as before.")


@portal.group()
def smart() -> None:
    """Launches from EHRs (SMART App Launch)."""


@smart.command("check")
@click.argument("iss")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def check_server(iss: str, as_json: bool) -> None:
    """Say what a FHIR server offers to launches, and what would fail."""
    report = inspect_server(iss)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2))
    else:
        for finding in report.findings:
            click.echo(f"{finding.level:<5} {finding.what}: {finding.seen}")
            if finding.advice:
                click.echo(f"      {finding.advice}")
        for name, value in report.set_up.items():
            click.echo(f"enter {name}: {', '.join(value) if isinstance(value, list) else value}")
    if not report.is_ready:
        sys.exit(1)


@smart.command("key")
@click.option("--algorithm", default="RS384", type=click.Choice(["RS384", "ES384"]), show_default=True)
def make_key(algorithm: str) -> None:
    """Print a new signing key for PORTAL_EHR_KEYS; put it last, and first a day later."""
    click.echo(new_key(algorithm))


@portal.group()
def audit() -> None:
    """The audit trail."""


@audit.command()
def verify() -> None:
    """Recompute the hash chain over the audit trail of every organization."""
    with _migrated():
        broken = sum(verify_organization(number) for number in organization_ids())
    if broken:
        raise click.ClickException(f"{broken} seals are broken: events were changed after they were sealed.")


def verify_organization(organization_id: int) -> int:
    """Says which seals of an organization are broken; returns how many."""
    enter_organization(organization_id)
    with transaction():
        broken = trail.broken_seals()
    state = f"broken seals {', '.join(map(str, broken))}" if broken else "every seal holds"
    click.echo(f"Organization {organization_id}: {state}.")
    return len(broken)


portal.add_command(sandbox)


def _application() -> Flask:
    return create_app(load())


@contextmanager
def _migrated() -> Iterator[None]:
    """The application on a database with the schema of this program; else one sentence."""
    with _application().app_context():
        try:
            yield
        except ProgrammingError as error:
            if not isinstance(error.orig, UndefinedTable | UndefinedColumn | UndefinedFunction):
                raise
            raise ProcessError("The database has another schema. Run `portal migrate` first.") from error


def main() -> None:
    """Runs a command; what a person can mend is one sentence and exit code 1."""
    try:
        portal(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except MENDABLE as error:
        click.echo(f"Error: {_sentence(error)}", err=True)
        sys.exit(1)


MENDABLE = (SettingsError, ProcessError, DomainError, Unreadable, OperationalError, RedisError)


def _sentence(error: Exception) -> str:
    match error:
        case Unreadable():
            return f"Unreadable: {error}" + (f" ({error.position})" if error.position else "")
        case OperationalError():
            cause = str(error.orig).splitlines()[0]
            if APPLICATION_ROLE in cause:
                return "The database was never set up. Run `portal migrate` first."
            return f"The database cannot be used: {cause}. Start it, or correct PORTAL_DATABASE_URL."
        case RedisError():
            return f"The queue cannot be used: {error}. Start it, or correct PORTAL_REDIS_URL."
    return str(error)


if __name__ == "__main__":
    main()
