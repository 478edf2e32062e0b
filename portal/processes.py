"""The one door to child processes: started in a session of their own, ended surely; locks of data folders."""

import contextlib
import fcntl
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, TypedDict

import psutil

GRACE_SECONDS = 15.0
# How far two readings of a start time may differ when the clock was set meanwhile.
CLOCK_STEP = 2.0
GONE = (ProcessLookupError, PermissionError)


class ProcessError(Exception):
    """A child process or its data folder is not as it must be; the text says what to do."""


@dataclass(frozen=True)
class Child:
    """A process started here; its output goes to `log`. Its pid names its process group too."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user: int | None = None,
) -> Child:
    """Starts a process in a session of its own, so that Ctrl-C reaches only whoever started it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
            start_new_session=True,
            **_as_user(user),
        )
    return Child(name, process, log)


def run(command: Sequence[str | Path], *, log: Path, folder: Path, user: int | None = None) -> bool:
    """Runs a command to its end, its output in `log`; whether it succeeded."""
    with log.open("ab") as output:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            check=False,
            **_as_user(user),
        )
    return done.returncode == 0


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as_user(user: int | None) -> _Identity:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwuid(user).pw_gid, "extra_groups": []}


def become(command: Sequence[str]) -> NoReturn:
    """Replaces this process by another program."""
    os.execv(command[0], list(command))


def end(children: Iterable[Child], *, sign: signal.Signals = signal.SIGTERM) -> None:
    """Asks every child to stop, waits, then kills what is left of their process groups."""
    children = list(children)
    for child in children:
        if child.is_alive:
            child.process.send_signal(sign)
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(GRACE_SECONDS)
        with contextlib.suppress(*GONE):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


def born(pid: int) -> float | None:
    """When the process with this number started, in seconds since 1970; None if there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def works_in(pid: int, folder: Path) -> bool:
    """Whether a process with this number runs with this working directory (numbers are used again)."""
    try:
        return Path(psutil.Process(pid).cwd()).resolve() == folder.resolve()
    except (psutil.Error, OSError):
        return False


def end_by_pid(pid: int, *, sign: signal.Signals = signal.SIGTERM) -> None:
    """Ends a process that an earlier run left behind."""
    with contextlib.suppress(psutil.NoSuchProcess):
        _end([psutil.Process(pid)], sign)


def end_session(pid: int, *, since: float) -> None:
    """Ends a process of an earlier run that was started as by `start`, and what it started itself.

    `since` is when it was born; a session begun by another process of this number is left alone.
    """
    if born(pid) is None or abs((born(pid) or 0.0) - since) < CLOCK_STEP:
        _end([process for process in psutil.process_iter() if _session(process) == pid], signal.SIGTERM)


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except GONE:
        return None


def _end(processes: Sequence[psutil.Process], sign: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(sign)
    deadline = time.monotonic() + GRACE_SECONDS
    while alive := [process for process in processes if _is_alive(process)]:
        if time.monotonic() > deadline:
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.05)


def _is_alive(process: psutil.Process) -> bool:
    # A zombie is over, whether or not somebody ever asks how it ended.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log, for an error message."""
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    return ""


class FolderLock:
    """Held by one process at a time; the system lets go of it even when that process is killed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self, note: str) -> None:
        """Takes the lock and leaves a note for others; raises ProcessError with the holder's note."""
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ProcessError(self._path.read_text().strip()) from None
        self._file = file
        file.truncate(0)
        file.write(note)
        file.flush()

    def give_back(self) -> None:
        """Lets the next one in."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None
