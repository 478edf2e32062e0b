"""OData v2: literals and dates survive a round trip, answers and errors are read tolerantly."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.formats import odata
from tests.samples import SAMPLES, needs_samples

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(st.text())
def test_strings_survive(text: str) -> None:
    assert odata.read_literal(odata.string_literal(text)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_decimals_survive(number: Decimal) -> None:
    assert odata.read_literal(odata.decimal_literal(number)) == number


@given(st.dates())
def test_days_survive_in_filters_and_in_json(day: date) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert odata.read_literal(odata.date_literal(day)) == midnight
    assert odata.read_json_date(odata.json_date(day)) == midnight


@given(MOMENTS)
def test_moments_survive_in_filters_and_to_the_millisecond_in_json(moment: datetime) -> None:
    assert odata.read_literal(odata.instant_literal(moment)) == moment
    gap = moment - odata.read_json_date(odata.json_instant(moment))
    assert timedelta() <= gap < timedelta(milliseconds=1)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=4))
def test_queries_survive_and_hold_no_plus(options: dict[str, str]) -> None:
    encoded = odata.query(options)
    assert "+" not in encoded
    assert " " not in encoded
    assert dict(parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(options))) == options


@given(st.text())
def test_any_text_is_a_literal_or_a_named_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(odata.read_literal(text), str | bool | Decimal | datetime)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("12", Decimal(12)),
        ("12.50M", Decimal("12.50")),
        ("5L", Decimal(5)),
        ("datetime'2026-01-31T10:20'", datetime(2026, 1, 31, 10, 20, tzinfo=UTC)),
        ("datetimeoffset'2026-01-31T10:20:30.5+02:00'", datetime(2026, 1, 31, 8, 20, 30, 500000, UTC)),
        ("guid'abc'", "abc"),
    ],
)
def test_literals_are_read(text: str, value: object) -> None:
    assert odata.read_literal(text) == value


@pytest.mark.parametrize("text", ["", "abc", "'a", "'a'b'", "datetime'soon'", "1e5", "١٢"])
def test_other_literals_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        odata.read_literal(text)


def test_instants_of_other_zones_are_sent_in_utc() -> None:
    moment = datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert odata.instant_literal(moment) == "datetimeoffset'2025-12-31T23:00:00Z'"


@pytest.mark.parametrize("text", ["", "2026-01-01", "/Date()/", "/Date(999999999999999)/", "/Date(1)/x"])
def test_other_json_dates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is (not a date|outside)"):
        odata.read_json_date(text)


def test_keys_are_quoted_and_encoded() -> None:
    assert odata.entity("A_Product", "A'B /1") == "A_Product('A''B%20%2F1')"


def test_errors_are_read_in_all_shapes_and_each_word_once() -> None:
    v2 = {
        "error": {
            "code": "ME/083",
            "message": {"lang": "en", "value": "Enter Plant"},
            "innererror": {
                "errordetails": [
                    {"message": "Enter Plant"},
                    {"message": "Enter Price "},
                    "odd",
                    {"code": "1"},
                ]
            },
        }
    }
    found = odata.read_error(json.dumps(v2).encode())
    assert found == odata.ErrorBody("ME/083", "Enter Plant", ("Enter Plant", "Enter Price", ""))
    assert found is not None
    assert found.words == "Enter Plant\nEnter Price"
    v4 = {"error": {"code": "1", "message": "No", "details": [{"message": "Because"}]}}
    assert (odata.read_error(json.dumps(v4).encode()) or odata.ErrorBody()).words == "No\nBecause"
    xml = b'<error xmlns="urn:x"><!-- c --><code>2</code><message xml:lang="en">Never</message></error>'
    assert odata.read_error(xml) == odata.ErrorBody("2", "Never")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"error":1}', b"<html/>", b"<a", b"\xff", b"[" * 99999]
)
def test_other_bodies_hold_no_error(body: bytes) -> None:
    assert odata.read_error(body) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b'{"d":null}', b'{"d":{"results":1}}', b'{"d":{"results":[1]}}', b'{"d":{"results":'],
)
def test_broken_answers_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="the answer"):
        odata.read_feed(body)
    with pytest.raises(ValueError, match="the answer"):
        odata.read_entity(body)


def test_messages_of_a_success_are_read() -> None:
    header = json.dumps({"message": "Date in the past", "details": [{"message": "Check"}]})
    assert odata.read_sap_messages(header) == ("Date in the past", "Check")
    assert odata.read_sap_messages("nonsense") == ()


@needs_samples
def test_a_saved_answer_of_the_public_sandbox_is_read() -> None:
    path = SAMPLES / "sap" / "sandbox_responses" / "API_PURCHASEORDER_PROCESS_SRV__A_PurchaseOrder.json"
    feed = odata.read_feed(path.read_bytes())
    assert len(feed.entities) >= 1
    for order in feed.entities:
        assert odata.read_json_date(str(order["PurchaseOrderDate"])).year >= 2015
        assert odata.expanded(order, "to_PurchaseOrderItem") == ()
