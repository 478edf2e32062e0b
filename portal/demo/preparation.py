"""Brings the database of a demo to the newest schema and fills it, inside this process."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from flask_migrate import upgrade

from portal.app import create_app
from portal.demo.names import Addresses
from portal.demo.seed import Progress, seed, silently
from portal.foundation.db import db
from portal.settings import load


def prepare(
    folder: Path,
    settings: Mapping[str, str],
    addresses: Addresses,
    *,
    migrating: AbstractContextManager[object] | None = None,
    seeding: AbstractContextManager[Progress] | None = None,
    with_history: bool = True,
) -> None:
    """Takes over the settings, migrates and seeds inside the given contexts; keeps no connection open."""
    os.environ.update(settings)
    app = create_app(load().model_copy(update={"log_level": "WARNING"}))
    with app.app_context():
        with migrating or nullcontext():
            upgrade()
        with seeding or nullcontext(silently) as progress:
            seed(folder, addresses, progress=progress, with_history=with_history)
        db.engine.dispose()
