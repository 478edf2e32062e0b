"""The point of care without JavaScript: scan, confirm, done; stops, questions, undo, requests; whose it is."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from lxml import html
from sqlalchemy import func, select

from portal.clinical.models import AccessRecord, Case, CareRequest, Encounter, Patient, Usage
from portal.clinical.rules import CaseState, UsageState
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.inventory.models import Stock
from portal.masterdata.models import Item, ItemPackaging
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState
from tests.hospital import Hospital
from tests.requesting import actions, stocked
from tests.visitor import Visitor

NAME = "Test patient A"
GLOVE = "09521101010107"
GLOVE_BOX = "19521101010104"
CATHETER = "09521101020106"
HIP = "09521109010109"
GS = "\x1d"


class Ward:
    """A hospital with a case of a patient, stock and barcodes; a browser of the clinician."""

    def __init__(self, hospital: Hospital, client: Visitor) -> None:
        self.hospital, self.client = hospital, client
        with transaction():
            self._master_data()
            self._stock()
            self.case = self._case(NAME)
        client.sign_in(hospital.email(Role.CLINICIAN))
        self.url = f"/care/{self.case}/"

    def _master_data(self) -> None:
        hospital = self.hospital
        self.hip = Item(
            code="HIP-36", name="Femoral head, 36 mm", base_uom="EA", implant=True, lot_tracked=True,
            serial_tracked=True, expiry_tracked=True, gl_account_id=hospital.gl_account.id,
        )  # fmt: skip
        db.session.add(self.hip)
        db.session.flush()
        db.session.add(ItemPackaging(item_id=self.hip.id, uom="EA", factor=Decimal(1), gtin=HIP))
        for item, uom, gtin in (
            (hospital.gloves, "EA", GLOVE), (hospital.gloves, "BX", GLOVE_BOX), (hospital.catheter, "EA", CATHETER)
        ):  # fmt: skip
            packs = db.session.query(ItemPackaging).filter_by(item_id=item.id, uom=uom)
            packs.one().gtin = gtin

    def _stock(self) -> None:
        hospital, day = self.hospital, clock.today
        manager = hospital.actor(Role.CLINIC_MANAGER)
        stocked(manager, hospital.clinic, hospital.gloves.id, 40)
        stocked(manager, hospital.storeroom, hospital.gloves.id, 200)
        for lot, days in (("LATE", 300), ("SOON", 30), ("GONE", -3)):
            until = day() + timedelta(days=days)
            stocked(manager, hospital.clinic, hospital.catheter.id, 5, lot=lot, expires_on=until)
        until = day() + timedelta(days=900)
        for serial in ("S1", "S2"):
            stocked(manager, hospital.clinic, self.hip.id, 1, lot="H1", serial=serial, expires_on=until)

    def _case(self, name: str) -> str:
        patient = Patient(name=name, birth_date="1950-03-01", sex="female")
        db.session.add(patient)
        db.session.flush()
        encounter = Encounter(
            found_by=f"test|{name}",
            identifier=name,
            patient_id=patient.id,
            location_id=self.hospital.clinic.id,
        )
        db.session.add(encounter)
        db.session.flush()
        number = f"CS26-{patient.id:07d}"
        db.session.add(
            Case(number=number, encounter_id=encounter.id, location_id=self.hospital.clinic.id,
                 procedure_code="27130", procedure_name="Total hip", state=CaseState.SCHEDULED,
                 scheduled_at=clock.now())
        )  # fmt: skip
        return number

    def do(self, shown: Any = None, **values: Any) -> Any:
        """Presses a button of the page, with all that the page's form holds."""
        shown = shown or self.client.get(self.url)
        return self.client.send(shown, {"do": "look", **values}, action=self.url)

    def recorded(self) -> list[Usage]:
        """What counts, oldest first."""
        with transaction():
            enter_organization(self.hospital.organization.id)
            rows = db.session.scalars(
                select(Usage).where(Usage.state == UsageState.APPLIED).order_by(Usage.id)
            )
            return list(rows)

    def on_hand(self, item: Item, lot: str = "") -> Decimal:
        """What the book says at the clinic."""
        with transaction():
            enter_organization(self.hospital.organization.id)
            total = select(func.sum(Stock.on_hand)).where(
                Stock.item_id == item.id, Stock.location_id == self.hospital.clinic.id, Stock.lot == lot
            )
            return db.session.scalar(total) or Decimal()


@pytest.fixture
def ward(hospital: Hospital, client: Visitor) -> Ward:
    """A case is about to begin."""
    return Ward(hospital, client)


def words(shown: Any) -> str:
    """The page as a person reads it."""
    page = html.document_fromstring(shown.get_data(as_text=True))
    return re.sub(r"\s+", " ", page.text_content())


def test_three_interactions_from_the_case_to_done(ward: Ward) -> None:
    scanned = ward.do(scan=GLOVE)
    assert "40 pieces here" in words(scanned)
    assert "Central storeroom 200" in words(scanned)
    recorded = ward.do(scanned, do="record")
    assert recorded.status_code == 303
    done = ward.do(do="finish")
    assert done.status_code == 303
    assert "Done. 1 line is recorded. The case is closed." in words(ward.client.get(ward.url))
    assert ward.on_hand(ward.hospital.gloves) == 39
    (usage,) = ward.recorded()
    assert (usage.quantity, usage.patient_id is not None, usage.cost_center_id) == (
        1, True, ward.hospital.cost_center.id,
    )  # fmt: skip


def test_by_scanner_alone(ward: Ward) -> None:
    shown = ward.do(scan=GLOVE)
    for text in (".3", f"01{CATHETER}17270101{GS}10SOON", ".wasted", ".ok"):
        shown = ward.do(shown, scan=text)
        shown = shown if shown.status_code == 200 else None
    rows = ward.recorded()
    assert [(one.quantity, one.outcome.value, one.lot) for one in rows] == [
        (3, "used", ""),
        (1, "wasted", "SOON"),
    ]
    ward.do(scan=".undo")
    ward.do(scan=".done")
    assert [one.outcome.value for one in ward.recorded()] == ["used"]
    assert ward.on_hand(ward.hospital.catheter, "SOON") == 5
