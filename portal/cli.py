"""The `portal` command: thin commands, errors as one sentence."""

import sys

import click
from flask import Flask
from flask_migrate import upgrade
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from portal import scheduler as scheduling
from portal import worker as working
from portal.app import create_app
from portal.demo import run as running
from portal.demo.sandboxes import sandbox
from portal.foundation.errors import DomainError
from portal.foundation.jobs import QUEUES
from portal.processes import ProcessError, become
from portal.settings import DATA_DIR, SettingsError, load
from portal.web import CORES, web_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def portal() -> None:
    """Clinic Supply Portal: between EHR, ERP and the procurement network."""


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
def migrate() -> None:
    """Bring the database to the newest schema."""
    with _application().app_context():
        upgrade()
    click.echo("The database has the newest schema.")


@portal.command()
@click.option("--port", envvar="PORTAL_PORT", default=8000, show_default=True, type=click.IntRange(1, 65_000))
def demo(port: int) -> None:
    """Run everything on this machine: servers, portal, workers, sandbox partners."""
    running.run(DATA_DIR, port)


portal.add_command(sandbox)


def _application() -> Flask:
    return create_app(load())


def main() -> None:
    """Runs a command; what a person can mend is one sentence and exit code 1."""
    try:
        portal(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except (SettingsError, ProcessError, DomainError) as error:
        _fail(str(error))
    except OperationalError as error:
        _fail(f"The database cannot be used: {str(error.orig).splitlines()[0]}. Check PORTAL_DATABASE_URL.")
    except RedisError as error:
        _fail(f"The queue cannot be used: {error}. Check PORTAL_REDIS_URL.")


def _fail(sentence: str) -> None:
    click.echo(f"Error: {sentence}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
