"""The sandbox partners with the logins and the master data of the demo."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from flask import Flask

from integrations.sandbox import erp, serving
from integrations.sandbox.ehr import app as ehr_app
from integrations.sandbox.ehr.server import hospital_for
from integrations.sandbox.network import server
from integrations.sandbox.network.settings import NetworkSettings
from portal.demo.names import (
    EHR_PLACES,
    EHRS,
    ERP_USER,
    ERP_VARIABLE,
    INBOUND_VARIABLE,
    NETWORK_IDENTITY,
    NETWORK_VARIABLE,
    ORGANIZATIONS,
    Addresses,
    buyer_identity,
)
from portal.demo.tables import DATA
from portal.processes import ProcessError
from portal.settings import DATA_DIR, partner_secret

HOST = "127.0.0.1"
POLL_SECONDS = 0.05


def erp_app(data_dir: Path, slug: str) -> Flask:
    """The ERP of an organization; its documents are kept in the data folder."""
    folder = data_dir / "sandboxes" / f"erp-{slug}"
    folder.mkdir(parents=True, exist_ok=True)
    return erp.create_app(folder, DATA / slug, login=(ERP_USER, _secret(ERP_VARIABLE)))


def network_settings(
    data_dir: Path, portal_url: str, *, delay_seconds: float = 2.0, automatic: bool = True
) -> NetworkSettings:
    """The network that both organizations buy on."""
    return NetworkSettings(
        data_dir=data_dir / "sandboxes" / "network",
        portal_url=portal_url,
        buyers={buyer_identity(slug): _secret(NETWORK_VARIABLE) for slug in ORGANIZATIONS},
        secret=_secret(INBOUND_VARIABLE),
        identity=NETWORK_IDENTITY,
        delay_seconds=delay_seconds,
        automatic=automatic,
    )


def ehr_hospital(portal_url: str) -> ehr_app.Hospital:
    """The EHRs of both organizations, with places that the portal knows."""
    callbacks = {
        profile: f"/ehr/callback/{slug}/{profile}" for slug, profiles in EHRS.items() for profile in profiles
    }
    return hospital_for(portal_url.rstrip("/"), callbacks, places=EHR_PLACES)


@contextmanager
def running(data_dir: Path) -> Iterator[Addresses]:
    """The partners inside this process on free ports; the suppliers answer nothing by themselves."""
    with ExitStack() as stack:
        settings = network_settings(data_dir, "", automatic=False)
        yield Addresses(
            portal="",
            network=stack.enter_context(server.running(settings)),
            erp={slug: stack.enter_context(_in_thread(erp_app(data_dir, slug))) for slug in ORGANIZATIONS},
        )


@contextmanager
def _in_thread(app: Flask) -> Iterator[str]:
    listening = serving.server(app, HOST, 0)
    thread = threading.Thread(target=listening.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def forget(data_dir: Path) -> None:
    """Deletes what the partners remember; a new database gives the same numbers again."""
    shutil.rmtree(data_dir / "sandboxes", ignore_errors=True)


@click.group()
def sandbox() -> None:
    """Partners that speak the real wire formats."""


PORT = click.option("--port", required=True, type=click.IntRange(1, 65_535))
FOLDER = click.option(
    "--data-dir", default=DATA_DIR, type=click.Path(path_type=Path, file_okay=False), help="Keeps its files."
)


@sandbox.command("erp")
@PORT
@FOLDER
@click.option("--organization", default="lakeshore", type=click.Choice(list(ORGANIZATIONS)))
def run_erp(port: int, data_dir: Path, organization: str) -> None:
    """An S/4HANA-shaped ERP with the master data of a demo organization."""
    serving.serve(erp_app(data_dir, organization), HOST, port)


@sandbox.command("network")
@PORT
@FOLDER
@click.option("--portal-url", default="", help="Where the suppliers' documents go; empty keeps them back.")
@click.option("--delay", default=2.0, type=click.FloatRange(0, 86_400), help="Seconds before an answer.")
@click.option("--manual", is_flag=True, help="Suppliers answer only when told to on the control page.")
def run_network(port: int, data_dir: Path, portal_url: str, delay: float, manual: bool) -> None:
    """A procurement network whose suppliers confirm and ship."""
    settings = network_settings(data_dir, portal_url, delay_seconds=delay, automatic=not manual)
    server.serve(HOST, port, settings)


@sandbox.command("ehr")
@PORT
@click.option("--portal-url", default="http://127.0.0.1:8000", show_default=True, help="What it opens.")
def run_ehr(port: int, portal_url: str) -> None:
    """EHRs that open the portal from a chart, strict about SMART, with test patients."""
    serving.serve(ehr_app.create_app(ehr_hospital(portal_url)), HOST, port)


def _secret(variable: str) -> str:
    secret = partner_secret(variable)
    if not secret:
        raise ProcessError(
            f"PORTAL_SECRET_{variable} is not set: the login between portal and sandbox. "
            "`portal demo` makes one; otherwise set the same for both."
        )
    return secret


if __name__ == "__main__":
    sandbox()
