"""The PDF of an order, as it stands now."""

from integrations.formats.pdf import order_pdf
from portal.identity.queries import organization
from portal.orders import outbound
from portal.orders.models import PurchaseOrder


def as_pdf(order: PurchaseOrder) -> bytes:
    """What the supplier would get, as a PDF."""
    return order_pdf(outbound.document(order, bill_to=organization().name))
