"""Brings the database of a demo to the newest schema and fills it, inside this process."""

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from flask_migrate import upgrade

from portal.app import create_app
from portal.demo.names import Addresses
from portal.demo.seed import seed
from portal.foundation.db import db
from portal.settings import load

Step = Callable[[str], AbstractContextManager[object]]


def silent(_: str) -> AbstractContextManager[object]:
    """Shows nothing."""
    return nullcontext()


def prepare(
    folder: Path,
    settings: Mapping[str, str],
    addresses: Addresses,
    *,
    step: Step = silent,
    told: Callable[[str], object] = lambda _: None,
    with_history: bool = True,
) -> None:
    """Takes over the settings, migrates and seeds; keeps no connection open."""
    os.environ.update(settings)
    app = create_app(load().model_copy(update={"log_level": "WARNING"}))
    with app.app_context():
        with step("Bringing the database up to date"):
            upgrade()
        with step("Filling the database with two health systems"):
            seed(folder, addresses, progress=told, with_history=with_history)
        db.engine.dispose()
