"""Changing the rulebook: settings are added, never overwritten; restrictions, credentials, closed days."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import func, select

from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid, NotAllowed
from portal.identity.models import Organization
from portal.identity.queries import account_by_email, has_place
from portal.identity.rules import Role, tidy_email
from portal.masterdata.listings import categories
from portal.masterdata.models import ClosedDay, Item, Location
from portal.requisitions.rulebook import queries
from portal.requisitions.rulebook.models import Credential, Restriction, RuleVersion
from portal.requisitions.rulebook.rules import BUILT_IN, RULES, Rule, Severity, Version

LATEST_START = timedelta(days=365)


@dataclass(frozen=True)
class Wanted:
    """A setting as it is entered; no severity takes back the one of this place or category."""

    rule: str
    severity: Severity | None
    threshold: Decimal | None
    facility_id: int | None
    category: str
    starts_on: date
    reason: str = ""

    def as_version(self, number: int) -> Version:
        """As it would count."""
        has_threshold = self.severity is not None and RULES[self.rule].threshold is not None
        return Version(
            rule=self.rule,
            number=number,
            starts_on=self.starts_on,
            severity=self.severity,
            threshold=self.threshold if has_threshold else None,
            facility_id=self.facility_id,
            category=self.category,
        )


def rule_of(key: str) -> Rule:
    """The rule; raises NotFound."""
    return found(RULES.get(key), "rule")


def check(actor: Actor, wanted: Wanted, today: date) -> None:
    """Raises Invalid with `field` for a setting that cannot be, NotAllowed beyond the person's facility."""
    rule = rule_of(wanted.rule)
    reach = actor.facility_ids(Permission.MANAGE_RULES)
    if reach is not None and wanted.facility_id not in reach:
        raise NotAllowed("You may set rules for your own facility only. Choose it.")
    if rule.is_fixed or (wanted.severity is not None and wanted.severity not in rule.severities):
        raise Invalid(f"“{rule.label}” cannot be set to this.", field="severity")
    _check_scope(rule, wanted)
    _check_threshold(rule, wanted)
    if wanted.starts_on < today:
        raise Invalid("What counted in the past stays as it was. Choose today or later.", field="starts_on")
    if wanted.starts_on > today + LATEST_START:
        raise Invalid("Choose a day within the next year.", field="starts_on")


def _check_scope(rule: Rule, wanted: Wanted) -> None:
    if wanted.facility_id is not None and not has_place("facility", wanted.facility_id):
        raise Invalid("This facility does not exist. Choose one of the list.", field="facility")
    if wanted.category and not rule.by_category:
        raise Invalid("This rule looks at the whole cart, not at one category.", field="category")
    if wanted.category and wanted.category not in queries.categories_to_set():
        raise Invalid("No item has this category. Choose one of the list.", field="category")


def _check_threshold(rule: Rule, wanted: Wanted) -> None:
    if rule.threshold is None or wanted.severity is None:
        return
    if wanted.threshold is None:
        raise Invalid(f"Enter a number of {rule.threshold.unit}.", field="threshold")
    if not 0 <= wanted.threshold <= rule.threshold.most:
        raise Invalid(f"Enter a number from 0 to {rule.threshold.most:,}.", field="threshold")


def set_rule(actor: Actor, wanted: Wanted, today: date) -> RuleVersion:
    """Adds a dated setting; whatever was submitted before keeps the version it was checked by."""
    check(actor, wanted, today)
    # Whoever sets a rule at the same time waits, so that each version has its own number.
    db.session.execute(select(Organization.id).with_for_update())
    last = db.session.scalar(select(func.max(RuleVersion.number)).where(RuleVersion.rule == wanted.rule))
    version = wanted.as_version((last or BUILT_IN) + 1)
    row = RuleVersion(**vars(version), reason=wanted.reason.strip(), set_by_id=actor.account_id)
    db.session.add(row)
    db.session.flush()
    audit.record(actor, "rule.set", row, after=vars(version), evidence={"reason": row.reason})
    return row


def restrict(actor: Actor, *, code: str, category: str, role: str, credential: str) -> Restriction:
    """Restricts an item (by number), or a category, to a role or a credential; raises Invalid."""
    _require_everywhere(actor)
    if bool(code.strip()) == bool(category):
        raise Invalid("Enter an item number, or choose a category.", field="code")
    if bool(role) == bool(credential.strip()):
        raise Invalid("Choose a role, or enter a credential.", field="role")
    if role and role not in list(Role):
        raise Invalid("Choose a role of the list.", field="role")
    if category and category not in categories():
        raise Invalid("No item has this category. Choose one of the list.", field="category")
    item_id = _item_id(code) if code.strip() else None
    row = Restriction(
        item_id=item_id, category=category, role=Role(role) if role else None, credential=credential.strip()
    )
    known = select(Restriction.id).filter_by(
        item_id=row.item_id, category=row.category, role=row.role, credential=row.credential
    )
    if db.session.scalar(known) is not None:
        raise Invalid("This is restricted so already.", field="code")
    db.session.add(row)
    db.session.flush()
    after = {"item": code.strip(), "category": category, "role": role, "credential": row.credential}
    audit.record(actor, "item.restrict", row, after=after)
    return row


def _require_everywhere(actor: Actor) -> None:
    """What is not of one facility is set by those who set rules for all."""
    if actor.facility_ids(Permission.MANAGE_RULES) is not None:
        raise NotAllowed("This counts for all facilities. Ask somebody who sets rules for all of them.")


def _item_id(code: str) -> int:
    item_id = db.session.scalar(select(Item.id).where(Item.code_key == code.strip().upper()))
    if item_id is None:
        raise Invalid("No item has this number. Look it up in the catalog.", field="code")
    return item_id


def lift(actor: Actor, restriction_id: int) -> None:
    """Opens what was restricted."""
    _require_everywhere(actor)
    row = queries.restriction(restriction_id)
    before = {
        "item": row.item.code if row.item else "", "category": row.category, "role": row.role,
        "credential": row.credential,
    }  # fmt: skip
    audit.record(actor, "item.lift_restriction", row, before=before)
    db.session.delete(row)


def certify(actor: Actor, *, email: str, name: str, valid_until: date | None, today: date) -> Credential:
    """Notes that a person (by e-mail) has a credential, until a day or for good; again changes the day."""
    _require_everywhere(actor)
    person = account_by_email(tidy_email(email))
    if person is None:
        raise Invalid("Nobody here has this e-mail address. Check it with People.", field="email")
    if valid_until is not None and valid_until < today:
        raise Invalid("This day is in the past. Choose today or later.", field="valid_until")
    row = db.session.scalar(
        select(Credential).where(Credential.account_id == person.id, Credential.name == name.strip())
    )
    before = {"valid_until": row.valid_until} if row else None
    row = row or Credential(account_id=person.id, name=name.strip())
    row.valid_until = valid_until
    db.session.add(row)
    db.session.flush()
    after = {"person": person.name, "credential": row.name, "valid_until": valid_until}
    audit.record(actor, "account.certify", row, before=before, after=after)
    return row


def revoke(actor: Actor, credential_id: int) -> None:
    """Takes a credential from a person."""
    _require_everywhere(actor)
    row = queries.credential(credential_id)
    before = {"person": row.account.name, "credential": row.name, "valid_until": row.valid_until}
    audit.record(actor, "account.revoke_credential", row, before=before)
    db.session.delete(row)


def close(
    actor: Actor, *, facility_id: int, code: str, weekday: int | None, day: date | None, reason: str
) -> ClosedDay:
    """Says when a facility, or one location of it (by code), takes no deliveries; raises Invalid."""
    if not has_place("facility", facility_id):
        raise Invalid("Choose a facility of the list.", field="facility")
    actor.require(Permission.MANAGE_RULES, facility_id=facility_id)
    if (weekday is None) == (day is None):
        raise Invalid("Choose a weekday, or one day.", field="weekday")
    location_id = None
    if code.strip():
        location_id = db.session.scalar(
            select(Location.id).where(Location.facility_id == facility_id, Location.code == code.strip())
        )
        if location_id is None:
            raise Invalid("This facility has no location with this code.", field="location")
    row = ClosedDay(
        facility_id=facility_id, location_id=location_id, weekday=weekday, day=day, reason=reason.strip()
    )
    db.session.add(row)
    db.session.flush()
    after = {"facility": facility_id, "location": code.strip(), "weekday": weekday, "day": day}
    audit.record(actor, "location.close_day", row, after=after, evidence={"reason": row.reason})
    return row


def reopen(actor: Actor, closed_day_id: int) -> None:
    """Takes deliveries again."""
    row = queries.closed_day(closed_day_id)
    actor.require(Permission.MANAGE_RULES, facility_id=row.facility_id)
    audit.record(actor, "location.open_day", row, before={"weekday": row.weekday, "day": row.day})
    db.session.delete(row)
