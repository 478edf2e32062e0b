"""Documents written by others, read in place: each becomes a document or a named error with its line."""

from decimal import Decimal
from pathlib import Path

import pytest

from integrations.canonical import Confirmation, PurchaseOrder, ShipNotice
from integrations.errors import Unreadable
from integrations.formats.cxml.envelope import open_envelope
from integrations.translate import READABLE, translate
from tests.samples import SAMPLES, needs_samples

FOLDER = SAMPLES / "cxml"
FILES = sorted(FOLDER.glob("*.xml")) or [FOLDER / "absent.xml"]
NOT_CXML = {"FriendsOfCXML__samples_Index.xml": "begins with Index"}
REFUSED = {"officeluv__fixtures_invoice_taxes_at_line.xml": ("Money is empty", "line 77")}
pytestmark = needs_samples


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_envelope_is_opened(path: Path) -> None:
    if path.name in NOT_CXML:
        with pytest.raises(Unreadable, match=NOT_CXML[path.name]):
            open_envelope(path.read_bytes())
        return
    envelope = open_envelope(path.read_bytes())
    assert envelope.message_id
    assert all((*envelope.sender, *envelope.from_, *envelope.to))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_document_is_read_or_refused_by_name(path: Path) -> None:
    raw = path.read_bytes()
    readable = path.name not in NOT_CXML and open_envelope(raw).kind in READABLE
    if readable and path.name not in REFUSED:
        assert translate(raw).format.startswith("cxml 1.2.")
        return
    says, position = REFUSED.get(path.name, ("cannot be read yet", "line "))
    with pytest.raises(Unreadable, match=says) as caught:
        translate(raw)
    assert caught.value.position.startswith(position)


def test_a_hospitals_confirmation() -> None:
    found = translate((FOLDER / "officeluv__fixtures_request_doc.xml").read_bytes()).document
    assert isinstance(found, Confirmation)
    assert found.order_number == "400-2591453-0"
    assert [(line.line_number, line.quantity, line.uom) for line in found.lines] == [
        (1, Decimal(20), "RM"),
        (2, Decimal(12), "BX"),
        (3, Decimal(2), "EA"),
    ]
    prices = [line.parts[0].unit_price for line in found.lines]
    assert [price.amount for price in prices if price] == [Decimal("4.44"), Decimal("1.52"), Decimal("4.14")]


def test_a_ship_notice_of_a_whole_order() -> None:
    found = translate((FOLDER / "FriendsOfCXML__samples_ShipNoticeRequest.xml").read_bytes()).document
    assert isinstance(found, ShipNotice)
    assert (found.number, found.whole_orders, found.carrier) == ("S2-123", ("DO1234",), "Federal Express")


def test_an_order_of_another_portal() -> None:
    found = translate((FOLDER / "officeluv__fixtures_order_request.xml").read_bytes()).document
    assert isinstance(found, PurchaseOrder)
    assert (found.number, found.ship_to.code, found.total) == ("3309", "21444", Decimal("91.71"))
    assert found.lines[0].assignments[0].cost_center == "c50"
