"""Reading the rulebook: what is in force, its history, restrictions, credentials, closed days."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Date,
    Text,
    any_,
    bindparam,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import joinedload

from portal.foundation.access import Actor
from portal.foundation.db import db, found
from portal.foundation.together import Columns, Read, Rows, read_together
from portal.identity.models import RoleAssignment
from portal.identity.rules import ROLE_LABELS, Role
from portal.masterdata.listings import categories
from portal.masterdata.models import ClosedDay, Facility, ItemCategory, Location
from portal.requisitions.checks.facts import Need
from portal.requisitions.rulebook.models import Credential, Restriction, RuleVersion
from portal.requisitions.rulebook.rules import Rulebook, Version, lineage


def rulebook_on(day: date, facility_id: int | None) -> Rulebook:
    """The settings that count for a facility on a day, in one query."""
    book, tree = rulebook(day, facility_id), parents()
    known = read_together(book, tree)
    return replace(known[book], parents=known[tree])


def rulebook(day: date, facility_id: int | None) -> Read[Rulebook]:
    """As rulebook_on, to be read with other things; the categories are read apart, see `parents`."""
    return Read(
        _in_force(),
        {"in_force_on": day, "in_force_at": facility_id},
        lambda rows: Rulebook([Version(*row) for row in rows], facility_id),
    )


def rulebooks_on(days: Mapping[int, date]) -> dict[int, Rulebook]:
    """The settings that count for several facilities (by id), each on its day, in one query."""
    row = RuleVersion
    statement = select(row).where(
        row.starts_on <= max(days.values()), or_(row.facility_id.is_(None), row.facility_id.in_(days))
    )
    known, tree = [version_of(one) for one in db.session.scalars(statement)], parents().now()
    return {
        facility_id: Rulebook([one for one in known if one.starts_on <= day], facility_id, tree)
        for facility_id, day in days.items()
    }


def parents() -> Read[dict[str, str]]:
    """The category above each that has one."""
    return Read(_PARENTS, {}, lambda rows: {row[0]: row[1] for row in rows})


_PARENTS = select(ItemCategory.name, ItemCategory.parent).where(ItemCategory.parent != "")


def categories_to_set() -> list[str]:
    """The categories of items, and those above them."""
    tree = parents().now()
    return sorted({name for one in categories() for name in lineage(one, tree)})


@cache
def _in_force() -> Columns:
    """The columns of rules.Version, in their order."""
    row = RuleVersion
    scope = (row.rule, row.facility_id, row.category)
    setting = (row.starts_on, row.severity, row.threshold)
    return (
        select(row.rule, row.number, *setting, row.facility_id, row.category)
        .ext(distinct_on(*scope))
        .where(
            row.starts_on <= bindparam("in_force_on", type_=Date),
            or_(row.facility_id.is_(None), row.facility_id == bindparam("in_force_at", type_=BigInteger)),
        )
        .order_by(*scope, row.starts_on.desc(), row.number.desc())
    )


def version_of(row: RuleVersion) -> Version:
    """The row as the rules want it."""
    return Version(
        rule=row.rule,
        number=row.number,
        starts_on=row.starts_on,
        severity=row.severity,
        threshold=row.threshold,
        facility_id=row.facility_id,
        category=row.category,
    )


def versions(rule: str | None = None) -> list[RuleVersion]:
    """Every dated setting, of one rule or of all, the newest first, with facility and who set it."""
    statement = (
        select(RuleVersion)
        .options(joinedload(RuleVersion.facility), joinedload(RuleVersion.set_by))
        .order_by(RuleVersion.rule, RuleVersion.number.desc())
    )
    if rule is not None:
        statement = statement.where(RuleVersion.rule == rule)
    return list(db.session.scalars(statement))


def needs_of(actor: Actor, items: Mapping[int, str], today: date) -> Read[dict[int, list[Need]]]:
    """What the items (category by id) are restricted to, and whether the person has it."""
    categories = sorted({category for category in items.values() if category})
    return Read(
        _restrictions(),
        {"restricted_items": sorted(items), "restricted_categories": categories},
        lambda rows: _needs(actor, items, today, rows),
    )


@cache
def _restrictions() -> Columns:
    row = Restriction
    return (
        select(row.item_id, row.category, row.role, row.credential)
        .where(
            or_(
                row.item_id == any_(bindparam("restricted_items", type_=ARRAY(BigInteger))),
                row.category == any_(bindparam("restricted_categories", type_=ARRAY(Text))),
            )
        )
        .order_by(row.id)
    )


def _needs(actor: Actor, items: Mapping[int, str], today: date, rows: Rows) -> dict[int, list[Need]]:
    if not rows:
        return {}
    roles, credentials = _roles(actor), _credentials(actor, today)
    return {
        item_id: [
            _need(role, credential, is_met=role in roles or credential.lower() in credentials)
            for restricted_id, restricted, role, credential in rows
            if restricted_id == item_id or (restricted and restricted == category)
        ]
        for item_id, category in items.items()
    }


def _need(role: Role | None, credential: str, *, is_met: bool) -> Need:
    words = f"the role {ROLE_LABELS[role]}" if role else f"the credential {credential}"
    return Need(words, is_met)


def _roles(actor: Actor) -> set[object]:
    held = select(RoleAssignment.role).where(RoleAssignment.account_id == actor.account_id)
    return set(db.session.scalars(held))


def _credentials(actor: Actor, today: date) -> set[str]:
    held = select(Credential.name).where(Credential.account_id == actor.account_id, _is_valid(today))
    return {name.lower() for name in db.session.scalars(held)}


def _is_valid(today: date) -> ColumnElement[bool]:
    return or_(Credential.valid_until.is_(None), Credential.valid_until >= today)


def facilities() -> list[Facility]:
    """The facilities in use, by name."""
    return list(db.session.scalars(select(Facility).where(Facility.active).order_by(Facility.name)))


def restrictions() -> Sequence[Restriction]:
    """Everything that is restricted, with its item."""
    return db.session.scalars(
        select(Restriction)
        .options(joinedload(Restriction.item))
        .order_by(Restriction.category, Restriction.id)
    ).all()


def restriction(restriction_id: int) -> Restriction:
    """One of them with its item; raises NotFound."""
    statement = (
        select(Restriction).where(Restriction.id == restriction_id).options(joinedload(Restriction.item))
    )
    return found(db.session.scalar(statement), "restriction")


def credentials() -> Sequence[Credential]:
    """What people are trained or licensed for, with the people."""
    return db.session.scalars(
        select(Credential).options(joinedload(Credential.account)).order_by(Credential.name, Credential.id)
    ).all()


def credential(credential_id: int) -> Credential:
    """One of them with its person; raises NotFound."""
    statement = (
        select(Credential).where(Credential.id == credential_id).options(joinedload(Credential.account))
    )
    return found(db.session.scalar(statement), "credential")


def closed_days() -> Sequence[tuple[ClosedDay, str, str | None]]:
    """The days without deliveries with the names of facility and location."""
    rows = db.session.execute(
        select(ClosedDay, Facility.name, Location.name)
        .join(Facility, Facility.id == ClosedDay.facility_id)
        .outerjoin(Location, Location.id == ClosedDay.location_id)
        .order_by(Facility.name, ClosedDay.weekday, ClosedDay.day, ClosedDay.id)
    )
    return [(row, facility, location) for row, facility, location in rows]


def closed_day(closed_day_id: int) -> ClosedDay:
    """One of them; raises NotFound."""
    return found(db.session.get(ClosedDay, closed_day_id), "closed day")
