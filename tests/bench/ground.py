"""Where everything is measured: embedded servers, a migrated database, one hospital with its cast."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import delete

from portal.app import create_app
from portal.embedded import EmbeddedServers
from portal.exchange.models import Route
from portal.foundation.access import Actor
from portal.foundation.db import APPLICATION_ROLE, db, enter_organization, transaction
from portal.identity.rules import Role
from portal.masterdata.models import Location
from portal.masterdata.rules import LocationKind
from portal.settings import load
from tests import hospital as hospitals
from tests.bench import generator, processor
from tests.conftest import SECRETS

ROOT = Path(__file__).resolve().parents[2]
CLINICS = 20
PLENTY = Decimal(1_000_000_000)


@dataclass(frozen=True)
class Ground:
    """The application, its database and who acts in it; ids only, so that no session is kept open."""

    app: Flask
    folder: Path
    database_url: str
    organization_id: int
    slug: str
    actors: dict[Role, Actor]
    emails: dict[Role, str]
    clinic_ids: list[int]
    gl_account_id: int
    network_id: int
    erp_id: int
    servers_cpu: Callable[[], float]
    owner: psycopg.Connection

    @contextmanager
    def acting(self) -> Iterator[None]:
        """An application context inside the organization, as a request or job has it."""
        with self.app.app_context():
            enter_organization(self.organization_id)
            yield

    def cpu(self) -> float:
        """CPU seconds of this process and the servers."""
        return processor.of_this_process(self.servers_cpu)()

    def bare_connection(self) -> psycopg.Connection:
        """Plain psycopg under the portal's role and row-level security."""
        options = f"-c role={APPLICATION_ROLE} -c timezone=UTC -c app.organization_id={self.organization_id}"
        return psycopg.connect(self.database_url, options=options)


@contextmanager
def prepared(folder: Path, network_url: str) -> Iterator[Ground]:
    """The ground, until the block ends; `network_url` is the partner that takes purchase orders."""
    with EmbeddedServers(folder) as servers:
        url = servers.database("portal_bench")
        os.environ.update(SECRETS, PORTAL_DATABASE_URL=url, PORTAL_REDIS_URL=servers.redis_url)
        app = create_app(load())
        with app.app_context(), psycopg.connect(url, autocommit=True) as owner:
            upgrade()
            hospital, ids = _hospital(network_url)
            generator.add_suppliers(owner, hospital.organization.id)
            ground = Ground(
                app=app,
                folder=folder,
                database_url=url,
                organization_id=hospital.organization.id,
                slug=hospital.organization.slug,
                actors={role: hospital.actor(role) for role in Role},
                emails={role: hospital.email(role) for role in Role},
                clinic_ids=ids["clinics"],
                gl_account_id=hospital.gl_account.id,
                network_id=ids["network"][0],
                erp_id=ids["erp"][0],
                servers_cpu=processor.of_named("postgres", "valkey-server"),
                owner=owner,
            )
            db.session.remove()
            yield ground
            db.engine.dispose()


def _hospital(network_url: str) -> tuple[hospitals.Hospital, dict[str, list[int]]]:
    """A committed hospital with many clinics, whose orders go straight to the network."""
    with transaction() as session:
        session.expire_on_commit = False
        hospital = hospitals.build(budget=PLENTY)
        erp, network = hospitals.add_partners(hospital, erp_url="http://127.0.0.1:9", network_url=network_url)
        session.execute(delete(Route).where(Route.partner_id == erp.id, Route.document == "purchase_order"))
        clinics = [
            Location(
                code=f"CL{number:02d}",
                name=f"Clinic {number}",
                kind=LocationKind.DEPARTMENT,
                facility_id=hospital.facility.id,
                cost_center_id=hospital.cost_center.id,
            )
            for number in range(1, CLINICS + 1)
        ]
        session.add_all(clinics)
        session.flush()
        ids = {"clinics": [one.id for one in clinics], "erp": [erp.id], "network": [network.id]}
    return hospital, ids
