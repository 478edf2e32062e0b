"""Which way the orders of each supplier travel."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import signed_in
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.orders.routing import queries, services
from portal.orders.routing.forms import RouteForm, SupplierFilter
from portal.orders.routing.rules import LABELS, Way
from portal.orders.views import page_number

blueprint = Blueprint("routing", __name__, url_prefix="/orders/routes")


@blueprint.get("")
@signed_in
def listing() -> ResponseReturnValue:
    """Every supplier with the way of its orders; for buyers and who keeps the master data."""
    services.check(actor())
    form = SupplierFilter(request.args)
    page = paginate(queries.suppliers((form.q.data or "").strip()[:100]), page_number())
    shown = {"ways": queries.ways(), "labels": LABELS, "usual": Way.USUAL}
    return render_template("orders/routing/listing.html", form=form, page=page, **shown)


@blueprint.get("/<int:supplier_id>")
@signed_in
def edit(supplier_id: int) -> ResponseReturnValue:
    """The way of one supplier's orders."""
    services.check(actor())
    supplier = found(queries.supplier(supplier_id), "supplier")
    way = queries.ways().get(supplier.id, Way.USUAL)
    return _page(RouteForm(data={"way": way.value, "email": supplier.email}), supplier_id)


@blueprint.post("/<int:supplier_id>")
@signed_in
def edit_submit(supplier_id: int) -> ResponseReturnValue:
    """Chooses the way."""
    form = RouteForm()
    if form.validate():
        with form.accepting():
            supplier = services.choose(actor(), supplier_id, form.chosen(), form.email.data or "")
    if form.is_refused:
        return _page(form, supplier_id), 422
    flash(f"New orders for {supplier.name} go this way from now on.", "success")
    return redirect(url_for("routing.listing"), 303)


def _page(form: RouteForm, supplier_id: int) -> str:
    supplier = found(queries.supplier(supplier_id), "supplier")
    usual = LABELS[queries.ways().get(None, Way.USUAL)]
    return render_template("orders/routing/edit.html", form=form, supplier=supplier, usual=usual)
