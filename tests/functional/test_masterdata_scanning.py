"""A scanned barcode or a typed number means one item in one pack, and never ten times as much."""

from decimal import Decimal

import pytest
from sqlalchemy import text

from integrations.formats.udi import parse
from integrations.formats.udi.hibc import check_character
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.masterdata.models import DeviceIdentifier, Item, ItemPackaging
from portal.masterdata.rules import ImportKind
from portal.masterdata.scanning import AmbiguousScan, Scanned, meant, resolve
from portal.masterdata.services import Refused, import_rows
from tests import hospital as another
from tests.hospital import Hospital
from tests.requesting import offered
from tests.statements import recorded

PIECE, BOX, OLD_BOX = "09506000134352", "19506000134359", "29506000134356"
SHORT = "00000096385074"
HIBC = "A123BJC5D6E71"
ICCBBA = "A9999XYZ100T0944"
TEN, ONE = Decimal(10), Decimal(1)


@pytest.fixture
def shelf(hospital: Hospital) -> Hospital:
    """A catheter with a GTIN per piece and per box, further identifiers, and a stent without any."""
    with transaction():
        catheter = offered(hospital, "F-16", "Foley catheter", gtin=BOX, manufacturer_part="fc-16/a").item_id
        db.session.query(ItemPackaging).filter_by(item_id=catheter, uom="EA").update({"gtin": PIECE})
        offered(hospital, "T-1", "Tape", gtin=SHORT[6:])
        offered(hospital, "Stent-4", "Stent", manufacturer_part="ST4")
        for identifier, uom in ((OLD_BOX, "BX"), (HIBC, "BX"), (ICCBBA, "EA")):
            db.session.add(DeviceIdentifier(identifier=identifier, item_id=catheter, uom=uom))
    return hospital


def found(given: str) -> tuple[str, str, Decimal]:
    with transaction():
        scanned = resolve(given)
        assert scanned.pack is not None
        return scanned.pack.item.code, scanned.pack.uom, scanned.factor


@pytest.mark.parametrize(
    ("given", "code", "uom", "factor"),
    [
        (PIECE, "F-16", "EA", ONE),
        (PIECE[1:], "F-16", "EA", ONE),
        (f"]E0{PIECE[1:]}", "F-16", "EA", ONE),
        (BOX, "F-16", "BX", TEN),
        (f"]d201{BOX}17261231" + "10AB-1\x1d21S1", "F-16", "BX", TEN),
        (f"(01){OLD_BOX}(10)AB-1", "F-16", "BX", TEN),
        (f"+{HIBC}G", "F-16", "BX", TEN),
        (f"=/{ICCBBA}=,000025", "F-16", "EA", ONE),
        (SHORT, "T-1", "BX", TEN),
        (SHORT[6:], "T-1", "BX", TEN),
        ("F-16", "F-16", "EA", ONE),
        (" f-16\r\n", "F-16", "EA", ONE),
        ("FC-16/A", "F-16", "EA", ONE),
        ("stent-4", "Stent-4", "EA", ONE),
    ],
)
def test_every_form_means_its_pack(shelf: Hospital, given: str, code: str, uom: str, factor: Decimal) -> None:
    assert found(given) == (code, uom, factor)
    assert found(given)[2] in (ONE, TEN)


def quantities(given: str) -> tuple[Decimal, Decimal, bool, bool]:
    with transaction():
        scanned = resolve(given)
        asked = scanned.is_pack
        return (
            scanned.base_quantity(whole=True), scanned.base_quantity(whole=False), asked,
            any("item master" in warning for warning in scanned.warnings),
        )  # fmt: skip


def test_quantities_are_never_off_by_the_box(shelf: Hospital) -> None:
    joined = f"+{HIBC}/$$8107LOT"
    doubtful = f"+{HIBC}/$$8017LOT"
    assert quantities(PIECE) == (ONE, ONE, False, False)
    assert quantities(BOX) == (TEN, ONE, True, False)
    assert quantities(f"01{BOX}3010") == (TEN, ONE, True, False)
    assert quantities(joined + check_character(joined)) == (TEN, ONE, True, False)
    assert quantities(doubtful + check_character(doubtful)) == (ONE, ONE, False, True)
    assert quantities(f"02{BOX}3724\x1d10L") == (Decimal(240), ONE, True, False)
    assert quantities(f"02{PIECE}3724\x1d10L") == (Decimal(24), ONE, True, False)
    assert quantities("F-16") == (ONE, ONE, False, False)


def test_what_nobody_knows_keeps_its_parts(shelf: Hospital) -> None:
    with transaction():
        unknown = resolve("(01)00643169001763(21)S1")
        assert (unknown.pack, unknown.reason) == (None, "")
        assert unknown.scan == parse("(01)00643169001763(21)S1")
        damaged = resolve("(01)00643169001764(21)S1")
        assert (damaged.pack, damaged.scan, damaged.raw) == (None, None, "(01)00643169001764(21)S1")
        assert damaged.reason.endswith("compare it with the label. (character 1)")
        for odd in ("", " ", "\0", "%", "'; --", "\udcff", "x" * 5_000, "１２３"):
            assert resolve(odd).pack is None
        again = resolve(parse(f"(01){BOX}(10)L"))
        assert again.pack
        assert again.pack.uom == "BX"


def test_the_two_barcodes_of_a_label_are_joined(shelf: Hospital) -> None:
    with transaction():
        for before, text in ((f"01{BOX}", "17261231" + "10AB-1"), ("17261231" + "10AB-1", BOX)):
            joined = resolve(text, before=before)
            assert joined.pack
            assert joined.scan
            assert (joined.pack.uom, joined.scan.lot, joined.reason) == ("BX", "AB-1", "")
        again = resolve(BOX, before=BOX)
        assert again.raw == BOX
        other = resolve("gloves", before=BOX)
        assert (other.pack, other.raw) == (None, "gloves")


def test_a_number_with_two_meanings_asks_which(shelf: Hospital) -> None:
    with transaction():
        offered(shelf, "FC-16/A", "Fascia closure")
    with (
        pytest.raises(AmbiguousScan, match=r"means 2 things\. Choose one: F-16 Foley") as caught,
        transaction(),
    ):
        resolve("fc-16/a")
    assert [candidate.words for candidate in caught.value.candidates] == [
        "F-16 Foley catheter (EA)",
        "FC-16/A Fascia closure (EA)",
    ]
    with transaction():
        db.session.add(DeviceIdentifier(identifier=PIECE, item_id=shelf.gloves.id, uom="BX"))
    with (
        pytest.raises(AmbiguousScan, match=r"GLOVE-M Exam glove, nitrile, medium \(BX of 10 EA\)"),
        transaction(),
    ):
        resolve(PIECE)


def test_another_organization_has_other_barcodes(shelf: Hospital) -> None:
    with transaction():
        another.build()
    with transaction():
        assert resolve(BOX).pack is None
        assert resolve("F-16").pack is None


def test_a_scan_is_one_query_on_indexes(shelf: Hospital) -> None:
    with transaction(), recorded() as statements:
        scanned: Scanned = resolve(f"]d201{BOX}10L")
        assert scanned.pack
    assert len(statements) == 1
    with transaction():
        db.session.execute(text("SET LOCAL enable_seqscan = off"))
        statement = meant(BOX, "F-16").compile(db.engine, compile_kwargs={"literal_binds": True})
        plan = "\n".join(db.session.scalars(text(f"EXPLAIN {statement}")))
    assert "Seq Scan" not in plan


def test_identifiers_come_from_a_file(shelf: Hospital) -> None:
    actor = shelf.actor(Role.ADMINISTRATOR)
    rows = [
        {"identifier": "+A123BJC5D6E72H", "item": "Stent-4", "uom": "EA"},
        {"identifier": "H123PARTNO1234567890120", "item": "Stent-4", "uom": "BX"},
        {"identifier": "0643169001763", "item": "Stent-4", "uom": "EA"},
    ]
    with transaction():
        assert import_rows(actor, ImportKind.DEVICE_IDENTIFIERS, rows).added == 3
    assert found("00643169001763") == ("Stent-4", "EA", ONE)
    assert found("+A123BJC5D6E72H") == ("Stent-4", "EA", ONE)
    for column, row in (
        ("identifier", {"identifier": "+A123BJC5D6E72G", "item": "Stent-4", "uom": "EA"}),
        ("identifier", {"identifier": BOX, "item": "Stent-4", "uom": "EA"}),
        ("identifier", {"identifier": "00006141411234567890", "item": "Stent-4", "uom": "EA"}),
        ("uom", {"identifier": HIBC + "9", "item": "Stent-4", "uom": "CA"}),
    ):
        with pytest.raises(Refused) as caught, transaction():
            import_rows(actor, ImportKind.DEVICE_IDENTIFIERS, [row])
        assert [fault.column for fault in caught.value.faults] == [column]


def test_the_keys_of_an_item_follow_its_numbers(shelf: Hospital) -> None:
    with transaction():
        db.session.get_one(Item, shelf.gloves.id).manufacturer_part = "Ab-1"
    assert found("AB-1")[0] == "GLOVE-M"
