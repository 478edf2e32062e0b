"""Names on which the demo's settings, master data and sandbox partners agree."""

from collections.abc import Mapping
from dataclasses import dataclass

# Short name to name and time zone.
ORGANIZATIONS = {
    "lakeshore": ("Lakeshore Health", "America/Chicago"),
    "prairie": ("Prairie Clinics", "America/Chicago"),
}
COMPANY_CODES = {"lakeshore": "1000", "prairie": "PC01"}
EHR_PLACES = {"OR01": "Operating Room 1", "CATH": "Cardiac Cath Lab", "ED01": "Emergency Department",
              "FM01": "Family Medicine"}  # fmt: skip
NETWORK_IDENTITY = "AN-NETWORK"
ERP_USER = "PORTAL"
# Which variants of the sandbox EHR open which organization, and whether inside their chart.
EHRS = {"lakeshore": {"epic": True, "oracle": False}, "prairie": {"meditech": True}}
# The logins are in PORTAL_SECRET_<name>.
ERP_VARIABLE, NETWORK_VARIABLE, INBOUND_VARIABLE = "ERP", "NETWORK", "NETWORK_INBOUND"


@dataclass(frozen=True)
class Addresses:
    """Where the portal and the sandboxes listen; each organization has an ERP of its own."""

    portal: str
    network: str
    erp: Mapping[str, str]
    ehr: str = ""
    mllp: str = ""


def buyer_identity(slug: str) -> str:
    """Under which identity an organization buys on the network."""
    return f"AN-{slug.upper()}"
