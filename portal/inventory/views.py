"""What is on hand at a location; the other modules of the pages."""

import io

from flask import render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place
from portal.foundation import clock
from portal.foundation.access import Permission, requires
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.inventory import count_views, lot_views, presenters, queries
from portal.inventory.blueprint import blueprint
from portal.inventory.forms import StockFilter
from portal.inventory.queries import StockRow

__all__ = ["blueprint", "count_views", "lot_views"]


@blueprint.get("/stock")
@requires(Permission.VIEW_STOCK)
def stock() -> ResponseReturnValue:
    """Items with stock or par at a location."""
    chosen = place(Permission.VIEW_STOCK)
    location = chosen.location
    form = StockFilter(request.args)
    form.offer_places(location, chosen.choices)
    today = clock.today(location.facility.time_zone)
    page = paginate(queries.stock_at(location.id, form.wanted(today)), request.args.get("page", 1, type=int))
    found = [StockRow(*columns) for columns in page.rows]
    lots = queries.lots_at(location.id, {row.item_id for row in found})
    rows = presenters.item_rows(found, lots, today)
    return render_template(
        "inventory/stock.html",
        form=form,
        page=page,
        rows=rows,
        place=location,
        may_open=actor().can(Permission.VIEW_CATALOG),
        may_count=actor().can(Permission.COUNT_STOCK, facility_id=location.facility_id),
        export_url=url_for("inventory.export", **form.arguments()),
    )


@blueprint.get("/stock.csv")
@requires(Permission.VIEW_STOCK)
def export() -> ResponseReturnValue:
    """The same, all pages, as a file with one line for each lot."""
    location = place(Permission.VIEW_STOCK).location
    today = clock.today(location.facility.time_zone)
    rows = queries.rows_at(queries.stock_at(location.id, StockFilter(request.args).wanted(today)))
    lots = queries.lots_at(location.id, {row.item_id for row in rows})
    content = io.BytesIO(presenters.file(rows, lots, today))
    name = f"stock-{location.code}-{today.isoformat()}.csv"
    return send_file(content, mimetype="text/csv", as_attachment=True, download_name=name)
