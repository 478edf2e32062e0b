"""Barcodes as scanners send them: forms, strictness, round trips, hostile input."""

import string
from datetime import date, timedelta
from decimal import Decimal

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.formats.udi import Scheme, UnreadableScan, parse, together
from integrations.formats.udi.hibc import check_character

GS = "\x1d"
GTIN = "00643169001763"
PRODUCT = f"01{GTIN}"
ALPHANUMERIC = string.ascii_uppercase + string.digits
CSET82 = "".join(
    chr(code) for code in range(0x21, 0x7B) if chr(code) not in "#$@[\\]^`"
)  # GS1 General Specifications 7.11
DAYS = st.dates(date(2000, 1, 1), date(2049, 12, 31))
LABELS = st.text(ALPHANUMERIC, min_size=1, max_size=18)


def gtin_14(payload: str) -> str:
    """Thirteen digits with their check digit."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(payload))
    return payload + str(-total % 10)


def hibc(text: str) -> str:
    return text + check_character(text)


GTINS = st.text(string.digits, min_size=13, max_size=13).filter(lambda text: text.strip("0")).map(gtin_14)


# What scanners send


@pytest.mark.parametrize(
    "before", ["", "]C1", "]d2", "]Q3", "]e0", GS, f"]d2{GS}", "{GS}", "<GS>", "\ufeff \t\x02"]
)
@pytest.mark.parametrize(
    "separator",
    [
        GS,
        GS + GS,
        "{GS}",
        "<GS>",
        "[GS]",
        "{FNC1}",
        "<FNC1>",
        "FNC1",
        "^]",
        "^",
        r"\x1d",
        r"\u001d",
        "␝",
        "↔",
    ],
)
def test_every_spelling_of_the_separator_ends_a_lot(before: str, separator: str) -> None:
    scan = parse(f"{before}{PRODUCT}10A213B1{separator}2112345{separator}17260731\r\n")
    assert (scan.gtin, scan.lot, scan.serial, scan.expires_on) == (GTIN, "A213B1", "12345", date(2026, 7, 31))
    assert scan.warnings == ()


def test_a_true_separator_leaves_a_spelled_one_in_the_lot() -> None:
    assert parse(f"{PRODUCT}10A<GS>B{GS}17260731").lot == "A<GS>B"


def test_the_text_below_a_barcode_is_read() -> None:
    scan = parse(r"(01) 0 0643169 00176 3 (17) 260731 (10) A\(10)B")
    assert (scan.gtin, scan.lot, scan.expires_on) == (GTIN, "A(10)B", date(2026, 7, 31))


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        (GTIN, GTIN),
        (GTIN[1:], GTIN),
        (GTIN[2:], GTIN),
        ("]E00643169001763", GTIN),
        ("]E0643169001763", GTIN),
        ("]I1" + GTIN, GTIN),
        ("0643169 001763", GTIN),
        ("02345673", "00000002345673"),
    ],
)
def test_a_plain_number_is_a_gtin_in_any_length(text: str, gtin: str) -> None:
    scan = parse(text)
    assert (scan.di, scan.gtin, scan.scheme, scan.raw) == (gtin, gtin, Scheme.GS1, text)


def test_a_web_address_names_lot_and_serial() -> None:
    scan = parse(f"https://example.org/01/{GTIN}/10/A1/21/S1?17=260700&campaign=1")
    assert (scan.gtin, scan.lot, scan.serial, scan.expiry) == (GTIN, "A1", "S1", "2026-07-31")


def test_a_symbol_without_the_mark_of_gs1_is_read_with_a_warning() -> None:
    assert "not marked as one of GS1" in parse(f"]C0{PRODUCT}").warnings[0]


# The rules of GS1


@pytest.mark.parametrize(
    ("digits", "day"),
    [
        ("260200", date(2026, 2, 28)),
        ("280200", date(2028, 2, 29)),
        ("760101", date(2076, 1, 1)),  # 50 years ahead
        ("770101", date(1977, 1, 1)),  # 49 years ago
    ],
)
@time_machine.travel(date(2026, 6, 1))
def test_days_of_gs1(digits: str, day: date) -> None:
    assert parse(f"{PRODUCT}17{digits}").expires_on == day
    assert parse(hibc(f"+A123X1/$$3{digits[:4]}28LOT")).expires_on == day.replace(day=28)


def test_hours_are_kept() -> None:
    assert parse(f"{PRODUCT}70032607311630").expiry == "2026-07-31T16:30"
    assert parse(f"{PRODUCT}800826073116").record()["made"] == "2026-07-31"


def test_counts_and_shipping_labels() -> None:
    assert parse(f"{PRODUCT}3012").quantity == Decimal(12)
    label = parse(f"02{GTIN}3724{GS}10L1")
    assert (label.gtin, label.quantity, label.lot) == (GTIN, Decimal(24), "L1")
    assert "shipping label" in label.warnings[0]
    assert parse("00006141411234567890").warnings == ("The barcode names no product.",)


@pytest.mark.parametrize(
    ("text", "says", "position"),
    [
        ("0100643169001764", "should be 3", 1),
        ("00643169001764", "should be 3", 1),
        (f"{PRODUCT}4141234567890123", "should be 8", 17),
        (f"{PRODUCT}17260230", "no possible expiry date", 17),
        (f"{PRODUCT}17261301", "no possible expiry date", 17),
        (f"{PRODUCT}10{'A' * 21}", "no possible lot", 17),
        (f"{PRODUCT}21{GS}10A", "no possible serial number", 17),
        (f"{PRODUCT}10A{GS}10B", "two different values for (10)", 21),
        (f"{PRODUCT}17260731700326073016000", "no possible", 25),
        (f"{PRODUCT}172607317003260730160", "no possible", 25),
        (f"{PRODUCT}1726073170032607301600", "two different values for the expiry date", 25),
        (f"{PRODUCT}0106414112345678", "two different values for (01)", 17),
        (f"{PRODUCT}88ABC", "no field that starts with 88", 17),
        (f"{PRODUCT}30000", "quantity of 0", 17),
        ("10A213B1", "gives the lot, but (01) is missing", 1),
        ("17260731", "The last digit", 1),
        (f"17260731{GS}", "gives the expiry date, but (01) is missing", 1),
        (f"02{GTIN}3705{GS}21A", "gives the serial number, but (01) is missing", 22),
        ("01000000000000000", "no number", 1),
        ("0100000000000000", "is no number", 1),
        (f"(01){GTIN}(10)", "no possible lot", 19),
        (f"(23)5ABC(01){GTIN}", "GS1 knows no (23)", 1),
        ("https://example.org/products/17", "names no product", 1),
        ("https://[", "names no product", 1),
        ("]E4643169001763", "holds 8 digits", 4),
        ("", "is empty", 1),
        (" \r\n", "is empty", 4),
        ("]d2", "is empty", 4),
        ("Gloves", "is no GS1, HIBC or ICCBBA", 1),
    ],
)
def test_what_gs1_refuses(text: str, says: str, position: int) -> None:
    with pytest.raises(UnreadableScan) as caught:
        parse(text)
    assert says in str(caught.value)
    assert caught.value.position == f"character {position}"
    assert caught.value.words == text


def test_the_same_value_twice_is_no_contradiction() -> None:
    assert parse(f"{PRODUCT}10A{GS}10A{GS}{PRODUCT}").lot == "A"


@pytest.mark.parametrize(
    ("tail", "warned"),
    [
        ("10A213B117260731", True),
        ("10A21S1", True),
        ("21S117260731", True),
        ("10A213B1", True),
        ("10AB17", False),
        ("1726073110AB", False),
        (f"10A21S1{GS}", False),
    ],
)
def test_a_lot_that_may_hold_what_follows_is_named(tail: str, warned: bool) -> None:
    assert bool(parse(PRODUCT + tail).warnings) == warned
    assert not parse(f"(01){GTIN}(10)A21S117260731").warnings


def test_an_expiry_before_the_making_is_named() -> None:
    assert "before the day it was made" in parse(f"{PRODUCT}1126080117260731").warnings[0]


# HIBC


@pytest.mark.parametrize(
    ("secondary", "expiry"),
    [
        ("$$0926LOT", "2026-09-01"),
        ("$$2092826LOT", "2026-09-28"),
        ("$$3260928LOT", "2026-09-28"),
        ("$$426092822LOT", "2026-09-28T22"),
        ("$$526271LOT", "2026-09-28"),
        ("$$62627122LOT", "2026-09-28T22"),
        ("$$7LOT", None),
        ("26271LOT", "2026-09-28"),
        ("$LOT", None),
        ("$LOT/14D20260928", "2026-09-28"),
    ],
)
@pytest.mark.parametrize("quantity", ["", "824", "900024"])
def test_every_date_of_hibc_joined_apart_and_after_each_other(
    secondary: str, expiry: str | None, quantity: str
) -> None:
    if quantity and not secondary.startswith("$$"):
        quantity = ""
    secondary = secondary.replace("$$", f"$${quantity}", 1)
    primary = hibc("+Z999009993020351")
    alone = hibc(f"+{secondary}{primary[-1]}")
    for text in (hibc(f"{primary[:-1]}/{secondary}"), primary + alone, f"*{primary + alone}*", alone):
        scan = parse(text)
        assert scan.di == (None if text == alone else "Z999009993020351")
        assert (scan.lot, scan.serial, scan.expiry) == ("LOT", None, expiry)
        assert scan.quantity == (Decimal(24) if quantity else None)
        assert ("second barcode of a pair" in "".join(scan.warnings)) == (text == alone)
    if not quantity and "$" in secondary:
        serial = parse(hibc(f"{primary[:-1]}/{secondary.replace('$', '$+', 1).replace('$+$', '$$+')}"))
        assert (serial.lot, serial.serial, serial.expiry) == (None, "LOT", expiry)


@pytest.mark.parametrize(
    ("month", "last"), [("0926", "2026-09-30"), ("0228", "2028-02-29"), ("0227", "2027-02-28")]
)
def test_a_month_without_a_day_lasts_to_its_end(month: str, last: str) -> None:
    """HIBC's $$MMYY names no day: a thing may be used through the month, as with day 00 of GS1."""
    scan = parse(hibc(f"+A123X1/$${month}LOT"))
    assert scan.expires_on == date.fromisoformat(last)
    assert scan.expires_on == parse(f"{PRODUCT}17{last[2:4]}{month[:2]}00").expires_on
    assert scan.expiry == f"{last[:8]}01"
    assert "its last day counts" in scan.warnings[0]


def test_a_space_as_check_character_is_kept() -> None:
    text = "+A123N1"
    assert check_character(text) == " "
    assert {parse(text + end).di for end in (" ", "_", " \r\n")} == {text[1:]}
    with pytest.raises(UnreadableScan):
        parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("+A123BJC5D6E71H", "should be G, not H"),
        ("+A123BJC5D6E72G", "should be"),
        (hibc("+A12"), "starts with +, four characters"),
        (hibc("+A123BJC5D6E7X"), "starts with +, four characters"),
        (hibc("+A123" + "B" * 19 + "1"), "starts with +, four characters"),
        (hibc("+/AABC"), "not a product"),
        (hibc("+.ABC"), "names no product, lot"),
        (hibc("+$G"), "names no product, lot"),
        ("+A123BJ1\x1d", "not U+001D"),
        (hibc("+A123X1/$$2023026LOT"), "does not exist in the calendar"),
        (hibc("+A123X1/$$526366LOT"), "does not exist in the calendar"),
        (hibc("+A123X1/$$526000LOT"), "does not exist in the calendar"),
        (hibc("+A123X1/$$426092824LOT"), "no hour 24"),
        (hibc("+A123X1/$$326LOT"), "not complete"),
        (hibc("+A123X1/$$800"), "quantity of 0"),
        (hibc("+A123X1/$" + "L" * 19), "at most 18"),
        (hibc("+A123X1/$LOT/S"), "not complete"),
        (hibc("+A123X1/$LOT/14D20260230"), "does not exist"),
        (hibc("+A123X1/$+S1/SS2"), "two different values for the serial"),
        ("+", "ends too early"),
        ("+A123#1G", "# cannot stand"),
    ],
)
def test_what_hibc_refuses(text: str, says: str) -> None:
    with pytest.raises(UnreadableScan) as caught:
        parse(text)
    assert says in str(caught.value)


def test_supplements_may_follow_the_product_at_once() -> None:
    scan = parse(hibc("+A123X1/SS1/16D20260131/Q5"))
    assert (scan.serial, scan.record()["made"], scan.quantity) == ("S1", "2026-01-31", Decimal(5))


def test_an_unknown_supplement_is_named_not_lost() -> None:
    scan = parse(hibc("+A123X1/$LOT/ZX1/SS1"))
    assert (scan.lot, scan.serial, scan.warnings) == (
        "LOT",
        "S1",
        ("The part /ZX1 of the barcode is not read.",),
    )


# ICCBBA


def test_iccbba_structures() -> None:
    scan = parse("]C0=/A9999XYZ100T0944=,000025=A99971312345600&>0140321630&}0130320001=<E0791V00")
    assert (scan.di, scan.serial, scan.donation) == ("A9999XYZ100T0944", "000025", "A99971312345600")
    assert (scan.expiry, scan.record()["made"]) == ("2014-02-01T16:30", "2013-02-01")
    assert scan.warnings == ("The part =< of the barcode is not read.",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("=,0025", "serial has 6"),
        ("=A9997131234", "donation number has 15"),
        ("=>014366", "does not exist in the calendar"),
        ("=>514001", "does not exist in the calendar"),
        ("&>0140322430", "hour does not exist"),
        ("&,1ABC", "lot has 18"),
        ("=<E0791V00", "names no product"),
        ("=,000025=,000026", "two different values for the serial"),
        ("=", "15 letters"),
    ],
)
def test_what_iccbba_refuses(text: str, says: str) -> None:
    with pytest.raises(UnreadableScan) as caught:
        parse(text)
    assert says in str(caught.value)


# Labels with two barcodes

FIRST = hibc("+A123BJ1")
SECOND = hibc(f"+$$3260731A1{FIRST[-1]}")


@pytest.mark.parametrize(
    ("product", "rest"),
    [
        (f"]C1{PRODUCT}", "]C1172607311" + "0A1"),
        (PRODUCT, f"10A1{GS}17260731"),
        (f"]E0{GTIN[1:]}", "]C11726073110A1"),
        (f"(01){GTIN}", "(17)260731(10)A1"),
        (FIRST, SECOND),
        (f"*{FIRST}*", f"*{SECOND}*"),
        ("=/A9999XYZ100T0944", "=>026212&,1" + "A1".zfill(18)),
    ],
)
def test_two_barcodes_of_a_label_are_one_scan(product: str, rest: str) -> None:
    for pair in ((product, rest), (rest, product)):
        scan = together(*pair)
        assert scan.di == parse(product).di
        assert scan.lot
        assert scan.lot.lstrip("0") == "A1"
        assert scan.expires_on == date(2026, 7, 31)
        assert parse(scan.raw) == scan


def test_barcodes_of_two_labels_are_no_scan() -> None:
    for pair in (
        (PRODUCT, "0106141411234567"),
        (PRODUCT, hibc("+$A1G")),
        (hibc("+A123BJ1"), hibc("+$LOT!"[:-1])),
    ):
        with pytest.raises(UnreadableScan):
            together(*pair)


# Round trips


@settings(max_examples=60)
@given(GTINS, st.text(CSET82, min_size=1, max_size=20), st.text(CSET82, min_size=1, max_size=20), DAYS, DAYS)
def test_gs1_gives_back_what_was_put_in(gtin: str, lot: str, serial: str, made: date, expires: date) -> None:
    scan = parse(f"]d201{gtin}11{made:%y%m%d}10{lot}{GS}17{expires:%y%m%d}21{serial}")
    assert (scan.gtin, scan.lot, scan.serial) == (gtin, lot, serial)
    assert (scan.made_on, scan.expires_on) == (made, expires)
    written = f"(01){gtin}(17){expires:%y%m%d}(10){lot.replace('(', chr(92) + '(')}"
    assert parse(written).lot == lot


@settings(max_examples=60)
@given(
    st.from_regex(r"[A-Z][A-Z0-9]{3}[A-Z0-9]{1,18}[0-9]", fullmatch=True),
    LABELS, LABELS, DAYS, st.integers(1, 99_999), st.booleans(),
)  # fmt: skip
def test_hibc_gives_back_what_was_put_in(
    di: str, lot: str, serial: str, expires: date, quantity: int, joined: bool
) -> None:
    secondary = f"$$9{quantity:05}3{expires:%y%m%d}{lot}/S{serial}/16D20000101"
    primary = hibc(f"+{di}")
    text = hibc(f"+{di}/{secondary}") if joined else primary + hibc(f"+{secondary}{primary[-1]}")
    scan = parse(text)
    assert (scan.di, scan.lot, scan.serial, scan.expires_on) == (di, lot, serial, expires)
    assert (scan.quantity, scan.made_on) == (Decimal(quantity), date(2000, 1, 1))


@settings(max_examples=60)
@given(st.text(ALPHANUMERIC, min_size=16, max_size=16), st.text(ALPHANUMERIC, min_size=18, max_size=18), DAYS)
def test_iccbba_gives_back_what_was_put_in(di: str, lot: str, expires: date) -> None:
    scan = parse(f"=/{di}=>0{expires:%y%j}&,1{lot}")
    assert (scan.di, scan.lot, scan.expires_on) == (di, lot, expires)


@settings(max_examples=100)
@given(st.data())
def test_one_wrong_character_is_seen(data: st.DataObject) -> None:
    """A check character tells every change of a single character from the true one."""
    text = hibc("+A123BJC5D6E71/$$3260928LOT42")
    place = data.draw(st.integers(1, len(text) - 1))
    wrong = data.draw(st.sampled_from(ALPHANUMERIC).filter(lambda character: character != text[place]))
    with pytest.raises(UnreadableScan):
        parse(text[:place] + wrong + text[place + 1 :])


# Hostile input


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(max_size=60),
        st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
        st.text("0123456789()+$/=&,>}ABZ]d2C\x1d ^", max_size=80),
        st.builds(
            str.__add__, st.sampled_from([PRODUCT, "+A123BJC5D6E71/", "=/", "(01)"]), st.text(max_size=20)
        ),
    )
)
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        scan = parse(text)
    except UnreadableScan as error:
        told = (str(error), error.position.startswith("character "), error.words == text)
    else:
        told = (scan.scheme.value, True, scan.raw == text)
    assert all(told)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1" * 10_000_000, "10,000,000 characters"),
        ("+" * 1_000, "should be"),
        ("(01)" * 250, "no possible product number"),
        (f"{PRODUCT}10A\x00B", "U+0000 cannot stand"),
        ("０１００６４３１６９００１７６３", "cannot stand"),
        ("٠٠٦٤٣١٦٩٠٠١٧٦٣", "cannot stand"),
        ("01006431690017é3", "é cannot stand"),
        ("\udcff0100643169001763", "U+DCFF cannot stand"),
    ],
)
def test_hostile_texts_get_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UnreadableScan) as caught:
        parse(text)
    assert says in str(caught.value)


def test_what_is_read_stays_within_a_day_of_the_calendar() -> None:
    assert parse(hibc("+A123X1/$$528366LOT")).expires_on == date(2028, 1, 1) + timedelta(days=365)
