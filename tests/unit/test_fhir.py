"""FHIR R4 resources become canonical uses; what cannot be taken is named by place, never by value."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.clinical import ClinicalMessage, UsageStatus
from integrations.formats.fhir import reading, validation
from integrations.formats.fhir.requesting import Requested, supply_request
from integrations.formats.fhir.validation import Refused
from integrations.translate import translate
from tests.samples import SAMPLES, needs_samples

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HIP = {
    "resourceType": "Device", "id": "hip", "lotNumber": "L7", "serialNumber": "S7",
    "expirationDate": "2030-01-31",
    "udiCarrier": [{"deviceIdentifier": "00614141000012", "carrierHRF": "(01)00614141000012(10)L7(21)S7"}],
    "partNumber": "P-7", "deviceName": [{"name": "Hip cup", "type": "udi-label-name"}],
}  # fmt: skip
OPERATION = {
    "resourceType": "Procedure", "id": "op", "status": "completed", "subject": {"reference": "Patient/p1"},
    "identifier": [{"value": "LOG-1"}], "encounter": {"reference": "Encounter/e1"},
    "code": {"coding": [{"code": "27130", "display": "Hip replacement"}]},
    "performedPeriod": {"start": "2026-11-22T08:00:00-06:00", "end": "2026-11-22T09:00:00-06:00"},
    "performer": [{"actor": {"reference": "Practitioner/d1"}}], "location": {"reference": "Location/or1"},
    "focalDevice": [{"manipulated": {"reference": "Device/hip"}}],
    "usedCode": [{"coding": [{"code": "GLOVE-M"}], "text": "Glove"}],
}  # fmt: skip
ROOM = {"resourceType": "Location", "id": "or1", "identifier": [{"value": "OR01"}]}


def bundle(*resources: dict[str, Any], **fields: Any) -> bytes:
    """A collection of resources."""
    entries = [{"resource": one} for one in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries} | fields).encode()


def read(*resources: dict[str, Any]) -> reading.Reading:
    """What a bundle of these tells of."""
    opened = validation.open_bundle(bundle(*resources))
    return reading.read_bundle(opened, source="ehr", received_at=NOW)


def test_a_procedure_tells_of_its_devices_and_supplies() -> None:
    implanted, used = read(OPERATION, HIP, ROOM).uses
    assert (implanted.status, implanted.di, implanted.lot, implanted.serial) == (
        UsageStatus.IMPLANTED, "00614141000012", "L7", "S7",
    )  # fmt: skip
    assert implanted.expires_on == date(2030, 1, 31)
    assert (implanted.patient_id, implanted.visit, implanted.case_id) == ("p1", "e1", "LOG-1")
    assert (implanted.location_code, implanted.practitioner_id) == ("OR01", "d1")
    assert implanted.occurred_at == datetime(2026, 11, 22, 15, tzinfo=UTC)
    assert (used.status, used.item_code) == (UsageStatus.USED, "GLOVE-M")


@pytest.mark.parametrize(
    ("action", "status"), [("explanted", UsageStatus.EXPLANTED), ("implanted", UsageStatus.IMPLANTED)]
)
def test_the_action_says_what_became_of_the_device(action: str, status: UsageStatus) -> None:
    device = {"manipulated": {"reference": "Device/hip"}, "action": {"coding": [{"code": action}]}}
    assert read(OPERATION | {"focalDevice": [device], "usedCode": []}, HIP).uses[0].status is status


def test_entered_in_error_takes_back_the_same_line() -> None:
    first = read(OPERATION, HIP).uses[0]
    withdrawn = read(OPERATION | {"status": "entered-in-error"}, HIP).uses[0]
    assert (withdrawn.status, withdrawn.reverses) == (UsageStatus.RETURNED, first.line_id)
    assert withdrawn.line_id != first.line_id


def test_one_device_named_twice_counts_once() -> None:
    statement = {
        "resourceType": "DeviceUseStatement", "id": "s", "status": "completed",
        "subject": {"reference": "Patient/p1"}, "device": {"reference": "Device/hip"},
    }  # fmt: skip
    found = read(statement, OPERATION | {"usedCode": []}, HIP)
    assert [one.line_id for one in found.uses] == ["Procedure/op/Device/hip"]
    assert found.warnings
    (alone,) = read(statement, HIP).uses
    assert (alone.serial, alone.status) == ("S7", UsageStatus.USED)


def test_deliveries_to_a_patient_and_charges_are_uses() -> None:
    delivery = {
        "resourceType": "SupplyDelivery", "id": "d", "status": "completed",
        "patient": {"identifier": {"system": "urn:mrn", "value": "77"}}, "destination": {"display": "x"},
        "suppliedItem": {"quantity": {"value": 2, "unit": "box"},
                         "itemCodeableConcept": {"coding": [{"code": "GLOVE-M"}]}},
    }  # fmt: skip
    charge = {
        "resourceType": "ChargeItem", "id": "c", "status": "billable", "code": {"coding": [{"code": "4711"}]},
        "subject": {"reference": "Patient/p1"}, "context": {"reference": "Encounter/e1"},
        "quantity": {"value": 3},
        "productCodeableConcept": {"coding": [{"code": "CATH-14"}]}, "occurrenceDateTime": "2026-11-20",
    }  # fmt: skip
    delivered, charged = read(delivery, charge).uses
    assert (delivered.quantity, delivered.uom) == (Decimal(2), "BOX")
    assert (delivered.patient_id, delivered.patient_assigner) == ("77", "urn:mrn")
    assert delivered.occurred_at == NOW
    assert (charged.charge_code, charged.quantity, charged.uom) == ("4711", Decimal(3), "EA")
    assert not read({k: v for k, v in delivery.items() if k != "patient"}).uses


def test_faults_name_the_place_and_never_the_value() -> None:
    wrong = OPERATION | {
        "status": "SECRET-STATUS",
        "performedPeriod": {"start": "SECRET-DATE"},
        "odd": "SECRET",
    }
    with pytest.raises(Refused) as refused:
        validation.open_bundle(bundle(HIP, wrong))
    body = validation.outcome(refused.value.faults).decode()
    assert "Bundle.entry[1].resource.Procedure" in body
    assert "SECRET" not in body
    assert not validation.validate(json.loads(body), "OperationOutcome")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"resourceType": 5}', b"\xff\xfe", b"[" * 100_000, b'"x"']
)
def test_what_is_no_fhir_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        validation.open_bundle(raw)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(Refused, match="not one of FHIR"):
        validation.open_bundle(bundle({"resourceType": "Os", "id": "x"}))


NAMES = st.sampled_from([*OPERATION, *HIP, "reference", "coding", "value"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING)
@settings(max_examples=60)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for base in (OPERATION, HIP):
        for name in list(base)[2:]:
            try:
                read(base | {name: value}, HIP)
            except Refused:
                continue
            break


def test_the_command_translates_a_bundle() -> None:
    found = translate(bundle(OPERATION, HIP))
    assert found.format == "fhir R4 Bundle"
    assert isinstance(found.document, ClinicalMessage)
    assert len(found.document.documents) == 2


def test_a_request_is_a_valid_supply_request() -> None:
    one = Requested("RQ26-0000001", 2, "GLOVE-M", "Glove", Decimal("1.5"), "BX", "active", NOW,
                    date(2026, 12, 1), "Harborline", "OR", is_rush=True)  # fmt: skip
    assert supply_request(one)["id"] == "RQ26-0000001-2"


@needs_samples
def test_real_resources_are_read() -> None:
    folder = SAMPLES / "ehr" / "fhir"
    taken = 0
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["resourceType"] in reading.FOLLOWED:
            taken += len(read(content, *_devices(folder)).uses)
    assert taken >= 3


def _devices(folder: Any) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("Device-*.json")]
