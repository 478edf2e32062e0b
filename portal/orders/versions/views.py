"""Changing an order that was placed."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.web import actor
from portal.orders import queries as orders
from portal.orders.presenters import to_tell
from portal.orders.versions import presenters, proposing, queries
from portal.orders.versions.forms import ChangeForm, filled

blueprint = Blueprint("order_versions", __name__, url_prefix="/orders")


@blueprint.get("/<int:order_id>/change")
@requires(Permission.BUY)
def change(order_id: int) -> ResponseReturnValue:
    """What can be changed of an order."""
    order = found(orders.for_person(actor(), order_id), "order")
    lines = presenters.changeable(order)
    form = filled(lines, version=order.version, location_id=order.location_id)
    return _page(form, order_id)


@blueprint.post("/<int:order_id>/change")
@requires(Permission.BUY)
def change_submit(order_id: int) -> ResponseReturnValue:
    """Makes the next version."""
    form = ChangeForm()
    order = found(orders.for_person(actor(), order_id), "order")
    form.offer(_places(order.location.facility_id))
    asked = ""
    if form.validate():
        with form.accepting():
            asked = proposing.change_or_ask(
                actor(), order_id, form.wishes(),
                location_id=form.location.data, reason=form.reason.data, seen=form.version_seen(),
            )  # fmt: skip
    if form.is_refused:
        return _page(form, order_id), form.refusal
    flash(asked or _made(order_id), "info" if asked else "success")
    return redirect(url_for("orders.show", order_id=order_id), 303)


def _made(order_id: int) -> str:
    order = found(orders.for_person(actor(), order_id), "order")
    return f"{order.number} is version {order.version} now. {to_tell(order)}".strip()


def _places(facility_id: int) -> dict[int, str]:
    return {place.id: place.name for place in queries.places_of(facility_id)}


def _page(form: ChangeForm, order_id: int) -> str:
    order = found(orders.for_person(actor(), order_id), "order")
    form.offer(_places(order.location.facility_id))
    known = {str(line.id): line for line in presenters.changeable(order)}
    rows = [(known.get(row.line_id.data or ""), row) for row in form.lines]
    return render_template(
        "orders/versions/change.html", form=form, order=order,
        rows=[row for row in rows if row[0]], tell=to_tell(order),
    )  # fmt: skip
