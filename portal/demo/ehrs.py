"""The sandbox EHRs of the demo: which organization they open, and whether inside their chart."""

from sqlalchemy import select

from integrations.sandbox.ehr.profiles import PROFILES
from portal.clinical.ehr import systems as ehr_systems
from portal.clinical.ehr.systems import SystemValues
from portal.clinical.models import EhrSystem
from portal.clinical.rules import EhrKind
from portal.demo.names import EHRS, Addresses
from portal.foundation.access import system
from portal.foundation.db import db
from portal.identity.queries import organization


def point_ehrs(slug: str, addresses: Addresses) -> None:
    """Adds the EHRs of the present organization that are missing, and corrects where they listen."""
    if not addresses.ehr:
        return
    by = system(organization().id, "demo")
    known = {one.code: one for one in db.session.scalars(select(EhrSystem))}
    for code, in_chart in EHRS[slug].items():
        values = _values(code, addresses.ehr, in_chart=in_chart)
        if code not in known:
            ehr_systems.add(code, values, by=by)
        elif known[code].base_url != values.base_url:
            ehr_systems.change(known[code], values, by=by)


def _values(code: str, url: str, *, in_chart: bool) -> SystemValues:
    profile = PROFILES[code]
    return SystemValues(
        name=f"{profile.label} sandbox",
        base_url=f"{url}{profile.fhir}",
        client_id=f"portal-{code}",
        kind=EhrKind(code),
        issuers=(f"{url}{profile.issuer}",),
        frame_ancestors=(url,) if in_chart else (),
    )
