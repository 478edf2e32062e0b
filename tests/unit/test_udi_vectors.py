"""The barcode vectors of others: each gives what they expect, or a reason why it must not."""

import json
import re
from typing import Any

import pytest

from integrations.formats.udi import Scan, Scheme, UnreadableScan, parse
from integrations.formats.udi.gs1 import elements
from tests.samples import SAMPLES, needs_samples

UDI = SAMPLES / "ehr" / "udi"
SCHEMES = {"GS1": Scheme.GS1, "HIBCC": Scheme.HIBC, "ICCBBA": Scheme.ICCBBA}
PARTS = ("lot", "serial", "quantity", "donation", "expiry", "made")
# What the standard refuses although a vector reads it, and what the refusal says.
WRONG = {
    # FDA's own example: the GTIN ends in 5, its check digit is 7; FDA's service does not verify it.
    "(01)00208851107345(17)150331": "last digit of 00208851107345 should be 7",
    # FDA's printed example ends in a placeholder C; modulo 43 gives H.
    "+H123PARTNO1234567890120/$$420020216LOT123456789012345/SXYZ456789012345678/16D20130202C": "should be H",
}
# GS1's engine tells here which symbol a scan is of and does not read its data; it names no product.
NO_PRODUCT = ("]Q1", "]Q1^TESTING", "]d1TESTING", r"]d1\^TESTING", "]J0", "]J0^TESTING")


def rows(file: str, section: str = "") -> list[dict[str, Any]]:
    if not (UDI / file).is_file():
        return []
    content = json.loads((UDI / file).read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = content[section] if section else content
    return found


def expected(row: dict[str, Any]) -> dict[str, Any]:
    di = row.get("di") or row["labeler"] + row["product"] + row["uom"]
    return {"di": di, "scheme": SCHEMES[row["agency"]].value, **{name: row.get(name) for name in PARTS}}


def told(scan: Scan) -> dict[str, Any]:
    record = scan.record()
    return {name: record[name] for name in ("di", "scheme", *PARTS)}


@needs_samples
@pytest.mark.parametrize("row", rows("udi_vectors.json"), ids=lambda row: row["input"])
def test_a_scan_gives_its_expected_parse(row: dict[str, Any]) -> None:
    if row["input"] in WRONG:
        with pytest.raises(UnreadableScan, match=WRONG[row["input"]]):
            parse(row["input"])
        return
    scan = parse(row["input"])
    assert told(scan) == expected(row)
    assert scan.raw == row["input"]


@needs_samples
def test_the_two_wrong_ones_are_read_once_they_are_right() -> None:
    by_input = {row["input"]: row for row in rows("udi_vectors.json")}
    gs1, hibc = WRONG
    scan = parse(gs1.replace("345(", "347("))
    assert told(scan) == {**expected(by_input[gs1]), "di": "00208851107347"}
    assert told(parse(hibc[:-1] + "H")) == expected(by_input[hibc])


@needs_samples
@pytest.mark.parametrize(
    "row", rows("gs1_unit_vectors.json", "parse_bracketed_ai"), ids=lambda row: row["input"]
)
def test_brackets_say_the_same_as_separators(row: dict[str, Any]) -> None:
    """The engine's bracket reader takes a lot without a product; a whole scan does not."""
    if not row["ok"]:
        with pytest.raises(UnreadableScan):
            elements(row["input"], 0)
        return
    bare = row["unbracketed"].removeprefix("^").replace("^", "\x1d")
    assert [element.string for element in elements(row["input"], 0)] == [
        element.string for element in elements(bare, 0)
    ]
    if "(01)" in row["input"]:
        assert parse(row["input"]).gtin == "12345678901231"
    else:
        with pytest.raises(UnreadableScan, match=r"\(01\) is missing"):
            parse(row["input"])


@needs_samples
@pytest.mark.parametrize(
    "row", rows("gs1_unit_vectors.json", "process_scan_data"), ids=lambda row: repr(row["scan"])
)
def test_what_scanners_send_is_read_or_refused(row: dict[str, Any]) -> None:
    if not row["ok"] or row["scan"] in NO_PRODUCT:
        with pytest.raises(UnreadableScan) as caught:
            parse(row["scan"])
        assert caught.value.position
        return
    number = re.search(r"(?:01/?)?(\d{13,14}|\d{8})", row["data"])
    assert number
    scan = parse(row["scan"])
    assert scan.gtin == number[1].zfill(14)
    assert scan.lot == ("ABC123" if "10ABC123" in row["data"] else None)
    assert scan.record()["made"] == ("1999-12-25" if "11991225" in row["data"] else None)


@needs_samples
@pytest.mark.parametrize(
    "file",
    [
        "gudid_parse_udi_by_device_identifier_code.json",
        "gudid_parse_udi_by_unique_device_identifier_code.json",
        "gudid_devices_lookup_by_unique_device_identifier_code.json",
    ],
)
def test_the_answers_of_gudid_agree(file: str) -> None:
    content = json.loads((UDI / file).read_text(encoding="utf-8"))
    answer = content.get("udi") if isinstance(content.get("udi"), dict) else content
    if answer["udi"] in WRONG:
        with pytest.raises(UnreadableScan, match=WRONG[answer["udi"]]):
            parse(answer["udi"])
        return
    scan = parse(answer["udi"])
    assert told(scan) == {
        "di": answer["di"],
        "scheme": SCHEMES[answer["issuingAgency"]].value,
        "lot": answer["lotNumber"],
        "serial": answer["serialNumber"],
        "quantity": None,
        "donation": answer["donationId"],
        "expiry": answer["expirationDate"],
        "made": answer["manufacturingDate"],
    }
    # The service puts a GTIN where ICCBBA has a code of 16 characters: read, and said.
    assert bool(scan.warnings) == (len(answer["di"]) != 16)


@needs_samples
def test_the_device_identifier_of_a_gudid_record_is_read() -> None:
    content = json.loads((UDI / "gudid_devices_lookup_by_device_identifier_code.json").read_text("utf-8"))
    for identifier in content["gudid"]["device"]["identifiers"]["identifier"]:
        assert parse(identifier["deviceId"]).di == identifier["deviceId"]


@needs_samples
def test_made_up_devices_are_refused_for_their_check_digit() -> None:
    """Synthea invents GTINs; nearly all of them end in a wrong digit."""
    files = [*(SAMPLES / "ehr" / "fhir").glob("synthea-Device*.ndjson")]
    carriers = [
        carrier["carrierHRF"]
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
        for carrier in json.loads(line).get("udiCarrier", ())
    ]
    refused = 0
    for carrier in carriers:
        try:
            assert parse(carrier).gtin in carrier
        except UnreadableScan as error:
            refused += "The last digit of" in str(error)
    assert refused > len(carriers) / 2
