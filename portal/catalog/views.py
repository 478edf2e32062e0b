"""The order guide, the search and the page of an item."""

from flask import Blueprint, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.catalog import page
from portal.catalog.forms import PlaceForm, SearchForm, typed_quantities
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.masterdata.models import Location

blueprint = Blueprint("catalog", __name__)


def place(permission: Permission) -> tuple[Location, list[Location]]:
    """The location asked for in the address, else the one used last, else the person's own."""
    asked = request.args.get("location", type=int)
    remembered = (session.get("location_id"), current_user.home_location_id)
    chosen, choices = page.choose_place(actor(), permission, asked, remembered)
    if asked is not None:
        session["location_id"] = chosen.id
    return chosen, choices


@blueprint.get("/guide")
@requires(Permission.REQUEST)
def guide() -> ResponseReturnValue:
    """What the location orders again and again."""
    location, choices = place(Permission.REQUEST)
    switch = PlaceForm(request.args)
    switch.offer_places(location, choices)
    shown = page.guide(actor(), location, typed_quantities(request.args), {})
    return render_template("catalog/guide.html", switch=switch, form=None, **shown)


@blueprint.get("/catalog")
@requires(Permission.VIEW_CATALOG)
def search() -> ResponseReturnValue:
    """Everything that can be requested, found by words, numbers or a barcode."""
    location, choices = place(Permission.VIEW_CATALOG)
    form = SearchForm(request.args)
    form.offer_places(location, choices)
    shown = page.search(actor(), location, form, request.args.get("page", 1, type=int))
    return render_template("catalog/search.html", form=form, **shown)


@blueprint.get("/catalog/results")
@requires(Permission.VIEW_CATALOG)
def results() -> ResponseReturnValue:
    """The best matches while somebody types, for the search box on top of every page."""
    words = request.args.get("q", "").strip()
    location, _ = place(Permission.VIEW_CATALOG)
    rows = page.results(location, words) if len(words) > 1 else []
    return render_template("catalog/results.html", rows=rows, words=words)


@blueprint.get("/catalog/items/<int:item_id>")
@requires(Permission.VIEW_CATALOG)
def item(item_id: int) -> ResponseReturnValue:
    """An item with its offers."""
    location, choices = place(Permission.VIEW_CATALOG)
    switch = PlaceForm(request.args)
    switch.offer_places(location, choices)
    return render_template("catalog/item.html", switch=switch, **page.item(actor(), location, item_id))
