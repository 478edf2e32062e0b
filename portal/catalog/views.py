"""The order guide, the search and the page of an item."""

import re
from typing import Any

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.catalog import favorites, page
from portal.catalog.forms import PlaceForm, SearchForm, quantity_name, typed_quantities
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.identity.rules import local_path

# Our own numbers, such as PO26-0000025: the box on top is for documents too, and no item has one.
DOCUMENT = re.compile(r"[A-Za-z]{2}\d{2}-\d{7}")

blueprint = Blueprint("catalog", __name__)


def place(permission: Permission, asked: int | None = None) -> page.Place:
    """The location asked for, else the one used last, else the person's own."""
    asked = request.args.get("location", type=int) if asked is None else asked
    remembered = (session.get("location_id"), current_user.home_location_id)
    chosen = page.choose_place(actor(), permission, asked, remembered)
    if asked is not None:
        session["location_id"] = chosen.location.id
    return chosen


def switch_of(chosen: page.Place) -> PlaceForm:
    """The choice of another location."""
    form = PlaceForm(formdata=None)
    form.offer_places(chosen.location, chosen.choices)
    return form


@blueprint.get("/guide")
@requires(Permission.REQUEST)
def guide() -> ResponseReturnValue:
    """What the location orders again and again; the address may carry what was typed."""
    chosen = place(Permission.REQUEST)
    typed, fill = typed_quantities(request.args), "fill" in request.args
    shown = page.guide(actor(), chosen.location, typed, {}, fill=fill)
    return render_template("catalog/guide.html", switch=switch_of(chosen), form=None, **shown)


@blueprint.post("/guide/fill")
@requires(Permission.REQUEST)
def fill() -> ResponseReturnValue:
    """Puts the suggestions into the boxes that are still empty."""
    typed = typed_quantities(request.form)
    left: dict[str, Any] = {quantity_name(offer_id): text for offer_id, text in typed.items()}
    return redirect(url_for("catalog.guide", fill=1, **left), 303)


@blueprint.get("/catalog")
@requires(Permission.VIEW_CATALOG)
def search() -> ResponseReturnValue:
    """Everything that can be requested, found by words, numbers or a barcode."""
    if DOCUMENT.fullmatch(request.args.get("q", "").strip()):
        return redirect(url_for("operations.find", q=request.args["q"].strip()))
    chosen = place(Permission.VIEW_CATALOG)
    form = SearchForm(request.args)
    form.offer_places(chosen.location, chosen.choices)
    shown = page.search(actor(), chosen.location, form, request.args.get("page", 1, type=int))
    return render_template("catalog/search.html", form=form, **shown)


@blueprint.get("/catalog/results")
@requires(Permission.VIEW_CATALOG)
def results() -> ResponseReturnValue:
    """The best matches while somebody types, for the search box on top of every page."""
    words = request.args.get("q", "").strip()
    chosen = place(Permission.VIEW_CATALOG)
    rows = page.results(chosen.location, words) if len(words) > 1 else []
    return render_template("catalog/results.html", rows=rows, words=words)


@blueprint.get("/catalog/items/<int:item_id>")
@requires(Permission.VIEW_CATALOG)
def item(item_id: int) -> ResponseReturnValue:
    """An item with its offers."""
    chosen = place(Permission.VIEW_CATALOG)
    shown = page.item(actor(), chosen.location, item_id)
    return render_template("catalog/item.html", switch=switch_of(chosen), **shown)


@blueprint.post("/catalog/items/<int:item_id>/favorite")
@requires(Permission.VIEW_CATALOG)
def favorite(item_id: int) -> ResponseReturnValue:
    """Marks an item for this person, or takes the mark away; leads back to where it was seen."""
    favorites.mark(actor(), item_id, is_favorite="off" not in request.form)
    back = request.form.get("next") or url_for("catalog.item", item_id=item_id)
    return redirect(local_path(back), 303)
