"""The words of the point of care: EHR kinds, states of cases and usage, outcomes, charges."""

from enum import StrEnum


class EhrKind(StrEnum):
    """Whose differences apply."""

    EPIC = "epic"
    ORACLE = "oracle"
    MEDITECH = "meditech"
    OTHER = "other"


class AuthMethod(StrEnum):
    """How the portal proves itself at an EHR's token endpoint."""

    RS384 = "RS384"
    ES384 = "ES384"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"


class ScopeStyle(StrEnum):
    """SMART scopes as `.read` (v1) or `.rs` (v2)."""

    V1 = "v1"
    V2 = "v2"


class LaunchState(StrEnum):
    """How far a launch is; only an open one shows a patient."""

    ASKED = "asked"
    OPEN = "open"
    ENDED = "ended"


class EncounterState(StrEnum):
    """Whether the patient is expected, here or gone."""

    PLANNED = "planned"
    ACTIVE = "active"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class CaseState(StrEnum):
    """A case closes with its supplies recorded, or with "nothing used" said by somebody."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class UsageState(StrEnum):
    """Whether a usage counts."""

    APPLIED = "applied"
    REVIEW = "review"
    CONFLICT = "conflict"
    REVERSED = "reversed"
    DISCARDED = "discarded"


class ChargeState(StrEnum):
    """How far a charge line is."""

    PREPARED = "prepared"
    SENT = "sent"
    CREDITED = "credited"


class RecallState(StrEnum):
    """An open recall stops whoever scans what it names."""

    OPEN = "open"
    CLOSED = "closed"


class RecallTaskKind(StrEnum):
    """What is to be done with recalled stock."""

    RETURN = "return"
    FIND = "find"
