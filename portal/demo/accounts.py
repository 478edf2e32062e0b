"""Who can sign in to the demo: one account per role and organization, named by role."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from portal.demo.organizations import Organization
from portal.foundation.db import db
from portal.identity import services as identity
from portal.identity.models import Account
from portal.identity.rules import ROLE_LABELS, Role

WITHOUT_PLACE = (
    Role.FINANCE_DIRECTOR,
    Role.AP_ANALYST,
    Role.INTEGRATION_ENGINEER,
    Role.AUDITOR,
    Role.ADMINISTRATOR,
)
# Printed by `portal demo`: these accounts exist nowhere else.
PHRASE = "clinic supply demo"


@dataclass(frozen=True)
class Places:
    """Where the people of an organization work; `limits` are approval limits by cost center."""

    home: str
    facility: str
    second_home: str
    second_facility: str
    storeroom: str
    limits: dict[str, Decimal]


PLACES = {
    "lakeshore": Places(
        home="ED01",
        facility="1010",
        second_home="RA01",
        second_facility="1030",
        storeroom="CS01",
        limits={
            "10106010": Decimal(5000),
            "10106020": Decimal(5000),
            "10106030": Decimal(2500),
            "10106040": Decimal(2500),
            "10307010": Decimal(1000),
        },
    ),
    "prairie": Places(
        home="FM01",
        facility="1010",
        second_home="FM02",
        second_facility="1020",
        storeroom="CS01",
        limits={"1000": Decimal(1000), "1100": Decimal(1000), "2000": Decimal(500)},
    ),
}


def email_of(name: str, slug: str) -> str:
    """The sign-in name of a person of the cast, for example clinic-manager@lakeshore.example."""
    return f"{name}@{slug}.example"


def add_accounts(organization: Organization) -> None:
    """Creates the cast of an organization in the current transaction."""
    places = PLACES[organization.slug]
    home, second = organization.locations[places.home], organization.locations[places.second_home]
    storeroom = organization.locations[places.storeroom]
    facility, second_facility = (
        organization.facilities[places.facility],
        organization.facilities[places.second_facility],
    )
    manager = _person(organization, "clinic-manager", Role.CLINIC_MANAGER, home)
    identity.assign_role(manager, Role.CLINIC_MANAGER, facility)
    approver = _person(organization, "approver", Role.APPROVER, home)
    for cost_center, limit in places.limits.items():
        identity.assign_role(
            approver, Role.APPROVER, None, organization.cost_centers[cost_center], approval_limit=limit
        )
    identity.assign_role(_person(organization, "buyer", Role.BUYER, storeroom), Role.BUYER)
    receiver = _person(organization, "receiver", Role.RECEIVER, storeroom)
    identity.assign_role(receiver, Role.RECEIVER, facility)
    clinician = _person(organization, "clinician", Role.CLINICIAN, home)
    identity.assign_role(clinician, Role.CLINICIAN, facility)
    for role in WITHOUT_PLACE:
        identity.assign_role(_person(organization, role.replace("_", "-"), role, None), role)
    finance = _person(organization, "finance-approver", Role.APPROVER, None, "Finance approver")
    identity.assign_role(finance, Role.APPROVER)
    other = _person(organization, "clinic-manager-2", Role.CLINIC_MANAGER, second, "Second clinic manager")
    identity.assign_role(other, Role.CLINIC_MANAGER, second_facility)


def _person(
    organization: Organization, local_part: str, role: Role, home: int | None, name: str = ""
) -> Account:
    account = identity.create_account(
        email=email_of(local_part, organization.slug), name=name or ROLE_LABELS[role], home_location_id=home
    )
    account.password_hash = _hash()
    db.session.flush()  # giving a role reads the account anew
    return account


@cache
def _hash() -> str:
    """Made once, since hashing is slow on purpose."""
    return identity.hash_of(PHRASE)
