"""An order as a PDF."""

import io

from flask import Blueprint, send_file
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.web import actor
from portal.orders import queries as orders
from portal.orders.paper.documents import as_pdf

blueprint = Blueprint("paper", __name__, url_prefix="/orders")


@blueprint.get("/<int:order_id>/order.pdf")
@requires(Permission.VIEW_ORDERS)
def pdf(order_id: int) -> ResponseReturnValue:
    """The order as the supplier would get it."""
    order = found(orders.for_person(actor(), order_id), "order")
    return send_file(
        io.BytesIO(as_pdf(order)), mimetype="application/pdf", download_name=f"{order.number}.pdf"
    )
