"""Into the cart from the catalog, the list of requisitions and the page of one."""

import io
from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.catalog import page as catalog_page
from portal.catalog.forms import quantity_name, typed_quantities
from portal.catalog.views import place, switch_of
from portal.foundation import clock
from portal.foundation.access import Permission, requires, signed_in
from portal.foundation.errors import NotAllowed
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.identity.rules import local_path
from portal.requisitions import (
    cart_lines,
    cart_page,
    cart_views,
    carts_views,
    page,
    presenters,
    queries,
    services,
)
from portal.requisitions.blueprint import blueprint
from portal.requisitions.forms import (
    AddForm,
    CloseForm,
    GuideForm,
    RequisitionFilter,
    guide_form,
    name_errors,
    row_id,
)
from portal.requisitions.lists import services as lists
from portal.requisitions.lists import views as lists_views
from portal.requisitions.wishes import views as wishes_views

EXPORTED = 10_000  # the newest, or the first as sorted; more than anybody reads

__all__ = ["blueprint", "cart_views", "carts_views", "lists_views", "wishes_views"]


# Into the cart


@blueprint.post("/cart/lines")
@requires(Permission.REQUEST)
def add() -> ResponseReturnValue:
    """Puts one offer into the cart of a location, from wherever it was seen."""
    form = AddForm()
    offer_id, location_id = row_id(form.offer.data, "item"), row_id(form.location.data, "location")
    if form.validate():
        with form.accepting():
            said = _added(form, location_id, offer_id)
    if form.is_refused:
        return _add_page(form, offer_id), 422
    for sentence, category in said:
        flash(sentence, category)
    return redirect(local_path(form.next.data or url_for("requisitions.cart")), 303)


def _added(form: AddForm, location_id: int, offer_id: int) -> list[tuple[str, str]]:
    """Puts it into the cart, as it was bought before where a line says so; what to say of it."""
    if not form.like.data:
        line = services.add(actor(), location_id, offer_id, form.packs())
        return [(f"In the cart: {cart_lines.in_cart(line)}.", "success")]
    loaded = lists.line_again(actor(), location_id, row_id(form.like.data, "line"), form.packs())
    return lists_views.said(loaded)


def _add_page(form: AddForm, offer_id: int) -> str:
    shown = cart_page.offer(offer_id)
    back = local_path(form.next.data or url_for("catalog.search"))
    return render_template("requisitions/add.html", form=form, offer=shown, back=back)


@blueprint.post("/guide")
@requires(Permission.REQUEST)
def add_guide() -> ResponseReturnValue:
    """Puts what was typed into the order guide into the cart: all of it, or one row by its own button."""
    typed = typed_quantities(request.form)
    only = row_id(request.form["only"], "item") if "only" in request.form else None
    form = guide_form(typed if only is None else [only])
    location_id = row_id(form.location.data, "location")
    wanted = form.quantities_or_one(only) if form.validate() else {}
    if not form.is_refused:
        with form.accepting():
            services.add_all(actor(), location_id, wanted)
    if form.is_refused:
        return _guide_page(location_id, typed, form), 422
    flash(cart_lines.added(len(wanted)), "success")
    left: dict[str, Any] = {quantity_name(one): text for one, text in typed.items() if one not in wanted}
    return redirect(url_for("catalog.guide", **left), 303)


def _guide_page(location_id: int, typed: Mapping[int, str], form: GuideForm) -> str:
    chosen = place(Permission.REQUEST, location_id)
    shown = catalog_page.guide(actor(), chosen.location, typed, form.errors_of_offers())
    name_errors(form, catalog_page.boxes(shown["guides"]))
    return render_template("catalog/guide.html", switch=switch_of(chosen), form=form, **shown)


# What was requested


@blueprint.get("/requisitions")
@signed_in
def listing() -> ResponseReturnValue:
    """Requisitions of the person and of the places they follow."""
    _require()
    form = RequisitionFilter(request.args)
    found = paginate(queries.listing(actor(), form.wanted()), request.args.get("page", 1, type=int))
    rows = presenters.rows(found.rows, queries.order_parts([one.id for one in found.rows]))
    export_url = f"{url_for('requisitions.export')}?{request.query_string.decode()}"
    return render_template(
        "requisitions/listing.html", form=form, page=found, rows=rows, export_url=export_url
    )


@blueprint.get("/requisitions.csv")
@signed_in
def export() -> ResponseReturnValue:
    """The same list, all pages, as a file with one row for each line."""
    _require()
    found = paginate(queries.listing(actor(), RequisitionFilter(request.args).wanted()), 1, per_page=EXPORTED)
    parts = queries.order_parts([one.id for one in found.rows])
    content = io.BytesIO(presenters.file(found.rows, parts))
    name = f"requisitions-{clock.today(current_user.time_zone).isoformat()}.csv"
    return send_file(content, mimetype="text/csv", as_attachment=True, download_name=name)


def _require() -> None:
    if not any(actor().can(one) for one in (Permission.REQUEST, Permission.VIEW_ORDERS)):
        raise NotAllowed("Your role does not show requisitions. Ask your administrator for access.")


@blueprint.get("/requisitions/<int:requisition_id>")
@signed_in
def show(requisition_id: int) -> ResponseReturnValue:
    """One requisition with everything known of it."""
    requisition = queries.for_person(actor(), requisition_id)
    return render_template("requisitions/show.html", **page.context(actor(), requisition))


@blueprint.get("/requisitions/<int:requisition_id>/live")
@signed_in
def live(requisition_id: int) -> ResponseReturnValue:
    """The changing part of the page; nothing when it is still as seen."""
    requisition = queries.for_person(actor(), requisition_id)
    shown = page.changing(actor(), requisition)
    if request.args.get("seen") == shown["seen"]:
        return "", 204
    return render_template("requisitions/live.html", **shown)


@blueprint.post("/requisitions/<int:requisition_id>/withdraw")
@requires(Permission.REQUEST)
def withdraw(requisition_id: int) -> ResponseReturnValue:
    """Takes back what nobody has decided yet."""
    requisition = services.withdraw(actor(), requisition_id)
    flash(f"{requisition.number} is withdrawn. Its budget is free again.", "success")
    return redirect(url_for("requisitions.show", requisition_id=requisition_id), 303)


@blueprint.get("/requisitions/<int:requisition_id>/lines/<int:line_id>/close")
@signed_in
def close_line(requisition_id: int, line_id: int) -> ResponseReturnValue:
    """Asks why the open part of a line is closed."""
    requisition = queries.for_person(actor(), requisition_id)
    shown = page.closing(actor(), requisition, line_id)
    return render_template("requisitions/close.html", form=CloseForm(), **shown)


@blueprint.post("/requisitions/<int:requisition_id>/lines/<int:line_id>/close")
@signed_in
def close_line_submit(requisition_id: int, line_id: int) -> ResponseReturnValue:
    """Closes the open part of a line."""
    requisition = queries.for_person(actor(), requisition_id)
    form = CloseForm()
    if form.validate():
        with form.accepting():
            services.close_line(actor(), requisition_id, line_id, form.sentence())
    if form.is_refused:
        shown = page.closing(actor(), requisition, line_id)
        return render_template("requisitions/close.html", form=form, **shown), 422
    flash("The line is closed. The budget it held is free again.", "success")
    return redirect(url_for("requisitions.show", requisition_id=requisition_id), 303)
