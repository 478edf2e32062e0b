"""Real servers for all tests; an organization of its own for each test that asks for one."""

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask_migrate import upgrade
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from portal.app import create_app
from portal.embedded import EmbeddedServers
from portal.foundation.db import db, transaction
from portal.settings import load
from tests import hospital as hospitals
from tests.hospital import Hospital
from tests.visitor import Visitor

# A property that holds slowly on a busy machine holds.
settings.register_profile("portal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("portal")

SECRETS = {
    "PORTAL_SECRET_KEY": "a secret for tests only, long enough",
    "PORTAL_ENCRYPTION_KEYS": base64.b64encode(b"k" * 32).decode(),
    "PORTAL_INDEX_KEY": base64.b64encode(b"i" * 32).decode(),
    "PORTAL_SECRET_ERP": "erp-secret",
    "PORTAL_SECRET_NETWORK": "network-secret",
    "PORTAL_SECRET_NETWORK_INBOUND": "inbound-secret",
    "PORTAL_PARTNER_HOSTS": "127.0.0.1",
    "PORTAL_PARTNER_TIMEOUT_SECONDS": "5",
    "PORTAL_MESSAGE_LEASE_SECONDS": "20",
    "PORTAL_LOG_LEVEL": "ERROR",
    "PORTAL_SIGN_IN_LIMIT": "1000 per minute",
    "PORTAL_PASSWORD_MEMORY_KIB": "32",
}


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist's base class is untyped
    """Side by side run whole files, and all of the browser's as one: they share a running portal."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "browser" if file.startswith("tests/browser/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Tells xdist how to share out the tests."""
    return ByFile(config, log)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServers]:
    """PostgreSQL and Valkey, started once."""
    with EmbeddedServers(Path(tmp_path_factory.mktemp("servers"))) as running:
        # These data need not outlive a power cut; a killed process loses nothing all the same.
        with psycopg.connect(running.database("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield running


@pytest.fixture(scope="session")
def environment(servers: EmbeddedServers) -> dict[str, str]:
    """The variables of the application under test, set for this process and those it starts."""
    values = {
        **SECRETS,
        "PORTAL_DATABASE_URL": servers.database("portal_test"),
        "PORTAL_REDIS_URL": servers.redis_url,
    }
    os.environ.update(values)
    return values


@pytest.fixture(scope="session")
def app(environment: dict[str, str]) -> Iterator[Flask]:
    """The application on a migrated database."""
    application = create_app(load())
    application.test_client_class = Visitor
    with application.app_context():
        upgrade()
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def app_with(app: Flask) -> Iterator[Callable[..., Flask]]:
    """Makes further applications on the same database, with some settings changed."""
    made: list[Flask] = []

    def make(**changes: object) -> Flask:
        made.append(create_app(load().model_copy(update=changes)))
        return made[-1]

    yield make
    for application in made:
        with application.app_context():
            db.engine.dispose()


@pytest.fixture
def in_app(app: Flask) -> Iterator[None]:
    """An application context with a session of its own."""
    with app.app_context():
        yield
        db.session.rollback()


@pytest.fixture
def hospital(in_app: None) -> Hospital:
    """A committed organization; the session is inside it."""
    with transaction() as session:
        session.expire_on_commit = False
        return hospitals.build()


@pytest.fixture
def client(app: Flask) -> Visitor:
    """A browser without JavaScript."""
    return Visitor(app, app.response_class)
