"""Which order a supplier's document speaks of, and when it was written."""

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from integrations.errors import Unreadable
from integrations.formats.cxml.reading import Reader, where


@dataclass(frozen=True)
class OrderRef:
    """The order number, or the payloadID of the order when the document gives nothing else."""

    number: str
    message_id: str


def read_order_reference(holder: etree._Element, reader: Reader) -> OrderRef:
    """The order named below `holder` by OrderReference or OrderIDInfo; at least one of both ids is there."""
    reference = holder.find("OrderReference")
    if reference is None:
        reference = reader.child(holder, "OrderIDInfo")
    document = reference.find("DocumentReference")
    message_id = ("" if document is None else document.get("payloadID", "")).strip()
    number = (reference.get("orderID") or "").strip()
    if not number and not message_id:
        raise Unreadable(f"{reference.tag} names no order", position=where(reference))
    if not number:
        reader.warn(reference, f"no orderID; only the payloadID {message_id} of the order")
    return OrderRef(number, message_id)


def notice_time(header: etree._Element, root: etree._Element, reader: Reader) -> datetime:
    """When the document was written: noticeDate, else the timestamp of the envelope."""
    if header.get("noticeDate"):
        return reader.instant(header, "noticeDate")
    reader.warn(header, "no noticeDate; the timestamp of the envelope is taken")
    return reader.instant(root, "timestamp")
