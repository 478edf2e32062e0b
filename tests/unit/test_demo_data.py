"""The demo organizations' CSV files: complete, consistent, with valid codes."""

import re
from collections import Counter
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pytest
from stdnum import ean

from integrations.formats.udi import parse
from integrations.formats.udi.hibc import check_character
from tests.demo_tables import ORGANIZATIONS, column, table

HEADERS = {
    "facilities": "code,name,street,city,region,postal_code,country,gln,time_zone",
    "locations": "code,name,facility,kind,cost_center",
    "cost_centers": "code,name,facility,valid_from,valid_to,company_code",
    "gl_accounts": "code,name",
    "suppliers": "code,name,network_id,email,minimum_order",
    "categories": "name,parent",
    "items": "code,name,category,unspsc,manufacturer,manufacturer_part,base_uom,base_gtin,"
    "lot_tracked,serial_tracked,expiry_tracked,lifecycle,gl_account",
    "item_packaging": "item,uom,factor,gtin",
    "device_identifiers": "identifier,item,uom",
    "item_documents": "item,title,url",
    "contracts": "number,supplier,name,valid_from,valid_to,currency",
    "contract_lines": "contract,item,supplier_part,uom,minimum_quantity,unit_price,valid_from,valid_to",
    "offers": "item,supplier,supplier_part,uom,list_price",
    "budgets": "cost_center,period_start,period_end,amount,currency",
    "order_guides": "location,name,item,uom,position",
    "par_levels": "location,item,uom,minimum,maximum,on_hand",
    "synonyms": "word,meaning",
    "substitutes": "item,substitute,note",
}
KEYS = {
    "facilities": "code",
    "locations": "code",
    "cost_centers": "code",
    "gl_accounts": "code",
    "suppliers": "code",
    "categories": "name",
    "items": "code",
    "item_packaging": "item,uom",
    "device_identifiers": "identifier",
    "item_documents": "item,title",
    "contracts": "number",
    "contract_lines": "contract,item,uom,minimum_quantity,valid_from",
    "offers": "item,supplier,uom",
    "budgets": "cost_center,period_start",
    "order_guides": "location,name,item",
    "par_levels": "location,item",
    "synonyms": "word,meaning",
    "substitutes": "item,substitute",
}
REFERENCES = (
    ("locations", "facility", "facilities", "code"),
    ("locations", "cost_center", "cost_centers", "code"),
    ("cost_centers", "facility", "facilities", "code"),
    ("items", "gl_account", "gl_accounts", "code"),
    ("item_packaging", "item", "items", "code"),
    ("device_identifiers", "item", "items", "code"),
    ("item_documents", "item", "items", "code"),
    ("contracts", "supplier", "suppliers", "code"),
    ("contract_lines", "contract", "contracts", "number"),
    ("contract_lines", "item", "items", "code"),
    ("offers", "item", "items", "code"),
    ("offers", "supplier", "suppliers", "code"),
    ("budgets", "cost_center", "cost_centers", "code"),
    ("order_guides", "location", "locations", "code"),
    ("order_guides", "item", "items", "code"),
    ("par_levels", "location", "locations", "code"),
    ("par_levels", "item", "items", "code"),
    ("substitutes", "item", "items", "code"),
    ("substitutes", "substitute", "items", "code"),
)
# Lengths of the ERP's fields (plant, storage location, cost center, material, its text ...).
LENGTHS = {
    ("facilities", "code"): 4,
    ("facilities", "name"): 30,
    ("locations", "code"): 4,
    ("cost_centers", "code"): 10,
    ("cost_centers", "name"): 20,
    ("cost_centers", "company_code"): 4,
    ("gl_accounts", "code"): 10,
    ("suppliers", "code"): 10,
    ("items", "code"): 18,
    ("items", "name"): 40,
    ("items", "manufacturer_part"): 40,
    ("contracts", "number"): 10,
    ("offers", "supplier_part"): 35,
}
CHOICES = {
    ("locations", "kind"): {"department", "storeroom", "operating_room", "clinic"},
    ("items", "lifecycle"): {"active", "blocked", "discontinued"},
    ("items", "lot_tracked"): {"yes", "no"},
    ("items", "serial_tracked"): {"yes", "no"},
    ("items", "expiry_tracked"): {"yes", "no"},
    ("contracts", "currency"): {"USD"},
    ("budgets", "currency"): {"USD"},
}
MAY_BE_EMPTY = {("suppliers", "network_id")}
UOMS = {"EA", "BX", "PK", "CA", "CS", "RL", "BT", "KT", "PR", "DZ", "BG"}
# Segments: paper, laboratory, medical, safety, cleaning, personal care.
UNSPSC_SEGMENTS = {"14", "41", "42", "46", "47", "53"}
# GS1 prefix 952 is for demonstrations and examples; 0614141 is the company number GS1 US prints in its own.
DEMO_PREFIXES = ("952", "0614141")


def units(organization: str) -> set[tuple[str, str]]:
    """(item, uom) of every packaging level, the base unit included."""
    base = {(row["code"], row["base_uom"]) for row in table(organization, "items")}
    return base | {(row["item"], row["uom"]) for row in table(organization, "item_packaging")}


@pytest.fixture(params=ORGANIZATIONS)
def organization(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("name", HEADERS)
def test_every_file_has_its_columns_and_no_stray_or_empty_cell(organization: str, name: str) -> None:
    rows = table(organization, name)
    assert rows
    for row in rows:
        assert list(row) == HEADERS[name].split(",")
        for field, cell in row.items():
            assert cell == cell.strip()
            assert cell or (name, field) in MAY_BE_EMPTY, (name, row)


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_unique(organization: str, name: str) -> None:
    fields = KEYS[name].split(",")
    count = Counter(tuple(row[field] for field in fields) for row in table(organization, name))
    assert [key for key, times in count.items() if times > 1] == []


def test_item_names_and_manufacturer_parts_are_unique(organization: str) -> None:
    for fields in (("name",), ("manufacturer", "manufacturer_part")):
        keys = [tuple(row[field] for field in fields) for row in table(organization, "items")]
        assert len(set(keys)) == len(keys)


def test_a_supplier_uses_a_part_number_for_one_item_only(organization: str) -> None:
    items: dict[tuple[str, str], set[str]] = {}
    for row in table(organization, "offers"):
        items.setdefault((row["supplier"], row["supplier_part"]), set()).add(row["item"])
    assert {key: codes for key, codes in items.items() if len(codes) > 1} == {}


@pytest.mark.parametrize(("name", "field", "target", "target_field"), REFERENCES)
def test_references_resolve(organization: str, name: str, field: str, target: str, target_field: str) -> None:
    missing = set(column(organization, name, field)) - set(column(organization, target, target_field))
    assert missing == set()


@pytest.mark.parametrize(("name", "field"), LENGTHS)
def test_codes_and_names_fit_the_fields_of_the_erp(organization: str, name: str, field: str) -> None:
    limit = LENGTHS[name, field]
    assert [cell for cell in column(organization, name, field) if len(cell) > limit] == []


@pytest.mark.parametrize(("name", "field"), CHOICES)
def test_words_are_of_the_agreed_lists(organization: str, name: str, field: str) -> None:
    assert set(column(organization, name, field)) <= CHOICES[name, field]


def test_places_have_a_real_time_zone_and_country(organization: str) -> None:
    for row in table(organization, "facilities"):
        assert ZoneInfo(row["time_zone"]).key == row["time_zone"]
        assert re.fullmatch(r"[A-Z]{2}", row["country"])


def test_a_location_is_charged_to_a_cost_center_of_its_facility(organization: str) -> None:
    facility = {row["code"]: row["facility"] for row in table(organization, "cost_centers")}
    for row in table(organization, "locations"):
        assert facility[row["cost_center"]] == row["facility"], row


def test_identifiers_carry_a_valid_check_digit_and_a_demo_prefix(organization: str) -> None:
    gtins = column(organization, "items", "base_gtin") + column(organization, "item_packaging", "gtin")
    assert len(set(gtins)) == len(gtins)
    for gtin in gtins:
        assert len(gtin) == 14
        assert ean.is_valid(gtin), gtin
        assert gtin[1:].startswith(DEMO_PREFIXES), gtin
    for gln in column(organization, "facilities", "gln"):
        assert len(gln) == 13
        assert ean.is_valid(gln), gln
        assert gln.startswith(DEMO_PREFIXES), gln


def test_further_identifiers_are_those_of_barcodes(organization: str) -> None:
    for identifier in column(organization, "device_identifiers", "identifier"):
        barcode = f"+{identifier}"
        assert parse(barcode + check_character(barcode)).di == identifier


def test_a_pack_shares_the_gtin_of_its_item_but_for_the_indicator_digit(organization: str) -> None:
    base = {row["code"]: row["base_gtin"] for row in table(organization, "items")}
    assert {gtin[0] for gtin in base.values()} == {"0"}
    for row in table(organization, "item_packaging"):
        assert row["gtin"][0] in "12345678", row
        assert row["gtin"][1:13] == base[row["item"]][1:13], row


def test_unspsc_codes_have_eight_digits_of_a_segment_a_hospital_buys(organization: str) -> None:
    for code in column(organization, "items", "unspsc"):
        assert re.fullmatch(r"\d{8}", code)
        assert not code.endswith("00"), f"{code} is a class, not a commodity"
        assert code[:2] in UNSPSC_SEGMENTS, code


def test_units_are_known_and_belong_to_the_item(organization: str) -> None:
    known = units(organization)
    assert {uom for _, uom in known} <= UOMS
    for name in ("offers", "contract_lines", "order_guides", "par_levels", "device_identifiers"):
        used = {(row["item"], row["uom"]) for row in table(organization, name)}
        assert used <= known, name


def test_each_packaging_level_holds_a_whole_number_of_the_one_below(organization: str) -> None:
    for item, rows in groupby(table(organization, "item_packaging"), key=lambda row: row["item"]):
        factors = [1, *(int(row["factor"]) for row in rows)]
        for smaller, larger in pairwise(factors):
            assert larger > smaller, item
            assert larger % smaller == 0, item


def test_every_active_item_has_an_offer_and_a_discontinued_one_none(organization: str) -> None:
    offered = set(column(organization, "offers", "item"))
    lifecycles = Counter(row["lifecycle"] for row in table(organization, "items"))
    assert set(lifecycles) == {"active", "blocked", "discontinued"}
    for row in table(organization, "items"):
        if row["lifecycle"] == "active":
            assert row["code"] in offered, row
        if row["lifecycle"] == "discontinued":
            assert row["code"] not in offered, row


def test_order_guides_offer_active_items_in_a_numbered_order(organization: str) -> None:
    active = {row["code"] for row in table(organization, "items") if row["lifecycle"] == "active"}
    offered = {(row["item"], row["uom"]) for row in table(organization, "offers")}
    for _, rows in groupby(
        table(organization, "order_guides"), key=lambda row: (row["location"], row["name"])
    ):
        guide = list(rows)
        assert [row["position"] for row in guide] == [str(n) for n in range(1, len(guide) + 1)]
        for row in guide:
            assert row["item"] in active, row
            assert (row["item"], row["uom"]) in offered, row


def test_par_levels_are_ordered_and_some_shelves_need_filling(organization: str) -> None:
    rows = table(organization, "par_levels")
    for row in rows:
        assert 0 < int(row["minimum"]) < int(row["maximum"]), row
        assert int(row["on_hand"]) >= 0, row
    low = sum(int(row["on_hand"]) < int(row["minimum"]) for row in rows)
    assert 0 < low < len(rows) / 2


def test_substitutes_are_active_and_another_item(organization: str) -> None:
    active = {row["code"] for row in table(organization, "items") if row["lifecycle"] == "active"}
    for row in table(organization, "substitutes"):
        assert row["substitute"] in active, row
        assert row["substitute"] != row["item"], row


def test_lakeshore_has_the_size_the_demo_promises() -> None:
    org = "lakeshore"
    assert len(table(org, "items")) >= 560
    assert len(set(column(org, "items", "category"))) >= 14
    assert len(set(column(org, "offers", "supplier"))) >= 14
    assert len(table(org, "facilities")) >= 3
    assert len(table(org, "locations")) >= 14
    assert len(table(org, "cost_centers")) >= 10
    discontinued = {row["code"] for row in table(org, "items") if row["lifecycle"] == "discontinued"}
    assert discontinued <= set(column(org, "substitutes", "item"))


def test_implants_are_tracked_by_lot_and_most_by_serial_number() -> None:
    implants = [row for row in table("lakeshore", "items") if row["category"] == "Implants"]
    assert {row["lot_tracked"] for row in implants} == {"yes"}
    assert Counter(row["serial_tracked"] for row in implants)["yes"] > len(implants) / 2


def test_prairie_is_small_and_shares_codes_with_lakeshore_for_other_things() -> None:
    assert len(table("prairie", "suppliers")) == 3
    assert len(table("prairie", "items")) <= 50
    for name, code in (
        ("items", "code"),
        ("suppliers", "code"),
        ("contracts", "number"),
        ("facilities", "code"),
    ):
        other = {row[code]: row["name"] for row in table("lakeshore", name)}
        shared = [row for row in table("prairie", name) if row[code] in other]
        assert any(row["name"] != other[row[code]] for row in shared), name
