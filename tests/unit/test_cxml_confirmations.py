"""Confirmations as they come: odd but usable is a warning, unusable is an error with its line."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from integrations.canonical import Confirmation, ConfirmationStatus, ConfirmationType, ConfirmedPart
from integrations.errors import Unreadable
from tests.unit.cxml_examples import ORDER, price, read, usd


def confirmation(
    items: str, *, header: str = 'type="detail" confirmID="C-1"', inside: str = "", order: str = ORDER
) -> tuple[Confirmation, tuple[str, ...]]:
    translated = read(
        f'<ConfirmationRequest><ConfirmationHeader noticeDate="2026-02-03T10:00:00Z" {header}>{inside}'
        f"</ConfirmationHeader>{order}{items}</ConfirmationRequest>"
    )
    assert isinstance(translated.document, Confirmation)
    return translated.document, translated.warnings


def item(statuses: str, quantity: str = "10", line: str = "1") -> str:
    return (
        f'<ConfirmationItem quantity="{quantity}" lineNumber="{line}"><UnitOfMeasure>BX</UnitOfMeasure>'
        f"{statuses}</ConfirmationItem>"
    )


def status(kind: str, quantity: str = "10", inside: str = "", more: str = "") -> str:
    return (
        f'<ConfirmationStatus quantity="{quantity}" type="{kind}" {more}>'
        f"<UnitOfMeasure>BX</UnitOfMeasure>{inside}</ConfirmationStatus>"
    )


def only_part(statuses: str) -> tuple[ConfirmedPart, tuple[str, ...]]:
    found, warnings = confirmation(item(statuses))
    return found.lines[0].parts[0], warnings


@pytest.mark.parametrize("kind", ["accept", "reject", "backordered", "except", "replace", "allDetail"])
def test_a_header_alone_answers_the_whole_order(kind: str) -> None:
    found, warnings = confirmation("", header=f'type="{kind}" confirmID="C-1"')
    assert found.type is ConfirmationType(kind)
    assert found.order_number == "PO-1"
    assert found.order_message_id == "PO-1@portal"
    assert found.lines == ()
    assert warnings == ()


@pytest.mark.parametrize(
    ("kind", "means"),
    [
        ("accept", ConfirmationStatus.ACCEPTED),
        ("detail", ConfirmationStatus.CHANGED),
        ("allDetail", ConfirmationStatus.CHANGED),
        ("backordered", ConfirmationStatus.BACKORDERED),
        ("reject", ConfirmationStatus.REJECTED),
        ("unknown", ConfirmationStatus.UNKNOWN),
    ],
)
def test_each_status(kind: str, means: ConfirmationStatus) -> None:
    part, warnings = only_part(status(kind))
    assert part == ConfirmedPart(status=means, quantity=Decimal(10), uom="BX")
    assert warnings == ()


def test_a_line_split_over_several_statuses() -> None:
    later = status("backordered", "4", more='deliveryDate="2026-03-01T23:30:00-08:00"')
    found, warnings = confirmation(item(status("accept", "6.0") + later))
    assert [(part.status.value, part.quantity) for part in found.lines[0].parts] == [
        ("accepted", Decimal(6)),
        ("backordered", Decimal(4)),
    ]
    assert found.lines[0].parts[1].promised_on == date(2026, 3, 1)
    assert warnings == ()


def test_statuses_that_do_not_add_up_are_kept_with_a_warning() -> None:
    found, warnings = confirmation(item(status("accept", "6")))
    assert found.lines[0].parts[0].quantity == 6
    assert warnings == ("line 2: the statuses add up to 6 BX, the line to 10 BX",)


def test_price_and_dates_of_a_change() -> None:
    part, _ = only_part(
        status(
            "detail",
            inside=price("7.50") + "<Comments>New list</Comments>",
            more='shipmentDate="2026-02-10" deliveryDate="20260212"',
        )
    )
    assert part.unit_price == usd("7.50")
    assert (part.ships_on, part.promised_on) == (date(2026, 2, 10), date(2026, 2, 12))
    assert part.comments == "New list"


def substitute(unit: str, amount: str = "9", extra: str = "") -> str:
    return (
        '<ItemIn quantity="2"><ItemID><SupplierPartID>SP-9</SupplierPartID></ItemID><ItemDetail>'
        f"{price(amount)}<Description xml:lang='en'>Gloves, <ShortName>G</ShortName></Description>"
        f"<UnitOfMeasure>{unit}</UnitOfMeasure>{extra}</ItemDetail></ItemIn>"
    )


def test_a_substitute_with_its_price() -> None:
    part, warnings = only_part(status("detail", inside=substitute("BX")))
    assert (part.substitute_part, part.substitute_description) == ("SP-9", "Gloves,")
    assert part.unit_price == usd("9")
    assert warnings == ()


def test_a_substitute_in_another_unit_keeps_its_price_as_words() -> None:
    part, warnings = only_part(status("detail", inside=substitute("CA", "45.00")))
    assert part.unit_price is None
    assert part.comments == "Offered as 2 CA at 45.00 USD per CA"
    assert warnings == ("line 2: the offered item is counted in CA, the order line in BX",)


def test_a_price_for_many_units_is_brought_to_one() -> None:
    basis = (
        '<PriceBasisQuantity quantity="1000" conversionFactor="100">'
        "<UnitOfMeasure>EA</UnitOfMeasure></PriceBasisQuantity>"
    )
    part, _ = only_part(status("detail", inside=substitute("BX", "25.00", basis)))
    assert part.unit_price == usd("2.5")


def test_an_update_without_confirm_id_is_tied_to_the_first_document() -> None:
    first = '<DocumentReference payloadID="m0@supplier"/>'
    found, warnings = confirmation("", header='type="accept" operation="update"', inside=first)
    assert (found.number, found.operation) == ("m0@supplier", "update")
    assert warnings == ("line 2: no confirmID; the payloadID of the first document takes its place",)


def test_without_order_number_the_message_of_the_order_is_kept() -> None:
    order = '<OrderReference><DocumentReference payloadID="PO-1@portal"/></OrderReference>'
    found, warnings = confirmation("", order=order)
    assert (found.order_number, found.order_message_id) == ("", "PO-1@portal")
    assert warnings == ("line 2: no orderID; only the payloadID PO-1@portal of the order",)


def test_one_line_confirmed_twice_becomes_one_line() -> None:
    found, warnings = confirmation(item(status("accept", "6"), "6") + item(status("reject", "4"), "6"))
    assert len(found.lines) == 1
    assert [part.quantity for part in found.lines[0].parts] == [6, 4]
    assert any("confirmed more than once" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("written", "instant", "warns"),
    [
        ("2026-02-03T10:00:00-06:00", datetime(2026, 2, 3, 16, tzinfo=UTC), False),
        ("2026-02-03T10:00:00Z", datetime(2026, 2, 3, 10, tzinfo=UTC), False),
        ("2026-02-03T10:00:00", datetime(2026, 2, 3, 10, tzinfo=UTC), True),
        ("2026-02-03", datetime(2026, 2, 3, tzinfo=UTC), True),
    ],
)
def test_a_missing_time_zone_is_a_warning_and_taken_as_utc(
    written: str, instant: datetime, warns: bool
) -> None:
    translated = read(
        f'<ConfirmationRequest><ConfirmationHeader confirmID="C" type="accept" noticeDate="{written}"/>'
        f"{ORDER}</ConfirmationRequest>"
    )
    assert isinstance(translated.document, Confirmation)
    assert translated.document.noticed_at == instant
    assert any("has no time zone; UTC is taken" in warning for warning in translated.warnings) is warns


def test_a_missing_notice_date_is_the_time_of_the_envelope() -> None:
    translated = read(
        f'<ConfirmationRequest><ConfirmationHeader confirmID="C" type="accept"/>{ORDER}</ConfirmationRequest>'
    )
    assert isinstance(translated.document, Confirmation)
    assert translated.document.noticed_at == datetime(2026, 2, 3, 16, tzinfo=UTC)
    assert translated.warnings == ("line 2: no noticeDate; the timestamp of the envelope is taken",)


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (item(status("accepted")), "status accepted is unknown"),
        (item(status("accept", more='deliveryDate="next week"')), "it is left out"),
        (item(status("accept", "10.00000000001")), "is rounded to 10 decimals"),
        (item(status("detail", inside=price("9").replace("USD", "usd"))), "currency usd is written small"),
        (item(status("accept").replace("<UnitOfMeasure>BX</UnitOfMeasure>", "")), "BX of the line is taken"),
        (item(status("detail", inside=substitute("BX").replace("UnitPrice", "Price"))), "has no price"),
    ],
)
def test_what_is_odd_but_usable_is_a_warning(body: str, warning: str) -> None:
    found, warnings = confirmation(body)
    assert len(found.lines) == 1
    assert any(warning in given for given in warnings)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (item(status("accept", "-1")), "below zero"),
        (item(status("accept", "ten")), "not a usable number"),
        (item(status("accept", "1e99")), "not a usable number"),
        (item(status("accept", "NaN")), "not a usable number"),
        (item(status("accept", "1,000")), "not a usable number"),
        (item(status("accept", "")), "has no quantity"),
        (item(status("accept"), line="0"), "not a line number"),
        (item(status("accept"), line="1.5"), "not a line number"),
        (item(status("accept"), line="0000010000000"), "not a line number"),
        (item(""), "no ConfirmationStatus"),
        (item(status("detail", inside=price(""))), "Money is empty"),
        (item(status("detail", inside=price("9").replace("USD", "dollars"))), "not a currency code"),
        (item(status("accept").replace("type=", "kind=")), "has no type"),
        (item(status("accept")).replace("UnitOfMeasure", "Unit"), "has no UnitOfMeasure"),
    ],
)
def test_what_cannot_be_used_is_an_error_with_its_line(body: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        confirmation(body)
    assert caught.value.position == "line 2"
