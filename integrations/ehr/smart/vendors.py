"""What differs between the vendors' SMART servers, as data (captured 2026; see README.md)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Vendor:
    """One vendor.

    `access` is the scope that asks for a refresh token; `unlisted` says that resource scopes are not in
    scopes_supported although they are granted; `refusals` are the FHIR codes of its privacy policy.
    """

    label: str
    access: str = "online_access"
    has_practitioner_role: bool = True
    unlisted: bool = False
    lists_refresh_grant: bool = True
    context_scopes: tuple[str, ...] = ()
    request_id_header: str = ""
    refusals: frozenset[str] = frozenset()


VENDORS = {
    "epic": Vendor(
        "Epic", access="offline_access", unlisted=True, refusals=frozenset({"4130", "4131", "4134"})
    ),
    "oracle": Vendor("Oracle Health", has_practitioner_role=False, lists_refresh_grant=False),
    "meditech": Vendor(
        "MEDITECH Expanse",
        access="offline_access",
        context_scopes=("launch/location",),
        request_id_header="mtrestapi-requestid",
    ),
    "other": Vendor("SMART server"),
}


def vendor(kind: str) -> Vendor:
    """The vendor's data; of an unknown one what the standard says."""
    return VENDORS.get(kind, VENDORS["other"])
