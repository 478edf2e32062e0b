"""Keeps the letter that took an order to its supplier, for the buyer's mailbox."""

from integrations.canonical import PurchaseOrder as Document
from integrations.network.mail.mapping import body, subject
from portal.exchange.models import Message, Partner
from portal.foundation import mail
from portal.foundation.db import db
from portal.foundation.mail import MailState
from portal.orders.models import PurchaseOrder


def keep_letter(order: PurchaseOrder, message: Message) -> None:
    """Once for each letter; nothing for an order that went over a network."""
    partner = db.session.get(Partner, message.partner_id)
    if partner is None or partner.adapter != "mail":
        return
    sent = Document.model_validate(message.canonical)
    mail.write(
        key=f"order-letter:{message.key}",
        account_id=order.buyer_id,
        address=sent.supplier_email,
        subject=subject(sent),
        body=f"{body(sent)}\nAttached: {order.number}.pdf",
        state=MailState.KEPT,
    )
