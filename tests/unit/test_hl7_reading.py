"""What HL7 v2 messages mean: values from where the standard puts them, errors with segment and field."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import Item, Packaging
from integrations.clinical import (
    EncounterContext,
    EncounterEvent,
    ItemMaster,
    ItemRecord,
    ScheduledCase,
    StockLevel,
    SupplyRequestDocument,
    Usage,
    UsageStatus,
)
from integrations.errors import Unreadable
from integrations.formats.hl7v2 import Interface, read, split
from integrations.formats.hl7v2.interface import place
from integrations.formats.hl7v2.parsing import STANDARD, parse
from integrations.formats.hl7v2.writing import Addressing, write_items, write_levels
from tests.samples import SAMPLES, needs_samples
from tests.unit.hl7_messages import PID, PV1, UDI, charge, message, usage_message

CHICAGO = Interface("or", zone=ZoneInfo("America/Chicago"))
FILES = sorted((SAMPLES / "ehr" / "hl7v2").glob("*.hl7")) or [SAMPLES / "absent"]


def usages(raw: bytes, interface: Interface = CHICAGO) -> list[Usage]:
    return [one for one in read(raw, interface).documents if isinstance(one, Usage)]


def test_a_charge_becomes_a_usage() -> None:
    [usage] = usages(usage_message(charge()))
    assert usage == Usage(
        source="or", message_id="M1", line_id="T1", patient_id="P100", patient_assigner="LAKE", visit="V200",
        practitioner_id="D77", location_code="ED01", cost_center="CC100", item_code="GLOVE-M",
        item_text="An item", quantity=Decimal(2), occurred_at=datetime(2026, 3, 1, 16, tzinfo=UTC),
        charge_code="GLOVE-M",
    )  # fmt: skip


@pytest.mark.parametrize("changes", [{"kind": "CR"}, {"kind": "CD"}, {"quantity": "-2"}])
def test_a_credit_names_what_it_takes_back(changes: dict[str, str]) -> None:
    [usage] = usages(usage_message(charge(**changes)))
    assert (usage.status, usage.quantity) == (UsageStatus.RETURNED, 2)
    assert (usage.line_id, usage.reverses) == ("T1/CR", "T1")


def test_what_is_no_supply_is_left_out_and_told() -> None:
    raw = usage_message(charge(kind="PY"), ("FT1|2|T2||20260301||CG|99011^Visit^C4|||1",))
    reading = read(raw, CHICAGO)
    assert reading.documents == ()
    assert [warning.split(":")[0] for warning in reading.warnings] == ["FT1(1)", "FT1(2)"]


def test_prt_gives_udi_lot_serial_and_expiry() -> None:
    [usage] = usages(usage_message(charge(quantity="1", after=[f"PRT|1|AD||EQUIP||||||{UDI}"])))
    assert (usage.di, usage.lot, usage.serial) == ("10614141999993", "LOT7", "SN42")
    assert (usage.expires_on, usage.raw_scan) == (date(2030, 12, 31), UDI)


def test_prt_parts_without_a_udi() -> None:
    prt = "PRT|1|AD||EQUIP||||||||||||10614141999993|20250101|20301231|LOT7|SN42|D1"
    [usage] = usages(usage_message(charge(quantity="1", after=[prt])))
    assert (usage.di, usage.lot, usage.serial, usage.donation) == ("10614141999993", "LOT7", "SN42", "D1")
    assert (usage.made_on, usage.expires_on) == (date(2025, 1, 1), date(2030, 12, 31))


@pytest.mark.parametrize(
    ("parts", "field"),
    [("|||OTHER", 19), ("||20290101", 18), ("||||SN43", 20), ("10614141999995", 16)],
)
def test_parts_that_disagree_with_the_udi_are_refused_by_field(parts: str, field: int) -> None:
    prt = f"PRT|1|AD||EQUIP||||||{UDI}||||||{parts}"
    with pytest.raises(Unreadable, match="does not agree") as caught:
        usages(usage_message(charge(quantity="1", after=[prt])))
    assert caught.value.position == f"PRT(1)-{field}"


def test_an_unreadable_udi_is_kept_and_told() -> None:
    reading = read(usage_message(charge(after=["PRT|1|AD||EQUIP||||||(01)10614141999994"])), CHICAGO)
    [usage] = reading.documents
    assert isinstance(usage, Usage)
    assert usage.raw_scan == "(01)10614141999994"
    assert "cannot be read" in reading.warnings[0]


def test_several_devices_of_one_line_are_several_usages() -> None:
    prts = [f"PRT|{at}|AD||EQUIP||||||||||||||||SN{at}" for at in (1, 2)]
    found = usages(usage_message(charge(quantity="2", after=prts)))
    assert [(one.line_id, one.serial, one.quantity) for one in found] == [
        ("T1#1", "SN1", 1),
        ("T1#2", "SN2", 1),
    ]
    with pytest.raises(Unreadable, match="number of devices"):
        usages(usage_message(charge(quantity="5", after=prts)))


def test_an_interface_places_its_own_fields() -> None:
    places = {
        "location_code": "ZPA-3.1", "status": "ZPA-4", "serial": "ZPA-5", "expires_on": "ZPA-6",
        "case_id": "ZPA-7", "quantity": "ZPA-8",
    }  # fmt: skip
    own = Interface(
        "or",
        places={name: place(text) for name, text in places.items()},
        statuses={"i": UsageStatus.IMPLANTED},
    )
    zpa = "ZPA|1||CART7^Bin|I|SN9|20301231|CASE5|1"
    [first, second] = usages(usage_message(charge(after=[zpa]), charge(line="T2")), own)
    assert (first.location_code, first.status, first.serial) == ("CART7", UsageStatus.IMPLANTED, "SN9")
    assert (first.expires_on, first.case_id, first.quantity) == (date(2030, 12, 31), "CASE5", 1)
    assert (second.location_code, second.serial) == ("ED01", "")  # another line's segment is not taken
    with pytest.raises(Unreadable, match="outcome there is not known") as caught:
        usages(usage_message(charge(after=["ZPA|1||A|X"])), own)
    assert caught.value.position == "ZPA(1)-4.1"
    assert "ZPA is kept" in read(usage_message(charge(after=[zpa])), CHICAGO).warnings[0]


ORDER = (
    "ORC|NW|R1^OR||||N|||20260301090000|N5||D77",
    "RQD|1|123^Saline||S17^Saline bag|2|BT|CC100||ED01|20260310",
)


def test_stock_and_non_stock_orders_are_requests_or_usage() -> None:
    stock = message(PID, *ORDER, type_="OMS^O05^OMS_O05")
    detail = "RQ1|12.5|MF^A maker|CAT-9|V1^A vendor|VC-9"
    other = message(PID, PV1, *ORDER, detail, type_="OMN^O07^OMN_O07")
    [request] = read(stock, CHICAGO).documents
    assert isinstance(request, SupplyRequestDocument)
    assert (request.number, request.operation, request.requester) == ("R1", "new", "N5")
    [line] = request.lines
    assert (line.item_code, line.quantity, line.uom) == ("S17", 2, "BT")
    assert (line.deliver_to, line.need_by, line.is_stock) == ("ED01", date(2026, 3, 10), True)
    [request] = read(other, CHICAGO).documents
    assert isinstance(request, SupplyRequestDocument)
    assert (request.lines[0].catalog_number, request.lines[0].is_stock) == ("CAT-9", False)
    [usage] = usages(other, Interface("or", orders="usage"))
    assert (usage.line_id, usage.item_code, usage.manufacturer) == ("R1/1", "S17", "A maker")
    cancelled = stock.replace(b"ORC|NW", b"ORC|CA")
    assert usages(cancelled, Interface("or", orders="usage"))[0].reverses == "R1/1"
    [request] = read(cancelled, CHICAGO).documents
    assert isinstance(request, SupplyRequestDocument)
    assert request.operation == "cancel"


def test_an_order_without_supplies_is_no_error() -> None:
    reading = read(message(PID, "ORC|NW|1", "OBR|1", type_="ORM^O01"), CHICAGO)
    assert reading.documents == ()
    assert "no supplies" in reading.warnings[0]


@pytest.mark.parametrize(("trigger", "event"), [
    ("A01", "admit"), ("A02", "transfer"), ("A03", "discharge"), ("A04", "register"), ("A08", "update"),
    ("A11", "cancel_admit"), ("A13", "cancel_discharge"),
])  # fmt: skip
def test_encounter_events(trigger: str, event: str) -> None:
    [context] = read(message(f"EVN|{trigger}|20260301", PID, PV1, type_=f"ADT^{trigger}"), CHICAGO).documents
    assert isinstance(context, EncounterContext)
    assert (context.event, context.visit, context.location_code) == (event, "V200", "OR3")
    assert (context.family_name, context.given_name) == ("Test patient", "A")
    assert context.birth_date == date(1970, 1, 31)


def test_a_merge_names_every_old_number() -> None:
    second = PID.replace("P100", "P101")
    raw = message(
        "EVN|A40|20260301", PID, "MRG|P7^^^LAKE~P8^^^LAKE", second, "MRG|P9^^^LAKE", type_="ADT^A40"
    )
    contexts = [one for one in read(raw, CHICAGO).documents if isinstance(one, EncounterContext)]
    assert {one.event for one in contexts} == {EncounterEvent.MERGE}
    assert [[old.id for old in one.merged] for one in contexts] == [["P7", "P8"], ["P9"]]
    with pytest.raises(Unreadable, match="merged is missing"):
        read(message(PID, type_="ADT^A40"), CHICAGO)


def test_a_scheduled_case() -> None:
    raw = message(
        "SCH|P1|C55|||||Knee^Knee replacement", PID, "RGS|1", "AIS|1|A|K1^Knee|20260401080000|||90|min",
        "AIL|1||OR3^R1", "AIP|1||D77", type_="SIU^S12",
    )  # fmt: skip
    [case] = read(raw, CHICAGO).documents
    assert isinstance(case, ScheduledCase)
    assert (case.case_id, case.location_code, case.practitioner_id) == ("C55", "OR3", "D77")
    assert (case.starts_at, case.minutes) == (datetime(2026, 4, 1, 13, tzinfo=UTC), 90)


def test_item_master_records() -> None:
    raw = message(
        "MFI|INV||UPD|20260301", "MFE|MAD|1|20260301|GLOVE-M",
        "ITM|GLOVE-M^^H|Exam glove|A|SUP||Y|||GL-9||||27.5^USD|Y",
        "PKG|1|BX||10|||||10614141999993", "PKG|2|EA||1",
        "IVT|1|ED01^Emergency||||A|BIN4||EA|||||||Y||||||||20|50|40",
        "MFE|MDC|2|20260301|OLD", "ITM|OLD|Old item|A", type_="MFN^M16^MFN_M16",
    )  # fmt: skip
    [master] = read(raw, CHICAGO).documents
    assert isinstance(master, ItemMaster)
    first, second = master.records
    assert (first.operation, first.item.base_uom, first.charge_price) == ("add", "EA", Decimal("27.5"))
    assert [(pack.uom, pack.factor) for pack in first.item.packaging] == [("BX", 10), ("EA", 1)]
    [level] = first.levels
    assert (level.location_code, level.bin, level.par, level.is_consignment) == ("ED01", "BIN4", 40, True)
    assert (second.operation, second.item.lifecycle) == ("deactivate", "discontinued")


def test_stock_levels() -> None:
    iim = "IIM|1|GLOVE-M^Exam glove|LOT7|20301231|Maker|ED01|||||20260301|35|EA"
    [master] = read(message("MFI|INV", "MFE|MUP", iim, type_="MFN^M15"), CHICAGO).documents
    assert isinstance(master, ItemMaster)
    [level] = master.records[0].levels
    assert (level.on_hand, level.lot, level.expires_on) == (35, "LOT7", date(2030, 12, 31))


@pytest.mark.parametrize(
    ("raw", "says", "position"),
    [
        (b"", "empty", "MSH"),
        (b"PID|1", "does not begin with an MSH", "line 1"),
        (b"MSH", "separators", "MSH(1)-2"),
        (b"MSH|^^^^|A", "separators", "MSH(1)-2"),
        (message("what is this"), "Line 2 is not a segment", "line 2"),
        (message(type_="BAR^P12"), "not taken", "MSH(1)-9"),
        (message(PID), "FT1 segment is missing", "FT1(1)"),
        (usage_message(charge(quantity="two")), "not a number", "FT1(1)-10"),
        (usage_message(charge(quantity="0")), "quantity is zero", "FT1(1)"),
        (usage_message(("FT1|1|T1||yesterday||CG|GLOVE-M",)), "not a time", "FT1(1)-4"),
        (usage_message(("FT1|1|T1||20260301||CG",)), "item is missing", "FT1(1)"),
        (message("RQD|1|1||2|1", "RQD|2|1||2|x", type_="OMS^O05"), "not a number", "RQD(2)-5"),
    ],
)
def test_an_error_says_where(raw: bytes, says: str, position: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        read(raw, CHICAGO)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("raw", "charset", "name"),
    [
        ("Jürgen".encode("latin-1"), "8859/1", "Jürgen"),
        ("Jürgen".encode(), "UNICODE UTF-8", "Jürgen"),
        ("Jürgen".encode(), "", "Jürgen"),
        ("J“rgen".encode("cp1252"), "", "J“rgen"),
        ("Jürgen".encode(), "ASCII", "Jürgen"),
        ("Jürgen".encode(), "KLINGON", "Jürgen"),
    ],
)
def test_character_sets(raw: bytes, charset: str, name: str) -> None:
    content = message("PID|1||1||NAME", charset=charset).replace(b"NAME", raw)
    assert parse(content).segments[1].text(5) == name
    assert bool(parse(content).warnings) == (charset in {"ASCII", "KLINGON"})


def test_marks_line_ends_and_batches() -> None:
    raw = usage_message(charge())
    for odd in (
        b"\xef\xbb\xbf" + raw,
        raw.replace(b"\r", b"\n"),
        raw.replace(b"\r", b"\r\n"),
        "\ufeff".encode("utf-16-le") + raw.decode().encode("utf-16-le"),
    ):
        assert len(usages(odd)) == 1
    batch = b"FHS|^~\\&\rBHS|^~\\&\r" + raw + raw + b"BTS|2\rFTS|1\r"
    assert [usages(one)[0].line_id for one in split(batch)] == ["T1", "T1"]


@given(st.text(st.characters(exclude_categories=["C"]), max_size=40))
def test_escaping_gives_back_what_was_written(text: str) -> None:
    escaped = STANDARD.escaped(text)
    assert not set("|^~&") & set(escaped)
    assert STANDARD.unescape(escaped) == text


@given(st.binary(max_size=300))
def test_any_bytes_give_documents_or_a_named_error(tail: bytes) -> None:
    places = []
    for raw in (tail, usage_message(charge()) + tail):
        try:
            read(raw, CHICAGO)
        except Unreadable as error:
            places.append(error.position)
    assert all(places)


@needs_samples
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_sample_is_read_as_another_library_reads_it(path: Path) -> None:
    raw = path.read_bytes()
    ours = parse(raw)
    text = raw.decode("utf-8-sig").replace("\r\n", "\r").replace("\n", "\r").strip()
    theirs = hl7.parse("\r".join(line.strip() for line in text.split("\r") if line.strip()))
    assert [one.name for one in ours.segments] == [str(one[0]) for one in theirs if str(one)[:3] != "N"]
    for one, other in zip(ours.segments, theirs, strict=True):
        assert [one.field(at) for at in range(len(other))][1:] == [str(field) for field in other][1:]


AMOUNT = st.decimals("0.001", 9999, places=3)
WORDS = st.text(st.characters(min_codepoint=32, exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(WORDS, WORDS, AMOUNT, st.lists(WORDS, max_size=3))
def test_items_are_read_back_as_they_were_written(
    code: str, name: str, amount: Decimal, places: list[str]
) -> None:
    packs = (
        Packaging(uom="EA", factor=Decimal(1)),
        Packaging(uom="BX", factor=amount, gtin="10614141999993"),
    )
    levels = tuple(StockLevel(location_code=one, par=amount, lot="") for one in places)
    item = Item(code=code, name=name, base_uom="EA", manufacturer=name, packaging=packs)
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    master = ItemMaster(
        source="or", message_id="M1", at=at, records=(ItemRecord(item=item, levels=levels, charge_code=code),)
    )
    addressing = Addressing(("A|B", "C"), ("D^E", "F"), at)
    assert read(write_items(master, addressing).encode(), CHICAGO).documents == (master,)
    stock = tuple(one.model_copy(update={"par": None, "on_hand": amount, "lot": name}) for one in levels)
    told = master.model_copy(update={"records": (ItemRecord(item=item, levels=stock),)})
    back = read(write_levels(told, addressing).encode(), CHICAGO).documents if stock else ()
    found = [
        level
        for one in back
        if isinstance(one, ItemMaster)
        for record in one.records
        for level in record.levels
    ]
    assert found == list(stock)
