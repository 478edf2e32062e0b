"""Fills an empty database with the demo organizations."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from portal.demo import sandboxes
from portal.demo.accounts import add_accounts
from portal.demo.consumption import add_consumption
from portal.demo.ehrs import point_ehrs
from portal.demo.history import History
from portal.demo.interfaces import add_interface
from portal.demo.names import ORGANIZATIONS, Addresses
from portal.demo.organizations import Organization
from portal.demo.partners import add_partners, point_partners
from portal.demo.point_of_care import add_point_of_care, plan_day
from portal.demo.stories import STORIES
from portal.foundation.db import enter_organization, transaction
from portal.identity.queries import organization_id_of_slug

# What is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], object]


def silently(_doing: str, _done: int, _total: int) -> None:
    """Shows no progress."""


def seed(
    data_dir: Path, addresses: Addresses, *, progress: Progress = silently, with_history: bool = True
) -> bool:
    """Adds each organization that is not there, points the partners to where they listen now.

    The partners keep their files in `data_dir`. Returns whether anything was added; a second call adds
    nothing.
    """
    missing = [slug for slug in ORGANIZATIONS if not _enter(slug)]
    if len(missing) == len(ORGANIZATIONS):
        sandboxes.forget(data_dir)
    for done, slug in enumerate(missing):
        progress("Writing the master data", done, len(missing))
        _add_organization(slug, addresses)
    if missing and with_history:
        _add_history(data_dir, missing, progress)
    for slug in ORGANIZATIONS:
        _point(slug, addresses)
    return bool(missing)


def _enter(slug: str) -> bool:
    with transaction():
        known = organization_id_of_slug(slug)
    if known is not None:
        enter_organization(known)
    return known is not None


def _add_organization(slug: str, addresses: Addresses) -> None:
    name, time_zone = ORGANIZATIONS[slug]
    with transaction():
        organization = Organization(slug, name, time_zone)
        organization.write()
        add_accounts(organization)
        add_partners(slug, addresses)
        add_point_of_care(organization)
        add_consumption(organization)


def _add_history(data_dir: Path, slugs: Sequence[str], progress: Progress) -> None:
    total = sum(len(STORIES[slug]) for slug in slugs)
    done = count(1)
    with sandboxes.running(data_dir) as own:
        for slug in slugs:
            _point(slug, own)
            History(slug).play(lambda: progress("Playing the orders until today", next(done), total))


def _point(slug: str, addresses: Addresses) -> None:
    _enter(slug)
    with transaction():
        point_partners(slug, addresses)
        point_ehrs(slug, addresses)
        add_interface(slug)
        plan_day(slug)
