"""The embedded servers: data kept, killed runs recovered, clear sentences where nothing can be done."""

import os
import signal
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from portal.embedded import EmbeddedServers
from portal.processes import ProcessError, works_in

RUN_AND_BE_KILLED = """
import os, signal, sys
from pathlib import Path
from portal.embedded import EmbeddedServers
from redis import Redis
import psycopg
with EmbeddedServers(Path(sys.argv[1])) as servers:
    with psycopg.connect(servers.database()) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('still here')")
    Redis.from_url(servers.redis_url).set("kept", "still here")
    os.kill(os.getpid(), signal.SIGKILL)
"""
ORDINARY = 65534


def words(servers: EmbeddedServers) -> list[str]:
    with psycopg.connect(servers.database()) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM kept")]


def test_a_run_killed_at_once_leaves_its_data_and_the_next_run_takes_over(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", RUN_AND_BE_KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    left_behind = int((tmp_path / "postgres" / "postmaster.pid").read_text().split("\n")[0])
    assert works_in(left_behind, tmp_path / "postgres")  # its servers still run

    with EmbeddedServers(tmp_path) as servers:
        assert words(servers) == ["still here"]
        assert Redis.from_url(servers.redis_url, decode_responses=True).get("kept") == "still here"
    assert not works_in(left_behind, tmp_path / "postgres")


def test_killed_servers_recover(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path) as servers:
        with psycopg.connect(servers.database()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'still here' AS word")
        for note in ("postgres/postmaster.pid", "valkey/valkey.pid"):
            os.kill(int((tmp_path / note).read_text().split("\n")[0]), signal.SIGKILL)
    with EmbeddedServers(tmp_path) as servers:
        assert words(servers) == ["still here"]


def test_a_number_used_again_by_another_program_does_not_stop_the_start(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path):
        pass
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "valkey" / "valkey.pid").write_text(f"{os.getpid()}\n")
    with EmbeddedServers(tmp_path) as servers:
        assert servers.database()


def test_a_half_initialized_folder_is_set_aside(tmp_path: Path) -> None:
    half = tmp_path / "postgres"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    interrupted = tmp_path / "postgres.new"
    interrupted.mkdir()
    (interrupted / "PG_VERSION").write_text("18\n")

    with EmbeddedServers(tmp_path) as servers:
        assert servers.database()
    assert (tmp_path / "postgres.incomplete.1" / "PG_VERSION").exists()
    assert not interrupted.exists()


def test_spaces_quotes_and_long_names_in_the_path(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path / "a 'folder', \"quoted\"" / ("long" * 20)) as servers:
        with psycopg.connect(servers.database()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert Redis.from_url(servers.redis_url).ping()


def test_a_second_run_is_told_who_has_the_folder(tmp_path: Path) -> None:
    told = rf"in use by process {os.getpid()}.*PORTAL_DATA_DIR"
    with EmbeddedServers(tmp_path), pytest.raises(ProcessError, match=told):
        EmbeddedServers(tmp_path).__enter__()
    with EmbeddedServers(tmp_path) as again:
        assert again.database()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProcessError, match=r"file/data cannot be created.*PORTAL_DATA_DIR"):
        EmbeddedServers(tmp_path / "file" / "data").__enter__()


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    with EmbeddedServers(tmp_path):
        pass
    (tmp_path / "postgres" / "postgresql.conf").write_text("no_such_parameter = 1\n")
    with pytest.raises(ProcessError, match=r"PostgreSQL did not start[\s\S]*no_such_parameter"):
        EmbeddedServers(tmp_path).__enter__()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_and_root_can_take_turns(tmp_path: Path) -> None:
    for step in (tmp_path, *tmp_path.parents):
        step.chmod(step.stat().st_mode | 0o001)
    folder = tmp_path / "of an ordinary user"
    folder.mkdir()
    os.chown(folder, ORDINARY, ORDINARY)
    for user in (ORDINARY, None, ORDINARY):
        run = get_context("fork").Process(target=start_and_stop, args=(folder, user))
        run.start()
        run.join()
        assert run.exitcode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_is_told_that_the_folder_is_roots(tmp_path: Path) -> None:
    tmp_path.parent.parent.chmod(0o711)
    tmp_path.parent.chmod(0o711)
    tmp_path.chmod(0o711)
    with EmbeddedServers(tmp_path / "of root"):
        pass
    run = get_context("fork").Process(target=start_refused, args=(tmp_path / "of root", ORDINARY))
    run.start()
    run.join()
    assert run.exitcode == 0


def start_and_stop(folder: Path, user: int | None) -> None:
    become(user)
    with EmbeddedServers(folder) as servers:
        assert servers.database()


def start_refused(folder: Path, user: int) -> None:
    become(user)
    with pytest.raises(ProcessError, match="Start as the user it belongs to"):
        EmbeddedServers(folder).__enter__()


def become(user: int | None) -> None:
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def test_importing_the_module_warns_of_nothing() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", "import portal.embedded"], env=environment, check=True
    )
