"""S/4HANA mapping: what we send fits the real metadata, what cannot fit is refused with a sentence."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import AccountAssignment, CostCenter, Lifecycle, Money
from integrations.erp.s4hana import mapping, masterdata
from integrations.erp.s4hana.settings import Settings
from integrations.errors import Misconfigured, Rejected
from integrations.formats.odata import JsonObject, json_date
from tests import edmx
from tests.documents import order_line, purchase_order, receipt, receipt_line
from tests.samples import SAMPLES, needs_samples

SETTINGS = Settings(company_code="1010", purchasing_organization="1010", purchasing_group="001")
ORDERS, RECEIPTS = "API_PURCHASEORDER_PROCESS_SRV", "API_MATERIAL_DOCUMENT_SRV"
AMOUNTS = st.decimals(min_value=Decimal("0.001"), max_value=Decimal("9999999.999"), places=3)


def items(payload: JsonObject, name: str = "to_PurchaseOrderItem") -> list[Any]:
    found = payload[name]
    assert isinstance(found, list)
    return found


@needs_samples
@given(
    quantity=AMOUNTS, price=st.decimals(min_value=0, max_value=99999, places=2), text=st.text(max_size=200)
)
def test_every_order_we_send_fits_the_real_metadata(quantity: Decimal, price: Decimal, text: str) -> None:
    money = Money(amount=price, currency="USD")
    line = order_line(quantity=quantity, unit_price=money, description=text)
    payload = mapping.purchase_order(purchase_order(lines=(line,)), SETTINGS)
    assert edmx.sample(ORDERS).complaints(payload, "A_PurchaseOrderType") == []


@needs_samples
@given(quantity=AMOUNTS, lot=st.text(max_size=40), expires_on=st.none() | st.dates(), consigned=st.booleans())
def test_every_receipt_we_send_fits_the_real_metadata(
    quantity: Decimal, lot: str, expires_on: date | None, consigned: bool
) -> None:
    line = receipt_line(
        quantity=quantity, lot=lot, expires_on=expires_on, serials=("S1", "S2"), is_consignment=consigned
    )
    mapped = mapping.receipt(receipt("4500000001", lines=(line,)), SETTINGS)
    assert edmx.sample(RECEIPTS).complaints(mapped.payload, "A_MaterialDocumentHeaderType") == []


@needs_samples
def test_consignment_is_ordered_without_price_and_account() -> None:
    payload = mapping.purchase_order(purchase_order(lines=(order_line(is_consignment=True),)), SETTINGS)
    assert edmx.sample(ORDERS).complaints(payload, "A_PurchaseOrderType") == []
    (item,) = items(payload, "to_PurchaseOrderItem")
    assert item["PurchaseOrderItemCategory"] == "2"
    assert not {"NetPriceAmount", "AccountAssignmentCategory", "to_AccountAssignment"} & item.keys()


def test_consignment_is_received_as_stock_of_the_supplier() -> None:
    lines = (receipt_line(is_consignment=True), receipt_line())
    payload = mapping.receipt(receipt("4500000001", lines=lines), SETTINGS).payload
    special = [one.get("InventorySpecialStockType") for one in items(payload, "to_MaterialDocumentItem")]
    assert special == ["K", None]


def test_one_cost_center_takes_the_line_without_distribution() -> None:
    item = items(mapping.purchase_order(purchase_order(), SETTINGS))[0]
    assert item["AccountAssignmentCategory"] == "K"
    assert "MultipleAcctAssgmtDistribution" not in item
    assert item["to_AccountAssignment"] == [
        {
            "AccountAssignmentNumber": "1",
            "CostCenter": "CC-ER-100",
            "GLAccount": "0065100000",
            "Quantity": "4",
        }
    ]


def test_several_cost_centers_share_by_quantity() -> None:
    shares = tuple(
        AccountAssignment(cost_center=f"CC-{number}", gl_account="651000", quantity=Decimal(quantity))
        for number, quantity in ((1, "1.5"), (2, "2.5"))
    )
    item = items(mapping.purchase_order(purchase_order(lines=(order_line(assignments=shares),)), SETTINGS))[0]
    assert item["MultipleAcctAssgmtDistribution"] == "1"
    assert [share["Quantity"] for share in item["to_AccountAssignment"]] == ["1.5", "2.5"]
    assert [share["AccountAssignmentNumber"] for share in item["to_AccountAssignment"]] == ["1", "2"]


@needs_samples
@pytest.mark.parametrize(
    ("percents", "distribution", "told"),
    [(("66.7", "33.3"), "2", ["66.7", "33.3"]), (("66.67", "33.33"), "1", ["2.667", "1.333"])],
)
def test_what_was_agreed_in_percent_is_told_in_percent_where_tenths_can_say_it(
    percents: tuple[str, str], distribution: str, told: list[str]
) -> None:
    shares = tuple(
        AccountAssignment(
            cost_center=f"CC-{percent}", gl_account="651000", quantity=Decimal(quantity),
            amount=Decimal(1), percent=Decimal(f"{percent}00"),
        )
        for percent, quantity in zip(percents, ("2.667", "1.333"), strict=True)
    )  # fmt: skip
    payload = mapping.purchase_order(purchase_order(lines=(order_line(assignments=shares),)), SETTINGS)
    (item,) = items(payload)
    name = "MultipleAcctAssgmtDistrPercent" if distribution == "2" else "Quantity"
    assert item["MultipleAcctAssgmtDistribution"] == distribution
    assert [share[name] for share in item["to_AccountAssignment"]] == told
    assert edmx.sample(ORDERS).complaints(payload, "A_PurchaseOrderType") == []


@pytest.mark.parametrize(
    ("price", "currency", "amount", "per"),
    [
        ("7.25", "USD", "7.25", "1"),
        ("0.0725", "USD", "7.25", "100"),
        ("0.072", "USD", "0.72", "10"),
        ("0", "USD", "0", "1"),
        ("1200", "JPY", "1200", "1"),
        ("0.5", "JPY", "5", "10"),
        ("1.125", "KWD", "1.125", "1"),
    ],
)
def test_small_prices_are_said_per_more_units(price: str, currency: str, amount: str, per: str) -> None:
    line = order_line(unit_price=Money(amount=Decimal(price), currency=currency))
    item = items(mapping.purchase_order(purchase_order(currency=currency, lines=(line,)), SETTINGS))[0]
    assert (item["NetPriceAmount"], item["NetPriceQuantity"]) == (amount, per)


REFUSED_LINES: list[tuple[dict[str, Any], str]] = [
    ({"item": "X" * 41}, r"line 1: item 'X{41}' has 41 characters; SAP S/4HANA takes 40"),
    ({"item": ""}, "line 1: item is empty"),
    ({"uom": "CASE"}, "line 1: unit 'CASE' has 4 characters"),
    ({"supplier_part": "P" * 36}, "line 1: supplier part 'P{36}' has 36 characters; SAP S/4HANA takes 35"),
    ({"line_number": 100000}, "line 100000: number '100000' has 6 characters"),
    ({"quantity": Decimal("0.0001")}, "line 1: quantity 0.0001 has more than the 3 decimals"),
    ({"quantity": Decimal(10) ** 10}, "line 1: quantity 10000000000 has more than the 10 digits"),
    ({"quantity": Decimal("1e40")}, "more than the 10 digits"),
    ({"quantity": Decimal(0)}, "line 1: quantity is 0; it must be more than 0"),
    ({"quantity": Decimal(-1)}, "line 1: quantity is -1"),
    ({"unit_price": Money(amount=Decimal("0.0000001"), currency="USD")}, "has more decimals than"),
    ({"unit_price": Money(amount=Decimal("1e30"), currency="USD")}, "more than the 9 digits"),
    ({"unit_price": Money(amount=Decimal(-1), currency="USD")}, "is negative"),
    ({"unit_price": Money(amount=Decimal(1), currency="EUR")}, "the price is in EUR, the order in USD"),
    ({"assignments": ()}, "the cost centers take 0 of 4 BX"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED_LINES)
def test_a_line_that_cannot_fit_is_refused_with_field_value_and_limit(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        mapping.purchase_order(purchase_order(lines=(order_line(**changes),)), SETTINGS)


def test_a_share_that_cannot_fit_is_refused() -> None:
    share = AccountAssignment(cost_center="CC-EMERGENCY", gl_account="651000", quantity=Decimal(4))
    with pytest.raises(
        Rejected, match="line 1: cost center 'CC-EMERGENCY' has 12 characters; SAP S/4HANA takes 10"
    ):
        mapping.purchase_order(purchase_order(lines=(order_line(assignments=(share,)),)), SETTINGS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"supplier": "12345678901"}, "supplier '12345678901' has 11 characters"),
        ({"facility": "NORTH"}, "facility 'NORTH' has 5 characters; SAP S/4HANA takes 4"),
        ({"location": "ER-01"}, "location 'ER-01' has 5 characters"),
    ],
)
def test_an_order_that_cannot_be_posted_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        mapping.purchase_order(purchase_order(**changes), SETTINGS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"serials": ("S" * 19,)}, "serial number 'S{19}' has 19 characters; SAP S/4HANA takes 18"),
        ({"lot": "L" * 47}, "lot 'Lot L{47}' has 51 characters; SAP S/4HANA takes 50"),
        ({"quantity": Decimal(0)}, "quantity is 0"),
    ],
)
def test_a_receipt_line_that_cannot_fit_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        mapping.receipt(receipt("4500000001", lines=(receipt_line(**changes),)), SETTINGS)


def test_a_receipt_without_the_erp_order_number_is_refused() -> None:
    with pytest.raises(Rejected, match="ERP order number is empty"):
        mapping.receipt(receipt(""), SETTINGS)


def test_a_lot_too_long_for_a_batch_stands_in_the_text_with_a_warning() -> None:
    mapped = mapping.receipt(receipt("4500000001", lines=(receipt_line(lot="LOT-2026-000017"),)), SETTINGS)
    item = items(mapped.payload, "to_MaterialDocumentItem")[0]
    assert "Batch" not in item
    assert item["MaterialDocumentItemText"] == "Lot LOT-2026-000017"
    assert "LOT-2026-000017 is longer than the ERP's 10 characters" in mapped.warnings[0]


def test_units_are_translated_both_ways() -> None:
    settings = Settings.of({"units": "BX=KAR, CA=KI", "company_code": "1", "purchasing_organization": "1",
                            "purchasing_group": "1"})  # fmt: skip
    assert items(mapping.purchase_order(purchase_order(), settings))[0]["PurchaseOrderQuantityUnit"] == "KAR"
    assert settings.portal_unit("KI") == "CA"
    assert settings.portal_unit("EA") == "EA"


def test_wrong_settings_are_named() -> None:
    with pytest.raises(Misconfigured, match="setting page_size"):
        Settings.of({"page_size": "many"})
    with pytest.raises(Misconfigured, match="setting company_code is empty"):
        mapping.purchase_order(purchase_order(), Settings())


@needs_samples
def test_items_of_the_public_sandbox_are_read() -> None:
    path = SAMPLES / "sap" / "sandbox_responses" / "API_PRODUCT_SRV__A_Product.json"
    rows = json.loads(path.read_bytes())["d"]["results"]
    found = [masterdata.item(row, SETTINGS, {}) for row in rows]
    assert found[0].code == "21"
    assert found[0].base_uom == "H"
    assert all(one.packaging[0].factor == 1 for one in found)


def product(**changes: object) -> JsonObject:
    units = [{"AlternativeUnit": "BX", "QuantityNumerator": "100", "QuantityDenominator": "1"}]
    return {
        "Product": "GLOVE-NIT-M",
        "BaseUnit": "EA",
        "ProductGroup": "42132203",
        "to_ProductUnitsOfMeasure": {"results": units},
        "to_Description": {
            "results": [
                {"Language": "DE", "ProductDescription": "Handschuh"},
                {"Language": "EN", "ProductDescription": "Glove, exam, nitrile, powder-free, chemo"},
            ]
        },
        **changes,
    }


def test_a_name_longer_than_the_description_is_read_from_the_basic_text() -> None:
    long = "Glove, exam, nitrile, powder-free, chemo rated, medium"
    texts = {"results": [{"Language": "EN", "LongText": f"{long}\nsecond line"}]}
    assert masterdata.item(product(to_ProductBasicText=texts), SETTINGS, {}).name == long
    other = {"results": [{"Language": "EN", "LongText": "Store dry"}]}
    assert masterdata.item(product(to_ProductBasicText=other), SETTINGS, {}).name == long[:40]


@pytest.mark.parametrize(
    ("changes", "lifecycle"),
    [
        ({}, Lifecycle.ACTIVE),
        ({"CrossPlantStatus": "01"}, Lifecycle.BLOCKED),
        ({"CrossPlantStatus": "OB"}, Lifecycle.DISCONTINUED),
        ({"CrossPlantStatus": "Z9"}, Lifecycle.ACTIVE),
        ({"IsMarkedForDeletion": True}, Lifecycle.DISCONTINUED),
        (
            {"CrossPlantStatus": "01", "CrossPlantStatusValidityDate": json_date(date(9999, 1, 1))},
            Lifecycle.ACTIVE,
        ),
    ],
)
def test_lifecycle(changes: dict[str, object], lifecycle: Lifecycle) -> None:
    assert masterdata.item(product(**changes), SETTINGS, {}).lifecycle is lifecycle


@pytest.mark.parametrize("group", ["L004", "", "4213220", "4213220A", "421322033"])
def test_a_group_that_is_no_unspsc_is_no_class(group: str) -> None:
    assert masterdata.item(product(ProductGroup=group), SETTINGS, {}).unspsc == ""


@pytest.mark.parametrize("numbers", [("0", "1"), ("1", "0"), ("x", "1"), ("NaN", "1"), ("-1", "1")])
def test_a_conversion_that_cannot_be_is_refused(numbers: tuple[str, str]) -> None:
    unit = {"AlternativeUnit": "BX", "QuantityNumerator": numbers[0], "QuantityDenominator": numbers[1]}
    with pytest.raises(ValueError, match=r"^(unit BX|QuantityNumerator)"):
        masterdata.item(product(to_ProductUnitsOfMeasure={"results": [unit]}), SETTINGS, {})


def period(first: date, last: date) -> CostCenter:
    return CostCenter(code="CC", name=str(first), valid_from=first, valid_to=last)


def test_of_several_periods_the_one_that_matters_today_is_taken() -> None:
    past = period(date(2020, 1, 1), date(2020, 12, 31))
    older = period(date(2010, 1, 1), date(2019, 12, 31))
    present = period(date(2026, 1, 1), date(2026, 12, 31))
    future = period(date(2027, 1, 1), date(9999, 12, 31))
    today = date(2026, 6, 1)
    assert masterdata.current([future, past, present, older], today) is present
    assert masterdata.current([past, future, older], today) is future
    assert masterdata.current([older, past], today) is past
