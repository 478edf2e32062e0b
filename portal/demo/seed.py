"""Fills an empty database with the demo organizations."""

from collections.abc import Callable

from portal.demo.accounts import add_accounts
from portal.demo.names import ORGANIZATIONS, Addresses
from portal.demo.organizations import Organization
from portal.demo.partners import add_partners, point_partners
from portal.foundation.db import enter_organization, transaction
from portal.identity.queries import organization_id_of_slug

Progress = Callable[[str], object]


def seed(addresses: Addresses, *, progress: Progress = print) -> bool:
    """Adds each organization that is not there, points the partners to where they listen now.

    Returns whether anything was added; a second call adds nothing.
    """
    added = [slug for slug in ORGANIZATIONS if _add_organization(slug, addresses, progress)]
    return bool(added)


def _add_organization(slug: str, addresses: Addresses, progress: Progress) -> bool:
    name, time_zone = ORGANIZATIONS[slug]
    with transaction():
        known = organization_id_of_slug(slug)
        if known is not None:
            enter_organization(known)
            point_partners(slug, addresses)
            return False
        progress(f"Writing the master data of {name}")
        organization = Organization(slug, name, time_zone)
        organization.write()
        add_accounts(organization)
        add_partners(slug, addresses)
    return True
