"""What is written as cXML is read back equal: orders, confirmations, ship notices."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from lxml import etree

from integrations.canonical import (
    AccountAssignment,
    Confirmation,
    PurchaseOrder,
    PurchaseOrderLine,
    ShipNotice,
)
from integrations.formats.cxml.confirmations import read_confirmation, write_confirmation
from integrations.formats.cxml.envelope import body, open_envelope, open_root, write_request
from integrations.formats.cxml.orders import charges, read_order, write_order
from integrations.formats.cxml.reading import Reader
from integrations.formats.cxml.ship_notices import read_ship_notice, write_ship_notice
from integrations.registry import INBOUND
from tests.unit import cxml_documents as documents

PROLOG = "<?xml version='1.0' encoding='UTF-8'?>"


def sent(payload: etree._Element, dtd: str = "Fulfill.dtd") -> tuple[etree._Element, etree._Element, Reader]:
    """The payload after a trip through bytes: the document, its root, a fresh reader."""
    root, _ = open_root(write_request(documents.HEADER, payload, dtd=dtd))
    return body(root), root, Reader()


@settings(deadline=None)
@given(documents.confirmations)
def test_a_confirmation_survives(confirmation: Confirmation) -> None:
    request, root, reader = sent(write_confirmation(confirmation, replaces="earlier@supplier"))
    assert read_confirmation(request, root, reader) == confirmation


@settings(deadline=None)
@given(documents.ship_notices)
def test_a_ship_notice_survives(notice: ShipNotice) -> None:
    request, root, reader = sent(write_ship_notice(notice))
    assert read_ship_notice(request, root, reader) == notice


@settings(deadline=None)
@given(documents.orders)
def test_an_order_survives(order: PurchaseOrder) -> None:
    request, _, reader = sent(write_order(order, operation="new"), "cXML.dtd")
    assert read_order(request, "AN-SUPPLIER", reader) == order
    assert reader.warnings == []


@given(documents.order_lines)
def test_charges_of_the_cost_centers_add_up_to_the_line(line: PurchaseOrderLine) -> None:
    assert sum(charges(line)) == round(line.quantity * line.unit_price.amount, 2)


def test_charges_of_a_split_line_follow_the_quantities() -> None:
    line = documents.an_order().lines[0]
    assert charges(line) == [Decimal("94.25"), Decimal("195.75")]


def test_charges_of_payers_who_share_a_line_are_those_they_agreed_on() -> None:
    line = documents.an_order().lines[0]
    amounts = ("193.34", "96.66")
    shares = tuple(
        AccountAssignment(
            cost_center=f"CC-{amount}", gl_account="651000", quantity=Decimal(2), amount=Decimal(amount)
        )
        for amount in amounts
    )
    assert charges(line.model_copy(update={"assignments": shares})) == [Decimal(amount) for amount in amounts]


def test_the_envelope_says_who_sends_what() -> None:
    raw = write_request(documents.HEADER, write_order(documents.an_order(), operation="new"))
    envelope = open_envelope(raw)
    assert envelope.message_id == "PO-26-000001.1@portal"
    assert envelope.kind == "OrderRequest"
    assert envelope.sender == ("networkid", "AN-BUYER")
    assert envelope.to == ("networkid", "AN-SUPPLIER")
    assert envelope.secret == "open <sesame> & more"
    assert "sesame" not in repr(envelope)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("secret", ["open &lt;sesame> &amp; more", "open <![CDATA[<b>]]> sesame", "sesame"])
def test_a_document_is_shown_without_its_secret(secret: str, cut: bool, encoding: str) -> None:
    raw = write_request(documents.HEADER, write_order(documents.an_order(), operation="new"))
    text = raw.decode().replace("open &lt;sesame&gt; &amp; more", secret).removeprefix(PROLOG)
    end = text.index("sesame") + 6 if cut else len(text)
    shown = INBOUND["cxml"].show(text[:end].encode(encoding))
    assert "sesame" not in shown
    assert "<SharedSecret>***" in shown
    assert cut or "</OrderRequest>" in shown


def test_characters_that_xml_cannot_hold_become_spaces() -> None:
    order = documents.an_order(comments="Dock\x00 4\x1b, ring \ufffe twice")
    request, _, reader = sent(write_order(order, operation="new"), "cXML.dtd")
    assert read_order(request, "AN-SUPPLIER", reader).comments == "Dock  4 , ring   twice"
