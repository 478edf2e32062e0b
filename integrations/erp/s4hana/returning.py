"""Taking goods receipts back as SAP S/4HANA wants it: a cancellation (102) or a return delivery (122).

Names and lengths are those of the metadata of API_MATERIAL_DOCUMENT_SRV; Cancel is its function import.
"""

from collections.abc import Mapping, Sequence

from integrations.canonical import Receipt, ReceiptLine
from integrations.erp.s4hana import mapping
from integrations.erp.s4hana.settings import Settings
from integrations.errors import Rejected
from integrations.formats.odata import date_literal, string_literal
from integrations.returns import ReceiptReversal, SupplierReturn

RETURN = "122"
ITEM_TEXT = 50


def cancel_parameters(document: ReceiptReversal) -> dict[str, str]:
    """What the function import Cancel is called with; raises Rejected for a number that is none."""
    number, year = _number(document)
    return {
        "MaterialDocument": string_literal(number),
        "MaterialDocumentYear": string_literal(year),
        "PostingDate": date_literal(document.reversed_on),
    }


def cancel_filter(document: ReceiptReversal) -> str:
    """Which items of material documents reverse this one."""
    number, year = _number(document)
    return (
        f"ReversedMaterialDocument eq {string_literal(number)}"
        f" and ReversedMaterialDocumentYear eq {string_literal(year)}"
    )


def _number(document: ReceiptReversal) -> tuple[str, str]:
    number, _, year = document.erp_number.partition("/")
    if not number or not year:
        raise Rejected(f"the ERP's receipt is {document.erp_number!r}; a number and a year are needed")
    return number, year


def supplier_return(document: SupplierReturn, settings: Settings) -> mapping.MappedReceipt:
    """The deep insert of one return: that of a receipt with another movement and why it goes back."""
    mapped = mapping.receipt(as_receipt(document), settings)
    items = mapped.payload["to_MaterialDocumentItem"]
    assert isinstance(items, list), "the mapping of a receipt lists its items"
    text = f"RMA {document.authorization}: {document.reason}"[:ITEM_TEXT]
    for item in items:
        item["GoodsMovementType"] = RETURN
        item.setdefault("MaterialDocumentItemText", text)
    return mapped


def as_receipt(document: SupplierReturn) -> Receipt:
    """The return as if its goods came instead of going."""
    lines = [ReceiptLine(**line.model_dump()) for line in document.lines]
    return Receipt(
        number=document.number,
        order_number=document.order_number,
        erp_order_number=document.erp_order_number,
        facility=document.facility,
        location=document.location,
        received_on=document.returned_on,
        lines=tuple(lines),
    )


def is_return(document: SupplierReturn, items: Sequence[Mapping[str, object]]) -> bool:
    """Whether a material document with these items sends this order's goods back."""
    wanted = (document.erp_order_number, RETURN)
    return any((item.get("PurchaseOrder"), item.get("GoodsMovementType")) == wanted for item in items)
