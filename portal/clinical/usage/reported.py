"""Usage as clinical systems report it: their names for patient, place, item and unit become ours."""

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, select

from integrations.clinical import PatientIdentifier, Usage
from portal.catalog.models import Offer
from portal.clinical import cases, encounters
from portal.clinical.encounters import System
from portal.clinical.memory import memory, own
from portal.clinical.models import Case, Encounter
from portal.clinical.models import Usage as UsageRow
from portal.clinical.usage import questions as usage_questions
from portal.clinical.usage import services as usage
from portal.clinical.usage.services import NewUsage
from portal.exchange.together import is_together
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.masterdata.models import CostCenter, Item, ItemPackaging
from portal.masterdata.scanning import meant

# What makes two reports of one line differ; a time or a name corrected later changes no stock.
CONTENT = {
    "patient_id", "item_code", "catalog_number", "manufacturer_part", "di", "lot", "serial", "quantity",
    "uom", "status", "reverses", "location_code",
}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """An item that a report names."""

    id: int
    name: str
    base_uom: str


@dataclass(frozen=True)
class Named:
    """What a report names, as ids of ours; None where nobody knows it. `factor` base units are in a unit."""

    item: Known | None
    factor: Decimal | None
    location_id: int | None


def apply_usage(actor: Actor, said: Usage, system: System, *, message_id: int | None = None) -> UsageRow:
    """Records a reported use once; what names no known item, unit or place waits for a person."""
    patient = encounters.patient_id(
        system, PatientIdentifier(id=said.patient_id, assigner=said.patient_assigner)
    )
    named = _named(said, system)
    encounter = encounters.encounter_id(system, said.visit, patient)
    case = _case(actor, said, system, encounter, named.location_id)
    known = named.item is not None and named.factor is not None
    place = named.location_id or _usual_place(case, encounter)
    row = usage.record_usage(
        actor,
        NewUsage(
            key=key_of(said, said.line_id),
            source=said.source,
            item_id=named.item.id if named.item and known else None,
            location_id=place,
            quantity=said.quantity * (named.factor or Decimal(1)),
            outcome=said.status,
            case_id=case.id if case else None,
            encounter_id=encounter,
            patient_id=patient,
            cost_center_id=_cost_center(said.cost_center),
            description=named.item.name if named.item and known else said.item_text,
            lot=said.lot,
            serial=said.serial,
            expires_on=said.expires_on,
            di=said.di,
            raw_scan=said.raw_scan,
            body_site=said.site,
            practitioner=said.practitioner_id,
            charge_code=said.charge_code,
            occurred_at=said.occurred_at,
            reverses_id=_taken_back(said),
            message_id=message_id,
            named=() if known and place else _names(said),
            content=said.model_dump_json(include=CONTENT),
        ),
        after_the_fact=True,
    )
    usage_questions.compare_price(row, said.unit_cost, said.quantity)
    return row


def _usual_place(case: Case | None, encounter: int | None) -> int | None:
    """Where the case is, else the patient."""
    if case is not None and case.location_id is not None:
        return case.location_id
    return (
        db.session.scalar(select(Encounter.location_id).where(Encounter.id == encounter))
        if encounter
        else None
    )


def key_of(said: Usage, line_id: str) -> str:
    """What names the event for good; only its keyed hash is kept."""
    return "|".join((said.source, line_id, said.case_id or said.visit, said.serial))


def _taken_back(said: Usage) -> int | None:
    original = usage.by_key(key_of(said, said.reverses)) if said.reverses else None
    return original.id if original else None


def _case(actor: Actor, said: Usage, system: System, encounter: int | None, place: int | None) -> Case | None:
    if not said.case_id:
        return None
    case = encounters.case_of(actor, system, said.case_id, encounter=encounter, place=place)
    case.procedure_code = case.procedure_code or said.procedure_code
    case.procedure_name = case.procedure_name or said.procedure_text
    cases.begin(actor, case)
    return case


def _named(said: Usage, system: System) -> Named:
    item = item_named(said.item_code, said.di, said.manufacturer_part, said.catalog_number)
    factor = factor_of(item, said.uom) if item else None
    return Named(item, factor, encounters.location_id(system, said.location_code))


def item_named(code: str, di: str, *parts: str) -> Known | None:
    """By device identifier or item number, then by the maker's parts, then by a supplier's.

    For many reports at once a name is looked up once in a few seconds.
    """
    if is_together():
        return memory.recall(own("item", code, di, parts), lambda: _item_named(code, di, *parts))
    return _item_named(code, di, *parts)


def _item_named(code: str, di: str, *parts: str) -> Known | None:
    tries = [(di, code), *(("", part) for part in parts)]
    for one, number in tries:
        if one or number:
            packs = meant(one or None, number).subquery()
            known = _only(Item.id.in_(select(packs.c.item_id)))
            if known is not None:
                return known
    told = [part for part in parts if part]
    if not told:
        return None
    return _only(Item.id.in_(select(Offer.item_id).where(Offer.supplier_part.in_(told))))


def _only(which: ColumnElement[bool]) -> Known | None:
    """The item that meets the condition; None for none or several."""
    found = db.session.execute(select(Item.id, Item.name, Item.base_uom).where(which).limit(2)).all()
    return Known(*found[0]) if len(found) == 1 else None


def factor_of(item: Known, uom: str) -> Decimal | None:
    """Base units in a unit of a report; None when the item has no such unit."""
    if uom.upper() == item.base_uom:
        return Decimal(1)
    return db.session.scalar(
        select(ItemPackaging.factor).where(ItemPackaging.item_id == item.id, ItemPackaging.uom == uom.upper())
    )


def _cost_center(code: str) -> int | None:
    if not code:
        return None
    wanted = select(CostCenter.id).where(CostCenter.code == code)
    return memory.recall(own("cost center", code), lambda: db.session.scalar(wanted))


def _names(said: Usage) -> tuple[tuple[str, str], ...]:
    """How the sender called what is not known here."""
    told = {
        "item": said.item_code or said.catalog_number or said.manufacturer_part or said.di,
        "unit": said.uom,
        "place": said.location_code,
    }
    return tuple((name, value) for name, value in told.items() if value)
