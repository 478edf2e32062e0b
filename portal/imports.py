"""`portal import`: master data from a file, with progress in the terminal."""

import getpass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from portal.foundation.access import system
from portal.foundation.db import enter_organization, transaction
from portal.foundation.errors import NotFound
from portal.identity.queries import organization_id_of_slug
from portal.masterdata.rules import ImportKind
from portal.masterdata.services import Refused, import_rows
from portal.masterdata.staging import Counts


def run(kind: ImportKind, file: Path, organization: str) -> Counts:
    """Imports all rows or none; what is wrong is listed by row and column."""
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.completed:,.0f} rows read"), TimeElapsedColumn())
    with transaction(), Progress(*columns, console=console) as progress:
        organization_id = organization_id_of_slug(organization)
        if organization_id is None:
            raise NotFound(f"There is no organization {organization}.")
        enter_organization(organization_id)
        task = progress.add_task("", total=_rows_in(file))
        actor = system(organization_id, f"portal import by {getpass.getuser()}")
        try:
            return import_rows(actor, kind, file, progress=lambda done: progress.update(task, completed=done))
        except Refused as refused:
            for fault in refused.faults:
                place = f"row {fault.row}" + (f", {fault.column}" if fault.column else "")
                click.echo(f"{place}: {fault.sentence}", err=True)
            raise


def _rows_in(file: Path) -> int | None:
    """About how many rows there are, to know how far we are; unknown for a workbook."""
    if file.suffix.lower() != ".csv":
        return None
    with file.open("rb") as lines:
        return max(sum(1 for _ in lines) - 1, 0)
