"""A purchase order as a letter with the PDF attached (RFC 5322, RFC 2183)."""

from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from hashlib import sha256

from integrations.canonical import PurchaseOrder
from integrations.errors import Rejected
from integrations.formats.pdf import order_pdf


def letter(order: PurchaseOrder, *, sender: str, message_id: str) -> EmailMessage:
    """The letter; its Message-ID is the same on every try, so that a repeat is recognized.

    Raises Rejected for a supplier without an address.
    """
    if not order.supplier_email:
        raise Rejected(f"{order.supplier_name or order.supplier} has no e-mail address")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, order.supplier_email, subject(order)
    message["Date"] = format_datetime(order.ordered_at)
    host = parseaddr(sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<order-{sha256(message_id.encode()).hexdigest()[:32]}@{host}>"
    message.set_content(body(order))
    message.add_attachment(
        order_pdf(order), maintype="application", subtype="pdf", filename=f"{order.number}.pdf"
    )
    return message


def subject(order: PurchaseOrder) -> str:
    """What the order is, in one line."""
    if order.is_cancelled:
        return f"Cancelled: purchase order {order.number} from {order.bill_to.name}"
    changed = f", changed (version {order.version})" if order.version > 1 else ""
    return f"Purchase order {order.number} from {order.bill_to.name}{changed}"


def body(order: PurchaseOrder) -> str:
    """The letter's words; everything that counts stands in the attachment."""
    if order.is_cancelled:
        wish = f"Please do not deliver purchase order {order.number}: it is cancelled."
    elif order.version > 1:
        wish = f"Purchase order {order.number} has changed. The attached version {order.version} counts."
    else:
        wish = f"Please find purchase order {order.number} attached."
    return (
        f"{wish}\n\nShip to: {order.ship_to.deliver_to}, {order.ship_to.name}\n"
        f"Lines: {len(order.lines)}, total {order.total:,.2f} {order.currency}\n\n"
        "Please answer to this letter with what you will deliver and when.\n"
    )
