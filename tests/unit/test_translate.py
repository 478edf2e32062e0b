"""Which format a file is in, and what becomes of it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.canonical import PurchaseOrder
from integrations.errors import Unreadable
from integrations.formats.cxml.confirmations import write_confirmation
from integrations.formats.cxml.envelope import profile_request, write_request
from integrations.formats.cxml.orders import write_order
from integrations.translate import translate
from tests.samples import SAMPLES, needs_samples
from tests.unit import cxml_documents as documents
from tests.unit.cxml_examples import CONFIRMATION

ISA = f"ISA*00*{' ' * 10}*00*{' ' * 10}*ZZ*{'A':15}*ZZ*{'B':15}*260101*0000*U*00401*000000001*0*P*>~"
FILES = sorted(path for path in SAMPLES.rglob("*") if path.is_file()) or [SAMPLES / "absent"]


def test_an_order_is_read_back() -> None:
    order = documents.an_order()
    translation = translate(write_request(documents.HEADER, write_order(order, operation="new")))
    assert translation.format == "cxml 1.2.063 OrderRequest"
    assert translation.document == order
    assert isinstance(translation.document, PurchaseOrder)


def test_a_confirmation_is_read() -> None:
    payload = write_confirmation(CONFIRMATION)
    translation = translate(write_request(documents.HEADER, payload, dtd="Fulfill.dtd"))
    assert translation.format == "cxml 1.2.063 ConfirmationRequest"
    assert json.loads(translation.document.model_dump_json())["kind"] == "confirmation"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (f"{ISA}\nGS*PO~\nST*850*0001~".encode(), "an X12 interchange (850)"),
        (b"\xef\xbb\xbf\r\n" + f"{ISA}ST*810*1~SE*1~ST*850*2~".encode(), "an X12 interchange (810, 850)"),
        (b"ISA*00*", "a truncated X12 interchange"),
        (b"UNA:+.? 'UNB+UNOA:1", "a UN/EDIFACT interchange"),
        (b'{"resourceType": "Device"}', "a FHIR Device in JSON"),
        (b'<Device xmlns="http://hl7.org/fhir"/>', "a FHIR Device in XML"),
        (b'{"d": {"results": [{"PurchaseOrder": "4500000001"}]}}', "an SAP OData purchase order in JSON"),
        (b'{"d": {"PurchaseOrder": "4500000001"}}', "an SAP OData purchase order in JSON"),
        (b'{"a": 1}', "JSON of an unknown kind"),
        (b"[1, 2]", "JSON"),
        (b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"/>', "a SOAP envelope"),
        (b'<SyncPurchaseOrder xmlns="http://schema.infor.com/InforOAGIS/2"/>', "an OAGIS document"),
        (b"<ORDERS05/>", "an SAP IDoc (ORDERS05)"),
        (b"<other/>", "XML with the root other"),
        (write_request(documents.HEADER, profile_request()), "a cXML ProfileRequest"),
    ],
)
def test_what_is_recognized_but_not_read_is_named(raw: bytes, name: str) -> None:
    with pytest.raises(Unreadable) as caught:
        translate(raw)
    assert f"This is {name}" in str(caught.value)
    assert "Readable are cXML OrderRequest, ConfirmationRequest" in str(caught.value)
    assert caught.value.position.startswith("line ")


@pytest.mark.parametrize(
    ("raw", "says", "position"),
    [
        (b"", "empty", "line 1"),
        (b"Dear supplier,", "not recognized", "line 1"),
        (b'{"a":\n 1,,}', "not well-formed", "line 2"),
        (b"[" * 100_000, "not well-formed", "line 1"),
        (b" " * 10_000_001, "10,000,001 bytes", "line 1"),
    ],
)
def test_what_is_nothing_at_all(raw: bytes, says: str, position: str) -> None:
    with pytest.raises(Unreadable, match=says) as caught:
        translate(raw)
    assert caught.value.position == position


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_named_error(raw: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        translate(raw)
    assert caught.value.position


@needs_samples
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_sample_is_read_or_refused_by_name(path: Path) -> None:
    try:
        document = translate(path.read_bytes()).document
    except Unreadable as error:
        told = (str(error), error.position)
    else:
        told = (document.kind, document.model_dump_json())
    assert all(told)
