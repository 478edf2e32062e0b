"""Everything the portal and the sandbox send is valid against the official cXML DTDs."""

from functools import cache

import pytest
from hypothesis import given, settings
from lxml import etree

from integrations.canonical import Confirmation, PurchaseOrder, ShipNotice
from integrations.formats.cxml.confirmations import write_confirmation
from integrations.formats.cxml.envelope import (
    profile_request,
    profile_response,
    write_request,
    write_response,
)
from integrations.formats.cxml.orders import Operation, write_order
from integrations.formats.cxml.ship_notices import write_ship_notice
from tests.samples import SAMPLES, needs_samples
from tests.unit import cxml_documents as documents

VERSIONS = ("1.2.050", "1.2.063")
pytestmark = needs_samples


@cache
def dtd(version: str, file: str) -> etree.DTD:
    return etree.DTD(str(SAMPLES / "cxml" / "dtd" / version / file))


def assert_valid(raw: bytes, file: str) -> None:
    """Holds the document against both versions; the DTD's own words say what is wrong."""
    root = etree.fromstring(raw, etree.XMLParser(load_dtd=False, no_network=True, resolve_entities=False))
    for version in VERSIONS:
        schema = dtd(version, file)
        assert schema.validate(root), f"{version}: {schema.error_log}"


@settings(deadline=None, max_examples=50)
@given(documents.orders)
def test_orders(order: PurchaseOrder) -> None:
    assert_valid(write_request(documents.HEADER, write_order(order, operation="new")), "cXML.dtd")


@pytest.mark.parametrize("operation", ["new", "update", "delete"])
def test_an_order_of_each_operation(operation: Operation) -> None:
    order = documents.an_order(version=2, replaces="earlier@portal", agreement="BO26-0000001")
    payload = write_order(order, operation=operation)
    raw = write_request(documents.HEADER, payload)
    assert_valid(raw, "cXML.dtd")
    assert f'type="{operation}"'.encode() in raw
    assert b'<DocumentReference payloadID="earlier@portal"/>' in raw


@settings(deadline=None, max_examples=50)
@given(documents.confirmations)
def test_confirmations(confirmation: Confirmation) -> None:
    payload = write_confirmation(confirmation, replaces="earlier@supplier")
    assert_valid(write_request(documents.HEADER, payload, dtd="Fulfill.dtd"), "Fulfill.dtd")


@settings(deadline=None, max_examples=50)
@given(documents.ship_notices)
def test_ship_notices(notice: ShipNotice) -> None:
    payload = write_ship_notice(notice, replaces="earlier@supplier")
    assert_valid(write_request(documents.HEADER, payload, dtd="Fulfill.dtd"), "Fulfill.dtd")


def test_profile_request_and_response() -> None:
    assert_valid(write_request(documents.HEADER, profile_request()), "cXML.dtd")
    profile = profile_response({"OrderRequest": "https://network.test/"}, effective_at=documents.SENT_AT)
    response = write_response(200, message_id="a@b", sent_at=documents.SENT_AT, payload=profile)
    assert_valid(response, "cXML.dtd")


@pytest.mark.parametrize("code", [200, 201, 400, 401, 406, 409, 413, 450, 500, 560])
def test_responses(code: int) -> None:
    raw = write_response(code, "Say <what> & why", message_id="a@b", sent_at=documents.SENT_AT)
    assert_valid(raw, "cXML.dtd")


def test_the_document_type_line_is_that_of_the_official_files() -> None:
    raw = write_request(documents.HEADER, profile_request(), dtd="Fulfill.dtd")
    lines = raw.decode().splitlines()
    assert lines[1] == '<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.063/Fulfill.dtd">'


def test_this_check_can_fail() -> None:
    payload = write_order(documents.an_order(), operation="new")
    payload.remove(payload[-1])
    payload.remove(payload[-1])
    with pytest.raises(AssertionError, match="OrderRequest content does not follow the DTD"):
        assert_valid(write_request(documents.HEADER, payload), "cXML.dtd")
