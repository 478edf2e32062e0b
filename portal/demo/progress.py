"""How long a step takes and how far it is, for people at a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from portal.demo import seed


@contextmanager
def step(console: Console, what: str) -> Iterator[None]:
    """Shows that a step runs, then how long it took."""
    started = time.monotonic()
    with console.status(f"{what} …"):
        yield
    _done(console, what, started)


@contextmanager
def bar(console: Console, what: str) -> Iterator[seed.Progress]:
    """A progress bar while a step runs, then how long it took."""
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)

        def told(doing: str, done: int, total: int) -> None:
            progress.update(task, description=doing, completed=done, total=total)

        yield told
    _done(console, what, started)


def _done(console: Console, what: str, started: float) -> None:
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - started:.1f} s[/]")
