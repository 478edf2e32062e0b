"""A clinic with a case of a test patient, stock with barcodes, and the clinician's browser in it."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from lxml import html
from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from portal.clinical.models import (
    AccessRecord,
    Case,
    Encounter,
    Favorite,
    Patient,
    PreferenceCard,
    PreferenceLine,
    Usage,
)
from portal.clinical.recalls.models import Recall, RecallPart
from portal.clinical.rules import CaseState, UsageState
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.inventory.models import Stock
from portal.masterdata.models import Item, ItemPackaging
from tests.hospital import Hospital
from tests.requesting import stocked
from tests.statements import recorded as recorded_statements
from tests.visitor import Visitor

NAME = "Test patient A"
GLOVE = "09521101010107"
GLOVE_BOX = "19521101010104"
CATHETER = "09521104013907"
HIP = "09521109010109"
GS = "\x1d"
PROCEDURE = "27130"


class Ward:
    """What a test does there and sees of it."""

    def __init__(self, hospital: Hospital, client: Visitor) -> None:
        self.hospital, self.client = hospital, client
        with transaction():
            self._master_data()
            self._stock()
            self._case()
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
        barcodes = {("GLOVE-M", "EA"): GLOVE, ("GLOVE-M", "BX"): GLOVE_BOX, ("CATH-14", "EA"): CATHETER}
        for item in (hospital.gloves, hospital.catheter):
            for pack in db.session.query(ItemPackaging).filter_by(item_id=item.id):
                pack.gtin = barcodes.get((item.code, pack.uom), "")

    def _stock(self) -> None:
        hospital, today = self.hospital, clock.today()
        manager = hospital.actor(Role.CLINIC_MANAGER)
        stocked(manager, hospital.clinic, hospital.gloves.id, 40)
        stocked(manager, hospital.storeroom, hospital.gloves.id, 200)
        for lot, days in (("LATE", 300), ("SOON", 30), ("GONE", -3)):
            until = today + timedelta(days=days)
            stocked(manager, hospital.clinic, hospital.catheter.id, 5, lot=lot, expires_on=until)
        until = today + timedelta(days=900)
        for serial in ("S1", "S2"):
            stocked(manager, hospital.clinic, self.hip.id, 1, lot="H1", serial=serial, expires_on=until)

    def _case(self) -> None:
        place_id = self.hospital.clinic.id
        patient = Patient(name=NAME, birth_date="1950-03-01", sex="female")
        db.session.add(patient)
        db.session.flush()
        self.patient_id = patient.id
        reference = f"test|{patient.id}"
        encounter = Encounter(
            found_by=reference, identifier=reference, patient_id=patient.id, location_id=place_id
        )
        db.session.add(encounter)
        db.session.flush()
        self.case = f"CS26-{patient.id:07d}"
        db.session.add(
            Case(number=self.case, encounter_id=encounter.id, location_id=place_id, procedure_code=PROCEDURE,
                 procedure_name="Total hip", state=CaseState.SCHEDULED, scheduled_at=clock.now())
        )  # fmt: skip

    def page(self) -> Any:
        """The page anew."""
        return self.client.get(self.url)

    def do(self, shown: Any = None, **values: Any) -> Any:
        """Presses a button of the page, with all that the page's form holds."""
        return self.client.send(shown or self.page(), {"do": "look", **values}, action=self.url)

    def scan_quickly(self, text: str) -> Any:
        """A scan as htmx sends it: only the part that changes comes back."""
        if not hasattr(self, "_token"):
            self._token = self.client.csrf_token(self.url)
        values = {"do": "look", "scan": text, "csrf_token": self._token}
        shown = self.client.post(self.url, data=values, headers={"HX-Request": "true"})
        assert shown.status_code == 200
        return shown

    def recorded(self, *, details: bool = False) -> list[Any]:
        """The uses that count, oldest first; with details what is sealed of them."""
        with transaction():
            statement = select(Usage).where(Usage.state == UsageState.APPLIED).order_by(Usage.id)
            rows = list(
                db.session.scalars(
                    statement.options(undefer(Usage.serial), undefer(Usage.body_site)),
                    execution_options={"populate_existing": True},
                )
            )
        if details:
            return [(one.lot, one.serial, one.body_site, one.di, one.outcome) for one in rows]
        return rows

    def on_hand(self, item: Item, lot: str = "") -> Decimal:
        """What the book says at the clinic."""
        total = select(func.sum(Stock.on_hand)).where(
            Stock.item_id == item.id, Stock.location_id == self.hospital.clinic.id, Stock.lot == lot
        )
        with transaction():
            return db.session.scalar(total) or Decimal()

    def recall(self, item: Item, *, lot: str) -> None:
        """A notice names a lot."""
        with transaction():
            recall = Recall(number="RC26-1", title="Balloons may burst", noticed_on=clock.today())
            db.session.add(RecallPart(recall=recall, item_id=item.id, lot=lot))

    def card(self, to_open: Mapping[Item, int]) -> None:
        """A preference card of the procedure."""
        with transaction():
            card = PreferenceCard(procedure_code=PROCEDURE, procedure_name="Total hip")
            for position, (item, quantity) in enumerate(to_open.items()):
                line = PreferenceLine(
                    card=card, item_id=item.id, position=position, to_open=Decimal(quantity)
                )
                db.session.add(line)

    def favorite(self, item: Item, procedure: str) -> None:
        """The place uses it often."""
        with transaction():
            place_id = self.hospital.clinic.id
            db.session.add(Favorite(location_id=place_id, procedure_code=procedure, item_id=item.id))

    def views(self) -> int:
        """How often somebody looked at the patient."""
        with transaction():
            return db.session.query(AccessRecord).filter_by(patient_id=self.patient_id).count()

    def statements(self, step: Callable[[], object]) -> int:
        """How often a step asks the database."""
        step()
        with recorded_statements() as asked:
            step()
        return len(asked)


@pytest.fixture
def ward(hospital: Hospital, client: Visitor) -> Ward:
    """A case is about to begin."""
    return Ward(hospital, client)


def words(shown: Any) -> str:
    """The page as a person reads it."""
    page = html.document_fromstring(shown.get_data(as_text=True))
    return re.sub(r"\s+", " ", str(page.xpath("string()")))
