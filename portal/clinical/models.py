"""EHR systems and launches, patients and encounters, cases and usage; clinical identifiers are sealed."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from integrations.clinical import UsageStatus
from portal.clinical.rules import (
    AuthMethod,
    CaseState,
    ChargeState,
    EhrKind,
    EncounterState,
    LaunchState,
    ScopeStyle,
    UsageState,
)
from portal.exchange.models import Partner
from portal.foundation import clock
from portal.foundation.crypto import token
from portal.foundation.db import Amount, Json, Key, Quantity, TenantRow, UnitPrice
from portal.foundation.sealed import BlindIndex, Sealed
from portal.foundation.trace import current_trace
from portal.identity.models import Account
from portal.masterdata.models import Item, Location
from portal.requisitions.models import Requisition


class EhrSystem(TenantRow):
    """An EHR that may launch the portal, known by its FHIR base address (iss)."""

    __tablename__ = "ehr_system"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[EhrKind] = mapped_column(default=EhrKind.OTHER)
    # Comparable form, unique over all organizations: a launch must lead to one.
    iss: Mapped[str] = mapped_column(unique=True)
    base_url: Mapped[str]  # as the EHR spells it
    client_id: Mapped[str]
    backend_client_id: Mapped[str] = mapped_column(default="")  # where the portal itself is registered apart
    auth_method: Mapped[AuthMethod] = mapped_column(default=AuthMethod.RS384)
    secret_name: Mapped[str] = mapped_column(default="")
    issuers: Mapped[list[Any]] = mapped_column(default=list)  # accepted in id_token
    hosts: Mapped[list[Any]] = mapped_column(default=list)  # where authorize and token may be
    scope_style: Mapped[ScopeStyle] = mapped_column(default=ScopeStyle.V2)
    expects_nonce: Mapped[bool] = mapped_column(default=True)
    frame_ancestors: Mapped[list[Any]] = mapped_column(default=list)  # empty: opens in a tab
    facility_id: Mapped[Key | None] = mapped_column(ForeignKey("facility.id"))
    active: Mapped[bool] = mapped_column(default=True)
    polled_types: Mapped[list[Any]] = mapped_column(default=list)  # resources the portal itself asks for
    polled_until: Mapped[datetime | None]


class EhrPlace(TenantRow):
    """A location or organization of an EHR, and which of ours it is; a person may correct it."""

    __tablename__ = "ehr_place"
    __table_args__ = (UniqueConstraint("ehr_system_id", "reference"),)

    ehr_system_id: Mapped[Key] = mapped_column(ForeignKey("ehr_system.id"))
    reference: Mapped[str]  # "Location/7"
    name: Mapped[str] = mapped_column(default="")
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    facility_id: Mapped[Key | None] = mapped_column(ForeignKey("facility.id"))
    seen_at: Mapped[datetime] = mapped_column(default=clock.now)

    location: Mapped[Location | None] = relationship(lazy="raise")


class Patient(TenantRow):
    """Somebody treated; a merged patient points to the one that stays."""

    __tablename__ = "patient"

    name: Mapped[str] = mapped_column(Sealed("patient.name"), default="", deferred=True)
    birth_date: Mapped[str] = mapped_column(Sealed("patient.birth_date"), default="", deferred=True)
    sex: Mapped[str] = mapped_column(Sealed("patient.sex"), default="", deferred=True)
    merged_into_id: Mapped[Key | None] = mapped_column(ForeignKey("patient.id"))

    identifiers: Mapped[list["PatientIdentifier"]] = relationship(lazy="raise", back_populates="patient")


class PatientIdentifier(TenantRow):
    """An identifier of a patient in one assigner's system; `found_by` is "assigner|value"."""

    __tablename__ = "patient_identifier"
    __table_args__ = (UniqueConstraint("organization_id", "found_by"),)

    patient_id: Mapped[Key] = mapped_column(ForeignKey("patient.id"), index=True)
    found_by: Mapped[str] = mapped_column(BlindIndex)
    assigner: Mapped[str]
    value: Mapped[str] = mapped_column(Sealed("patient_identifier.value"), deferred=True)

    patient: Mapped[Patient] = relationship(lazy="raise", back_populates="identifiers")


class Encounter(TenantRow):
    """A visit; `found_by` is "system|visit number or FHIR id"."""

    __tablename__ = "encounter"
    __table_args__ = (UniqueConstraint("organization_id", "found_by"),)

    found_by: Mapped[str] = mapped_column(BlindIndex)
    identifier: Mapped[str] = mapped_column(Sealed("encounter.identifier"), deferred=True)
    patient_id: Mapped[Key | None] = mapped_column(ForeignKey("patient.id"), index=True)
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    state: Mapped[EncounterState] = mapped_column(default=EncounterState.ACTIVE)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)

    patient: Mapped[Patient | None] = relationship(lazy="raise")
    location: Mapped[Location | None] = relationship(lazy="raise")


class Launch(TenantRow):
    """One launch from an EHR: its own patient, encounter and tokens, whatever else the browser has open."""

    __tablename__ = "launch"

    code: Mapped[str] = mapped_column(unique=True, default=token)  # stands in the address
    ehr_system_id: Mapped[Key] = mapped_column(ForeignKey("ehr_system.id"), index=True)
    state: Mapped[LaunchState] = mapped_column(default=LaunchState.ASKED)
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"), index=True)
    patient_id: Mapped[Key | None] = mapped_column(ForeignKey("patient.id"))
    encounter_id: Mapped[Key | None] = mapped_column(ForeignKey("encounter.id"))
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    case_id: Mapped[Key | None] = mapped_column(ForeignKey("clinical_case.id"))
    state_hash: Mapped[str] = mapped_column(unique=True)
    browser_hash: Mapped[str] = mapped_column(default="")  # of the cookie of the browser that asked
    code_verifier: Mapped[str] = mapped_column(Sealed("launch.code_verifier"), default="", deferred=True)
    nonce: Mapped[str] = mapped_column(Sealed("launch.nonce"), default="", deferred=True)
    token_endpoint: Mapped[str] = mapped_column(default="")
    granted_scope: Mapped[str] = mapped_column(default="")
    needs_banner: Mapped[bool] = mapped_column(default=True)
    style_url: Mapped[str] = mapped_column(default="")
    intent: Mapped[str] = mapped_column(default="")
    fhir_user: Mapped[str] = mapped_column(default="")
    practitioner: Mapped[str] = mapped_column(default="")
    context: Mapped[str] = mapped_column(Sealed("launch.context"), default="", deferred=True)  # fhirContext
    access_token: Mapped[str | None] = mapped_column(Sealed("launch.access_token"), deferred=True)
    refresh_token: Mapped[str | None] = mapped_column(Sealed("launch.refresh_token"), deferred=True)
    token_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    opened_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    system: Mapped[EhrSystem] = relationship(lazy="raise")
    account: Mapped[Account | None] = relationship(lazy="raise")
    patient: Mapped[Patient | None] = relationship(lazy="raise")
    encounter: Mapped[Encounter | None] = relationship(lazy="raise")
    location: Mapped[Location | None] = relationship(lazy="raise")


class Feed(TenantRow):
    """An HL7 v2 interface: who may send, and which field of its messages means what."""

    __tablename__ = "feed"
    __table_args__ = (UniqueConstraint("organization_id", "code"),)

    code: Mapped[str]
    name: Mapped[str]
    partner_id: Mapped[Key] = mapped_column(ForeignKey("partner.id"))
    facility_id: Mapped[Key | None] = mapped_column(ForeignKey("facility.id"))
    sending_application: Mapped[str]  # MSH-3.1
    sending_facility: Mapped[str]  # MSH-4.1
    addresses: Mapped[list[Any]] = mapped_column(default=list)  # networks it may call from
    mapping: Mapped[Json] = mapped_column(default=dict)  # our field -> "ZPA-3.1"
    settings: Mapped[Json] = mapped_column(default=dict)
    active: Mapped[bool] = mapped_column(default=True)

    partner: Mapped[Partner] = relationship(lazy="raise")


class Case(TenantRow):
    """A procedure, scheduled or under way; it never closes silently with nothing recorded."""

    __tablename__ = "clinical_case"
    __table_args__ = (
        UniqueConstraint("organization_id", "found_by"),
        Index("ix_clinical_case_schedule", "location_id", "scheduled_at"),
    )

    number: Mapped[str]  # the portal's own reference, safe to show to a supplier
    found_by: Mapped[str | None] = mapped_column(BlindIndex)  # "system|case number"
    identifier: Mapped[str | None] = mapped_column(Sealed("clinical_case.identifier"), deferred=True)
    encounter_id: Mapped[Key | None] = mapped_column(ForeignKey("encounter.id"), index=True)
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    procedure_code: Mapped[str] = mapped_column(default="")
    procedure_name: Mapped[str] = mapped_column(default="")
    practitioner: Mapped[str] = mapped_column(default="")
    state: Mapped[CaseState] = mapped_column(default=CaseState.OPEN)
    nothing_used: Mapped[bool] = mapped_column(default=False)
    scheduled_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))

    encounter: Mapped[Encounter | None] = relationship(lazy="raise")
    location: Mapped[Location | None] = relationship(lazy="raise")


class Usage(TenantRow):
    """A supply used in a case, whatever the source said it. Quantity in base units."""

    __tablename__ = "usage"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index(
            "uq_usage_serial",
            "organization_id",
            "item_id",
            "serial_found_by",
            unique=True,
            postgresql_where=text(
                "state = 'applied' AND outcome IN ('used', 'implanted', 'wasted', 'opened_unused') "
                "AND serial_found_by IS NOT NULL"
            ),
        ),
        Index("ix_usage_lot", "item_id", "lot"),
        Index("ix_usage_place", "location_id", "occurred_at"),
    )

    key: Mapped[str] = mapped_column(BlindIndex)  # business key: a repeat is harmless
    digest: Mapped[str] = mapped_column(BlindIndex)  # of the content: the same key with another is a conflict
    source: Mapped[str]
    message_id: Mapped[Key | None] = mapped_column(ForeignKey("message.id"))
    state: Mapped[UsageState] = mapped_column(default=UsageState.APPLIED)
    outcome: Mapped[UsageStatus] = mapped_column()
    case_id: Mapped[Key | None] = mapped_column(ForeignKey("clinical_case.id"), index=True)
    encounter_id: Mapped[Key | None] = mapped_column(ForeignKey("encounter.id"), index=True)
    patient_id: Mapped[Key | None] = mapped_column(ForeignKey("patient.id"), index=True)
    launch_id: Mapped[Key | None] = mapped_column(ForeignKey("launch.id"))
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))
    cost_center_id: Mapped[Key | None] = mapped_column(ForeignKey("cost_center.id"))
    item_id: Mapped[Key | None] = mapped_column(ForeignKey("item.id"))
    description: Mapped[str] = mapped_column(default="")
    named: Mapped[Json] = mapped_column(default=dict)  # how the sender named item, unit and place
    quantity: Mapped[Quantity]
    lot: Mapped[str] = mapped_column(default="")
    expires_on: Mapped[date | None]
    di: Mapped[str] = mapped_column(default="")
    serial: Mapped[str | None] = mapped_column(Sealed("usage.serial"), deferred=True)
    serial_found_by: Mapped[str | None] = mapped_column(BlindIndex)
    raw_scan: Mapped[str | None] = mapped_column(Sealed("usage.raw_scan"), deferred=True)
    body_site: Mapped[str | None] = mapped_column(Sealed("usage.body_site"), deferred=True)
    practitioner: Mapped[str] = mapped_column(default="")
    stops: Mapped[list[Any]] = mapped_column(default=list)  # expired, recalled …: why it should not have been
    override_reason: Mapped[str] = mapped_column(default="")
    from_stock: Mapped[bool] = mapped_column(default=True)  # else consignment or non-stock: bill only
    requisition_id: Mapped[Key | None] = mapped_column(ForeignKey("requisition.id"))
    contract_line_id: Mapped[Key | None] = mapped_column(ForeignKey("contract_line.id"))
    unit_price: Mapped[UnitPrice | None]  # per base unit, on the day of use
    movements: Mapped[int] = mapped_column(default=0)  # keys usage-<id>-1 to this
    charge_code: Mapped[str] = mapped_column(default="")
    cost: Mapped[Amount | None]
    reverses_id: Mapped[Key | None] = mapped_column(ForeignKey("usage.id"))
    reversed_at: Mapped[datetime | None]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(default=clock.now)
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    trace_id: Mapped[str] = mapped_column(default=current_trace)

    item: Mapped[Item | None] = relationship(lazy="raise")
    case: Mapped[Case | None] = relationship(lazy="raise")
    location: Mapped[Location | None] = relationship(lazy="raise")


class ChargeLine(TenantRow):
    """What a usage is charged at, prepared for the EHR's billing."""

    __tablename__ = "charge_line"

    usage_id: Mapped[Key] = mapped_column(ForeignKey("usage.id"), unique=True)
    code: Mapped[str] = mapped_column(default="")
    quantity: Mapped[Quantity]
    amount: Mapped[Amount]
    state: Mapped[ChargeState] = mapped_column(default=ChargeState.PREPARED)


class PreferenceCard(TenantRow):
    """What a procedure needs, as one practitioner (or everybody: "") and one place (or all) like it."""

    __tablename__ = "preference_card"
    __table_args__ = (
        Index("ix_preference_card_procedure", "procedure_code", "location_id"),
        UniqueConstraint(
            "organization_id",
            "procedure_code",
            "practitioner",
            "location_id",
            name="uq_preference_card",
            postgresql_nulls_not_distinct=True,
        ),
    )

    procedure_code: Mapped[str]
    procedure_name: Mapped[str]
    practitioner: Mapped[str] = mapped_column(default="")
    location_id: Mapped[Key | None] = mapped_column(ForeignKey("location.id"))

    lines: Mapped[list["PreferenceLine"]] = relationship(
        lazy="raise", back_populates="card", order_by="PreferenceLine.position"
    )


class PreferenceLine(TenantRow):
    """An item of a card in base units: so many to open, so many to hold unopened in the room."""

    __tablename__ = "preference_line"
    __table_args__ = (UniqueConstraint("card_id", "item_id"),)

    card_id: Mapped[Key] = mapped_column(ForeignKey("preference_card.id"))
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    position: Mapped[int]
    to_open: Mapped[Quantity] = mapped_column(default=0)
    to_hold: Mapped[Quantity] = mapped_column(default=0)

    card: Mapped[PreferenceCard] = relationship(lazy="raise", back_populates="lines")
    item: Mapped[Item] = relationship(lazy="raise")


class Favorite(TenantRow):
    """An item that a place uses often, in one procedure or in all ("")."""

    __tablename__ = "favorite"
    __table_args__ = (UniqueConstraint("location_id", "procedure_code", "item_id"),)

    location_id: Mapped[Key] = mapped_column(ForeignKey("location.id"))
    procedure_code: Mapped[str] = mapped_column(default="")
    item_id: Mapped[Key] = mapped_column(ForeignKey("item.id"))
    position: Mapped[int] = mapped_column(default=0)

    item: Mapped[Item] = relationship(lazy="raise")


class CareRequest(TenantRow):
    """Which case and encounter a requisition was made for; the requisition itself does not know."""

    __tablename__ = "care_request"

    requisition_id: Mapped[Key] = mapped_column(ForeignKey("requisition.id"), unique=True)
    key: Mapped[str] = mapped_column(unique=True)  # of the form it came from: sent twice, it counts once
    case_id: Mapped[Key | None] = mapped_column(ForeignKey("clinical_case.id"), index=True)
    encounter_id: Mapped[Key | None] = mapped_column(ForeignKey("encounter.id"), index=True)
    launch_id: Mapped[Key | None] = mapped_column(ForeignKey("launch.id"), index=True)
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"))
    rush_reason: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=clock.now)

    requisition: Mapped[Requisition] = relationship(lazy="raise")


class AccessRecord(TenantRow):
    """Who looked at which patient, when and where; append-only."""

    __tablename__ = "access_record"
    __table_args__ = (Index("ix_access_record_patient", "patient_id", "at"),)

    at: Mapped[datetime] = mapped_column(default=clock.now)
    account_id: Mapped[Key | None] = mapped_column(ForeignKey("account.id"), index=True)
    actor: Mapped[str]
    patient_id: Mapped[Key] = mapped_column(ForeignKey("patient.id"))
    page: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    trace_id: Mapped[str] = mapped_column(default=current_trace)
