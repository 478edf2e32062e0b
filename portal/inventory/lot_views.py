"""A lot and what is done with it; lots that expire."""

import io
from datetime import timedelta

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.access import Permission, requires
from portal.foundation.errors import NotFound
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.inventory import handling, lot_presenters, queries
from portal.inventory.blueprint import blueprint
from portal.inventory.forms import AdjustForm, ExpiryFilter, HandleForm
from portal.inventory.lot_presenters import ACTIONS
from portal.masterdata.queries import locations_for


@blueprint.get("/stock/lots/<int:stock_id>")
@requires(Permission.VIEW_STOCK)
def lot(stock_id: int) -> ResponseReturnValue:
    """One lot with its movements; `do` names what is to be done with it."""
    action = request.args.get("do", "")
    return _lot_page(stock_id, action, _form(action, None) if action in ACTIONS else None)


def _lot_page(stock_id: int, action: str, form: HandleForm | None) -> str:
    stock = queries.stock(stock_id)
    actor().require(Permission.VIEW_STOCK, facility_id=stock.location.facility_id)
    may_handle = actor().can(Permission.COUNT_STOCK, facility_id=stock.location.facility_id)
    if form is not None:
        form.offer_places(locations_for(actor(), Permission.VIEW_STOCK), stock.location_id)
    shown = lot_presenters.lot(stock, queries.movements_of(stock), may_handle=may_handle)
    chosen = ACTIONS.get(action) if may_handle else None
    return render_template("inventory/lot.html", form=form, action=action, chosen=chosen, **shown)


def _form(action: str, formdata: object) -> HandleForm:
    kind = AdjustForm if action == "adjust" else HandleForm
    return kind(formdata=formdata) if formdata is None else kind()


@blueprint.post("/stock/lots/<int:stock_id>/<action>")
@requires(Permission.COUNT_STOCK)
def handle(stock_id: int, action: str) -> ResponseReturnValue:
    """Does it."""
    if action not in ACTIONS:
        raise NotFound("This cannot be done with a lot.")
    form = _form(action, request.form)
    form.offer_places(locations_for(actor(), Permission.VIEW_STOCK), 0)
    if form.validate():
        with form.accepting():
            _do(action, form, stock_id)
    if form.is_refused:
        return _lot_page(stock_id, action, form), 422
    flash(ACTIONS[action].done, "success")
    return redirect(url_for("inventory.lot", stock_id=stock_id), 303)


def _do(action: str, form: HandleForm, stock_id: int) -> None:
    service, handled = ACTIONS[action].service, form.handled(stock_id)
    if service is None:
        handling.transfer(actor(), handled, form.to_location_id())
    else:
        service(actor(), handled)


@blueprint.get("/stock/expiring")
@requires(Permission.VIEW_STOCK)
def expiring() -> ResponseReturnValue:
    """Lots that have expired or soon will, everywhere the person sees stock."""
    form = ExpiryFilter(request.args)
    form.offer_all(locations_for(actor(), Permission.VIEW_STOCK))
    today = clock.today()
    by = today + timedelta(days=form.within() or -1)
    statement = queries.expiring(actor(), by, location_id=form.location_id())
    if "csv" in request.args:
        content = io.BytesIO(lot_presenters.expiry_file(queries.every(statement)))
        return send_file(content, mimetype="text/csv", as_attachment=True, download_name=f"expiring-{by}.csv")
    page = paginate(statement, request.args.get("page", 1, type=int))
    rows = lot_presenters.expiring(page.rows, today)
    return render_template("inventory/expiring.html", form=form, page=page, rows=rows)
