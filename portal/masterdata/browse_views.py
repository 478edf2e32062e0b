"""The pages that show master data: items, suppliers, contracts, places, the crosswalk."""

from flask import Blueprint, render_template, request, send_file
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.access import Permission, requires
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.masterdata import exports, listings, presenters, queries
from portal.masterdata.forms import ContractFilter, CrosswalkFilter, ItemFilter, SearchFilter

blueprint = Blueprint("masterdata", __name__, url_prefix="/master-data")


def page_number() -> int:
    """The page of a list that was asked for."""
    return request.args.get("page", 1, type=int)


@blueprint.get("/items")
@requires(Permission.MANAGE_MASTER_DATA)
def items() -> ResponseReturnValue:
    """Item master records."""
    form = ItemFilter(request.args)
    form.category.choices = {"": "Any category"} | {name: name for name in listings.categories()}
    page = paginate(listings.items(**form.wanted()), page_number())
    rows = [presenters.item_row(item) for item in page.rows]
    return render_template("masterdata/items.html", form=form, page=page, rows=rows)


@blueprint.get("/items.csv")
@requires(Permission.MANAGE_MASTER_DATA)
def items_csv() -> ResponseReturnValue:
    """The same, all pages, as a file that can be imported again."""
    content = exports.items(listings.items(**ItemFilter(request.args).wanted()))
    return send_file(content, mimetype="text/csv", as_attachment=True, download_name="items.csv")


@blueprint.get("/items/<int:item_id>")
@requires(Permission.MANAGE_MASTER_DATA)
def item(item_id: int) -> ResponseReturnValue:
    """One item with its packs and prices."""
    shown = presenters.item_page(queries.get_item(actor(), item_id), listings.called("item", item_id))
    prices = presenters.item_prices(listings.prices_of_item(item_id), clock.today())
    return render_template("masterdata/item.html", item=shown, prices=prices)


@blueprint.get("/suppliers")
@requires(Permission.MANAGE_MASTER_DATA)
def suppliers() -> ResponseReturnValue:
    """Who we order from."""
    form = SearchFilter(request.args)
    page = paginate(listings.suppliers(form.q.data or ""), page_number())
    rows = [presenters.supplier_row(one, contracts) for one, contracts in page.rows]
    return render_template("masterdata/suppliers.html", form=form, page=page, rows=rows)


@blueprint.get("/contracts")
@requires(Permission.MANAGE_MASTER_DATA)
def contracts() -> ResponseReturnValue:
    """Price agreements, those that end soonest first."""
    form, today = ContractFilter(request.args), clock.today()
    page = paginate(listings.contracts(form.q.data or "", form.validity.data or "", today), page_number())
    rows = [presenters.contract_row(one, lines, today) for one, lines in page.rows]
    return render_template("masterdata/contracts.html", form=form, page=page, rows=rows)


@blueprint.get("/contracts/<int:contract_id>")
@requires(Permission.MANAGE_MASTER_DATA)
def contract(contract_id: int) -> ResponseReturnValue:
    """One contract with its prices."""
    form, today = SearchFilter(request.args), clock.today()
    found = listings.contract(contract_id)
    page = paginate(listings.contract_lines(contract_id, form.q.data or ""), page_number())
    rows = [presenters.contract_price_row(row, found, today) for row in page.rows]
    shown = presenters.contract_row(found, page.total, today)
    return render_template("masterdata/contract.html", contract=shown, form=form, page=page, rows=rows)


@blueprint.get("/locations")
@requires(Permission.MANAGE_MASTER_DATA)
def locations() -> ResponseReturnValue:
    """Where supplies are shipped to and kept."""
    form = SearchFilter(request.args)
    page = paginate(listings.locations(form.q.data or ""), page_number())
    rows = [presenters.location_row(row) for row in page.rows]
    return render_template("masterdata/locations.html", form=form, page=page, rows=rows)


@blueprint.get("/cost-centers")
@requires(Permission.MANAGE_MASTER_DATA)
def cost_centers() -> ResponseReturnValue:
    """Cost centers with the days on which they may be charged."""
    form, today = SearchFilter(request.args), clock.today()
    page = paginate(listings.cost_centers(form.q.data or ""), page_number())
    rows = [presenters.cost_center_row(one, facility, today) for one, facility in page.rows]
    return render_template("masterdata/cost_centers.html", form=form, page=page, rows=rows)


@blueprint.get("/crosswalk")
@requires(Permission.MANAGE_MASTER_DATA)
def crosswalk() -> ResponseReturnValue:
    """Which identifier means which row in which system."""
    form = CrosswalkFilter(request.args)
    page = paginate(listings.crosswalk(form.q.data or "", form.entity.data or ""), page_number())
    names = listings.names([row for row, _ in page.rows])
    rows = [presenters.crosswalk_row(one, partner, names) for one, partner in page.rows]
    return render_template("masterdata/crosswalk.html", form=form, page=page, rows=rows)
