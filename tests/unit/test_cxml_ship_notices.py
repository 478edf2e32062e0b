"""Ship notices as they come: packages, lots, expiry, serial numbers, several orders."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from integrations.canonical import ShipNotice, ShippedLot
from integrations.errors import Unreadable
from tests.unit.cxml_examples import ORDER, read


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("<ConfirmationRequest/>", "no ConfirmationHeader"),
        ('<ConfirmationRequest><ConfirmationHeader type="accept"/></ConfirmationRequest>', "OrderIDInfo"),
        (
            f'<ConfirmationRequest><ConfirmationHeader type="perhaps"/>{ORDER}</ConfirmationRequest>',
            "type is unknown",
        ),
        (
            '<ConfirmationRequest><ConfirmationHeader type="accept"/><OrderReference/></ConfirmationRequest>',
            "names no order",
        ),
        ('<ShipNoticeRequest><ShipNoticeHeader shipmentID="S"/></ShipNoticeRequest>', "no ShipNoticePortion"),
        (
            '<ShipNoticeRequest><ShipNoticeHeader shipmentID="S" operation="cancel"/></ShipNoticeRequest>',
            "operation is unknown",
        ),
        ("<PunchOutOrderMessage/>", "not a document this portal takes"),
    ],
)
def test_documents_without_what_they_need(body: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read(body)


def ship_notice(portions: str, header: str = "", control: str = "") -> tuple[ShipNotice, tuple[str, ...]]:
    translated = read(
        f'<ShipNoticeRequest><ShipNoticeHeader shipmentID="S-1" noticeDate="2026-02-03T10:00:00Z" {header}/>'
        f"{control}{portions}</ShipNoticeRequest>"
    )
    assert isinstance(translated.document, ShipNotice)
    return translated.document, translated.warnings


def portion(inside: str, number: str = "PO-1") -> str:
    reference = f'<OrderReference orderID="{number}"><DocumentReference payloadID=""/></OrderReference>'
    return f"<ShipNoticePortion>{reference}{inside}</ShipNoticePortion>"


def shipped(inside: str = "", quantity: str = "10") -> str:
    return (
        f'<ShipNoticeItem quantity="{quantity}" lineNumber="1"><UnitOfMeasure>BX</UnitOfMeasure>{inside}'
        "</ShipNoticeItem>"
    )


def packaging(code: str, around: str = "", quantity: str = "") -> str:
    reference = (
        f"<ShippingContainerSerialCodeReference>{around}</ShippingContainerSerialCodeReference>"
        if around
        else ""
    )
    dispatched = f'<DispatchQuantity quantity="{quantity}"/>' if quantity else ""
    return (
        f"<Packaging><PackagingCode xml:lang='en'>box</PackagingCode>"
        f"<ShippingContainerSerialCode>{code}</ShippingContainerSerialCode>{reference}{dispatched}</Packaging>"
    )


CARTONS = ("003456789012345670", "106141412345678908")
PALLET = "340123450000000000"


def test_a_notice_over_several_orders_with_carrier() -> None:
    control = (
        '<ShipControl><CarrierIdentifier domain="SCAC">FDE</CarrierIdentifier>'
        '<CarrierIdentifier domain="companyName">Federal Express</CarrierIdentifier>'
        "<ShipmentIdentifier>8202</ShipmentIdentifier><ShipmentIdentifier>8203</ShipmentIdentifier></ShipControl>"
    )
    dates = 'shipmentDate="2026-02-03T08:00:00-06:00" deliveryDate="2026-02-05T08:00:00-06:00"'
    found, warnings = ship_notice(portion(shipped()) + portion("", "PO-2"), dates, control)
    assert (found.carrier, found.tracking) == ("Federal Express", "8202, 8203")
    assert [line.order_number for line in found.lines] == ["PO-1"]
    assert found.whole_orders == ("PO-2",)
    assert found.shipped_at == datetime(2026, 2, 3, 14, tzinfo=UTC)
    assert found.delivery_expected_at == datetime(2026, 2, 5, 14, tzinfo=UTC)
    assert warnings == ()


def test_cartons_on_a_pallet() -> None:
    boxes = "".join(packaging(code, PALLET, "5") for code in CARTONS)
    found, warnings = ship_notice(portion(shipped(boxes)))
    line = found.lines[0]
    assert line.sscc == PALLET
    assert [(box.sscc, box.parent_sscc, box.quantity) for box in line.packages] == [
        (code, PALLET, Decimal(5)) for code in CARTONS
    ]
    assert warnings == ()


@pytest.mark.parametrize(
    ("written", "code", "warning"),
    [
        (f"00{CARTONS[0]}", CARTONS[0], ""),
        (f"(00) {CARTONS[0]}", CARTONS[0], ""),
        ("003456789012345671", "003456789012345671", "check digit"),
        ("BOX-7", "BOX-7", "not an SSCC"),
    ],
)
def test_serial_shipping_container_codes(written: str, code: str, warning: str) -> None:
    found, warnings = ship_notice(portion(shipped(packaging(written))))
    assert found.lines[0].sscc == code
    assert [warning in given for given in warnings] == ([True] if warning else [])


def batch(lot: str, quantity: str = "", expires: str = "2027-03-31T23:59:59-06:00") -> str:
    counted = f'batchQuantity="{quantity}"' if quantity else ""
    until = f'expirationDate="{expires}"' if expires else ""
    return f"<Batch {until} {counted}><SupplierBatchID>{lot}</SupplierBatchID></Batch>"


MARCH = date(2027, 3, 31)
EXPIRY = (
    "<ShipNoticeItemIndustry><ShipNoticeItemRetail><ExpiryDate date='2027-03-31'/>"
    "</ShipNoticeItemRetail></ShipNoticeItemIndustry>"
)
SERIALS = '<AssetInfo serialNumber="S1"/><AssetInfo tagNumber="T"/><AssetInfo serialNumber="S2"/>'


@pytest.mark.parametrize(
    ("inside", "lots"),
    [
        (batch("A"), [ShippedLot(quantity=Decimal(10), lot="A", expires_on=MARCH)]),
        (
            batch("A", "4") + batch("B", "6", ""),
            [
                ShippedLot(quantity=Decimal(4), lot="A", expires_on=MARCH),
                ShippedLot(quantity=Decimal(6), lot="B"),
            ],
        ),
        ("<SupplierBatchID>C</SupplierBatchID>", [ShippedLot(quantity=Decimal(10), lot="C")]),
        (
            batch("A") + SERIALS,
            [ShippedLot(quantity=Decimal(10), lot="A", expires_on=MARCH, serials=("S1", "S2"))],
        ),
        (SERIALS, [ShippedLot(quantity=Decimal(10), serials=("S1", "S2"))]),
        (EXPIRY, [ShippedLot(quantity=Decimal(10), expires_on=MARCH)]),
    ],
)
def test_lots_expiry_and_serial_numbers(inside: str, lots: list[ShippedLot]) -> None:
    found, warnings = ship_notice(portion(shipped(inside)))
    assert found.lines[0].lots == tuple(lots)
    assert warnings == ()


def test_lots_without_quantities_are_kept_with_a_warning() -> None:
    found, warnings = ship_notice(portion(shipped(batch("A") + batch("B"))))
    assert [(lot.lot, lot.quantity) for lot in found.lines[0].lots] == [("A", Decimal(0)), ("B", Decimal(0))]
    assert warnings == ("line 2: the lots add up to 0, the line to 10",)


def test_serial_numbers_beside_several_lots_stand_apart() -> None:
    found, warnings = ship_notice(portion(shipped(batch("A", "4") + batch("B", "6") + SERIALS)))
    assert found.lines[0].lots[-1] == ShippedLot(quantity=Decimal(0), serials=("S1", "S2"))
    assert warnings == ("line 2: the serial numbers are not tied to one of the lots",)


def test_a_withdrawn_notice_may_name_nothing() -> None:
    found, _ = ship_notice("", 'operation="delete"')
    assert (found.operation, found.lines, found.whole_orders) == ("delete", (), ())
