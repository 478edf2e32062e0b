"""A hospital whose EHRs are the sandbox's, and a browser that is sent back and forth between the two."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from flask import Flask
from pydantic import SecretStr
from sqlalchemy import func, update
from werkzeug.test import TestResponse

from integrations.ehr.keys import SigningKeys, new_key
from integrations.sandbox.ehr.app import Hospital as Sandbox
from integrations.sandbox.ehr.authority import Context
from integrations.sandbox.ehr.profiles import PROFILES
from integrations.sandbox.ehr.server import hospital_for, running
from portal.app import create_app
from portal.clinical.ehr import systems as ehr_systems
from portal.clinical.ehr.systems import SystemValues
from portal.clinical.models import EhrSystem
from portal.clinical.rules import EhrKind, ScopeStyle
from portal.foundation.access import system
from portal.foundation.db import db, enter_organization, transaction
from portal.settings import load
from tests.hospital import Hospital
from tests.visitor import Visitor

PORTAL = "http://127.0.0.1:8000"
KEY = new_key("RS384")
AT_WORK = Context(user="surgeon", patient="patient-a", encounter="encounter-a", location="ED01")
SECRET = "the portal's secret"
PLACES = {"ED01": "Emergency department", "OR9": "Operating room 9"}
KINDS = {"epic": EhrKind.EPIC, "oracle": EhrKind.ORACLE, "meditech": EhrKind.MEDITECH}


@dataclass
class Ehr:
    """The sandbox, the hospital registered at it, and the portal with the key the sandbox knows."""

    url: str
    sandbox: Sandbox
    app: Flask
    hospital: Hospital
    systems: dict[str, EhrSystem] = field(default_factory=dict)

    def add(self, profile: str, **changes: Any) -> EhrSystem:
        """Registers the hospital at a profile of the sandbox."""
        values: dict[str, Any] = {
            "name": PROFILES[profile].label,
            "base_url": f"{self.url}{PROFILES[profile].fhir}",
            "client_id": f"portal-{profile}",
            "kind": KINDS.get(profile, EhrKind.OTHER),
            "issuers": (f"{self.url}{PROFILES[profile].issuer}",),
            "scope_style": ScopeStyle.V1 if profile == "older" else ScopeStyle.V2,
            **changes,
        }
        with self.app.app_context(), transaction():
            enter_organization(self.hospital.organization.id)
            organization = self.hospital.organization
            row = ehr_systems.add(profile, SystemValues(**values), by=system(organization.id, "test"))
        self.systems[profile] = row
        return row

    def browser(self) -> Visitor:
        """A browser without JavaScript."""
        return Visitor(self.app, self.app.response_class)

    def launch_address(self, profile: str, context: Context = AT_WORK, *, size: int = 16) -> str:
        """What the EHR opens."""
        launch = self.sandbox.authority.launch(profile, context, size=size)
        return f"/ehr/launch?iss={self.url}{PROFILES[profile].fhir}&launch={launch}"

    def authorized(self, address: str) -> str:
        """The path and query that the EHR sends the browser back to."""
        answer = httpx.get(address, trust_env=False)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["location"])
        assert f"{back.scheme}://{back.netloc}" == PORTAL
        return f"{back.path}?{back.query}"

    def begin(self, browser: Visitor, profile: str, context: Context = AT_WORK, **options: Any) -> str:
        """The EHR opens the portal; returns where the EHR then sends the browser back to."""
        answer = browser.get(self.launch_address(profile, context), **options)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return self.authorized(answer.headers["Location"])

    def launch(
        self, browser: Visitor, profile: str, context: Context = AT_WORK, **options: Any
    ) -> TestResponse:
        """The whole way; the answer leads to the page of the launch."""
        return browser.get(self.begin(browser, profile, context, **options), **options)


@contextmanager
def sandbox_ehr(app: Flask, hospital: Hospital) -> Iterator[Ehr]:
    """A sandbox of its own at which this hospital's portal is registered at every profile."""
    slug = hospital.organization.slug
    callbacks = {profile: f"/ehr/callback/{slug}/{profile}" for profile in PROFILES}
    sandbox = hospital_for(PORTAL, callbacks, secret=SECRET, jwks=SigningKeys([KEY]).published, places=PLACES)
    with running(sandbox) as url:
        yield Ehr(url, sandbox, app, hospital)
    # A later sandbox may get the same port: an address belongs to one hospital only, its keys to one server.
    redis = app.extensions["redis"]
    for kept in list(redis.scan_iter(f"ehr:*{url}*")):
        redis.delete(kept)
    with app.app_context(), transaction():
        enter_organization(hospital.organization.id)
        db.session.execute(update(EhrSystem).values(iss=func.concat("ended ", EhrSystem.id)))


@contextmanager
def app_with_key() -> Iterator[Flask]:
    """The portal on the test database, signing with the key the sandbox knows."""
    app = create_app(load().model_copy(update={"ehr_keys": (SecretStr(KEY),), "public_url": PORTAL}))
    yield app
    with app.app_context():
        db.engine.dispose()
