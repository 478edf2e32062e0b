"""The rulebook as pages show it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.foundation.filters import day
from portal.foundation.status import Status
from portal.identity.rules import ROLE_LABELS
from portal.masterdata.models import ClosedDay
from portal.requisitions.rulebook.forms import WEEKDAYS
from portal.requisitions.rulebook.models import Credential, Restriction, RuleVersion
from portal.requisitions.rulebook.rules import RULES, Rule, Rulebook, Setting, Severity, said_threshold
from portal.requisitions.rulebook.trial import Trial

STATUSES = {
    Severity.OFF: Status("Off", "neutral", "circle-off"),
    Severity.WARN: Status("Warns", "warning", "alert-triangle"),
    Severity.BLOCK: Status("Blocks", "danger", "ban"),
}
ASKS = {
    "change": Status("Asks the approver", "warning", "user-check"),
    "confirmation": Status("Asks the buyer", "warning", "user-check"),
}
"""What a rule that stops nothing does instead of blocking, by what it weighs."""
BY_BUDGET = Status("As each budget says", "info", "wallet")
VERBS = {"requisition": "Submitted", "order": "Received", "change": "Changed", "confirmation": "Confirmed"}
NOT_KNOWN = {
    "requisition": "Carts that a check kept from being submitted are not counted: nothing is kept of them.",
    "order": "What the dock refused is not counted: it was never entered.",
    "change": "Orders as they were changed, or as approvers were asked. Either tolerance alone asks again.",
    "confirmation": "",
}
WIDER = Status("As in the wider setting", "neutral", "arrow-back-up")


@dataclass(frozen=True)
class RuleRow:
    """A rule in the list with the setting of the whole organization."""

    key: str
    label: str
    words: str
    status: Status
    threshold: str
    version: int
    since: str
    narrower: int
    is_fixed: bool


def rows(versions: Sequence[RuleVersion], book: Rulebook) -> list[RuleRow]:
    """Every rule, those with a setting first."""
    found = [_row(rule, versions, book) for rule in RULES.values()]
    return sorted(found, key=lambda row: row.is_fixed)


def _row(rule: Rule, versions: Sequence[RuleVersion], book: Rulebook) -> RuleRow:
    setting = book.setting(rule.key)
    scopes = {
        (one.facility_id, one.category)
        for one in versions
        if one.rule == rule.key and (one.facility_id is not None or one.category)
    }
    return RuleRow(
        key=rule.key,
        label=rule.label,
        words=rule.words,
        status=BY_BUDGET if rule.key == "budget" else status_of(rule, setting.severity),
        threshold=_threshold(setting),
        version=setting.number,
        since=since(setting.starts_on),
        narrower=len(scopes),
        is_fixed=rule.is_fixed,
    )


def status_of(rule: Rule, severity: Severity) -> Status:
    """What a rule does where it finds something."""
    asks = ASKS.get(rule.weighs) if severity is Severity.BLOCK else None
    return asks or STATUSES[severity]


def _threshold(setting: Setting) -> str:
    if setting.severity is Severity.OFF:
        return ""
    return said_threshold(setting.rule, setting.threshold).capitalize()


def since(starts_on: date | None) -> str:
    """Nov 22, 2026; as delivered for a rule nobody changed."""
    return day(starts_on) if starts_on else "as delivered"


@dataclass(frozen=True)
class VersionRow:
    """One dated setting in the history of a rule."""

    number: int
    place: str
    status: Status
    threshold: str
    starts_on: date
    is_ahead: bool
    reason: str
    set_by: str
    set_at: Any


def history(rule: Rule, versions: Iterable[RuleVersion], today: date) -> list[VersionRow]:
    """Every setting a rule ever had, the newest first."""
    return [
        VersionRow(
            number=one.number,
            place=scope(one.facility.name if one.facility else "", one.category),
            status=status_of(rule, one.severity) if one.severity else WIDER,
            threshold="" if one.threshold is None else said_threshold(rule, one.threshold),
            starts_on=one.starts_on,
            is_ahead=one.starts_on > today,
            reason=one.reason,
            set_by=one.set_by.name if one.set_by else "Portal",
            set_at=one.set_at,
        )
        for one in versions
    ]


def scope(facility: str, category: str) -> str:
    """Where a setting counts, in words."""
    return ", ".join(filter(None, (facility, category))) or "Whole organization"


def current(setting: Setting) -> dict[str, Any]:
    """What counts for the whole organization now."""
    return {
        "status": status_of(setting.rule, setting.severity),
        "threshold": _threshold(setting),
        "version": setting.number,
        "since": f"since {day(setting.starts_on)}" if setting.starts_on else "as delivered",
    }


def trial(rule: Rule, found: Trial) -> dict[str, Any]:
    """What a setting would have done last month."""
    verb = VERBS[rule.weighs]
    return {
        "subjects": found.subjects,
        "noun": rule.weighs.capitalize(),
        "verb": verb.lower(),
        "is_cut": found.is_cut,
        "not_known": NOT_KNOWN[rule.weighs],
        "facts": [
            {"label": label, "value": f"{value:,}"}
            for label, value in (
                (f"{verb} in the last 30 days", found.subjects),
                *_counted(rule, found),
                ("Treated more gently", found.eased),
            )
        ],
        "examples": [
            {"id": one, "number": number, "status": status_of(rule, Severity(outcome.value))}
            for one, number, outcome in found.examples
        ],
    }


def _counted(rule: Rule, found: Trial) -> list[tuple[str, int]]:
    if rule.weighs in ASKS:
        return [("Somebody would be asked", found.blocked), ("Newly asked", found.newly_blocked)]
    return [
        ("Would be warned", found.warned),
        ("Newly warned", found.newly_warned),
        ("Would be blocked", found.blocked),
        ("Newly blocked", found.newly_blocked),
    ]


def restriction_rows(found: Iterable[Restriction]) -> list[dict[str, Any]]:
    """What is restricted, and to whom."""
    return [
        {
            "id": one.id,
            "what": f"{one.item.code} {one.item.name}" if one.item else f"Category {one.category}",
            "needs": f"Role {ROLE_LABELS[one.role]}" if one.role else f"Credential {one.credential}",
        }
        for one in found
    ]


def credential_rows(found: Iterable[Credential], today: date) -> list[dict[str, Any]]:
    """Who has which credential; one that ran out is marked."""
    return [
        {
            "id": one.id,
            "person": one.account.name,
            "name": one.name,
            "until": day(one.valid_until) if one.valid_until else "for good",
            "tone": "warning" if one.valid_until and one.valid_until < today else "",
        }
        for one in found
    ]


def closed_rows(found: Iterable[tuple[ClosedDay, str, str | None]]) -> list[dict[str, Any]]:
    """When nothing is received where."""
    return [
        {
            "id": one.id,
            "place": location or facility,
            "facility": facility if location else "",
            "when": f"Every {WEEKDAYS[one.weekday]}" if one.weekday is not None else day(one.day),
            "reason": one.reason,
        }
        for one, facility, location in found
    ]
