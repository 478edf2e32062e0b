"""The processes of one running portal with its sandbox partners: started, watched, ended together."""

import contextlib
import json
import shutil
import socket
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from portal.demo.names import Addresses
from portal.embedded import free_port
from portal.processes import Child, ProcessError, born, end, end_session, last_lines, start
from portal.web import web_command

HEALTHY_SECONDS = 90.0
HEALTH_PATH = "/health/ready"
NOTE = "children.json"
PORTAL = (sys.executable, "-m", "portal.cli")
# The module starts quicker than the whole command.
SANDBOX = (sys.executable, "-m", "portal.demo.sandboxes")


def addresses_from(base: int, organizations: Iterable[str]) -> Addresses:
    """The portal on the given port, the sandboxes on the next ones."""
    ports = iter(range(base + 1, base + 10))
    return Addresses(
        portal=_local(base),
        network=_local(next(ports)),
        erp={slug: _local(next(ports)) for slug in organizations},
        ehr=_ehr(next(ports)),
        mllp=f"mllp://127.0.0.1:{next(ports)}",
    )


def free_addresses(organizations: Iterable[str]) -> Addresses:
    """Ports that are free now."""
    return Addresses(
        portal=_local(free_port()),
        network=_local(free_port()),
        erp={slug: _local(free_port()) for slug in organizations},
        ehr=_ehr(free_port()),
    )


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _ehr(port: int) -> str:
    """Under another name than the portal, so that browsers take it for another site, as every EHR is."""
    return f"http://localhost:{port}"


def check_ports(addresses: Addresses) -> None:
    """Raises ProcessError with what to do when a port is taken."""
    for name, url in _named(addresses):
        port = urlsplit(url).port or 0
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                raise ProcessError(
                    f"Port {port}, where the {name} should listen, cannot be used ({error.strerror}). "
                    "Stop the program that has it, or choose others, for example PORTAL_PORT=8500 make demo."
                ) from error


def _named(addresses: Addresses) -> list[tuple[str, str]]:
    erps = [(f"sandbox ERP of {slug}", url) for slug, url in addresses.erp.items()]
    return [
        ("portal", addresses.portal),
        ("sandbox network", addresses.network),
        *erps,
        ("sandbox EHR", addresses.ehr),
        ("process for HL7 v2", addresses.mllp),
    ]


class Crew:
    """Child processes that run `portal` commands, with logs in a folder; all of them or none."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        # Web and worker processes add their metrics up in this folder; those of an earlier run are over.
        metrics = folder / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir()
        self._environment = {**environment, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        self._children: list[Child] = []
        self._healthy: dict[str, str] = {}

    def start(self, name: str, command: Sequence[str], *, health: str = "") -> None:
        """Starts a program; `health` answers 200 once it is ready."""
        log = self.folder / f"{name.replace(' ', '-').lower()}.log"
        self._children.append(start(name, command, log=log, env=self._environment))
        if health:
            self._healthy[name] = health
        self._note()

    def start_all(self, addresses: Addresses, *, network_options: Sequence[str] = ()) -> None:
        """Starts portal and sandboxes; returns when pages and partners answer and the rest is on its way."""
        self.start_sandboxes(addresses, network_options=network_options)
        web = web_command(urlsplit(addresses.portal).netloc)
        self.start("web", web, health=addresses.portal + HEALTH_PATH)
        # What nobody waits for would only make the first page later.
        self.wait_until_healthy()
        if addresses.mllp:
            self.start("mllp", [*PORTAL, "mllp", "--bind", urlsplit(addresses.mllp).netloc])
        self.start("worker", [*PORTAL, "worker"])
        self.start("scheduler", [*PORTAL, "scheduler"])

    def start_sandboxes(self, addresses: Addresses, *, network_options: Sequence[str] = ()) -> None:
        """Starts the partners."""
        common = ("--data-dir", str(self.folder))
        for slug, url in addresses.erp.items():
            command = [*SANDBOX, "erp", "--organization", slug, "--port", _port(url), *common]
            self.start(f"erp {slug}", command, health=f"{url}/sandbox/health")
        command = [*SANDBOX, "ehr", "--port", _port(addresses.ehr), "--portal-url", addresses.portal]
        self.start("ehr", command, health=f"{addresses.ehr}/sandbox/health")
        url = addresses.network
        command = [*SANDBOX, "network", "--port", _port(url), "--portal-url", addresses.portal, *common]
        self.start("network", [*command, *network_options], health=f"{url}/sandbox/health")

    def wait_until_healthy(self) -> None:
        """Returns when everything answers; raises ProcessError naming what does not, and its log."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        with httpx.Client(timeout=5, trust_env=False) as client:
            while waiting := [name for name, url in self._healthy.items() if not _answers(client, url)]:
                self.check()
                if time.monotonic() > deadline:
                    raise ProcessError(self._sentence(self._child(waiting[0]), "does not become ready"))
                time.sleep(0.1)

    def check(self) -> None:
        """Raises ProcessError when a child has ended."""
        for child in self._children:
            if not child.is_alive:
                raise ProcessError(self._sentence(child, "has stopped"))

    def stop(self) -> None:
        """Ends all children."""
        end(self._children)
        self._children.clear()
        self._healthy.clear()
        (self.folder / NOTE).unlink(missing_ok=True)

    def _child(self, name: str) -> Child:
        return next(child for child in self._children if child.name == name)

    def _sentence(self, child: Child, what: str) -> str:
        return f"The {child.name} {what}. Its log is {child.log}; it ends with:\n{last_lines(child.log)}"

    def _note(self) -> None:
        pids = {child.process.pid: born(child.process.pid) for child in self._children}
        (self.folder / NOTE).write_text(json.dumps(pids))


def _port(url: str) -> str:
    return str(urlsplit(url).port)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def end_left_behind(folder: Path) -> None:
    """Ends what a killed run left running."""
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        for pid, since in json.loads((folder / NOTE).read_text()).items():
            end_session(int(pid), since=since or 0.0)
    (folder / NOTE).unlink(missing_ok=True)
