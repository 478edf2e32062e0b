"""Shopping lists: buy again, favorites, templates and standing orders."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place, switch_of
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.requisitions.blueprint import blueprint
from portal.requisitions.lists import page, queries, services
from portal.requisitions.lists.forms import StandingForm, TemplateForm
from portal.requisitions.lists.services import Loaded
from portal.requisitions.queries import own


@blueprint.get("/lists")
@requires(Permission.REQUEST)
def lists() -> ResponseReturnValue:
    """What this person and this place request again and again."""
    chosen = place(Permission.REQUEST)
    shown = page.context(actor(), chosen.location)
    return render_template("requisitions/lists.html", switch=switch_of(chosen), **shown)


@blueprint.post("/requisitions/<int:requisition_id>/again")
@requires(Permission.REQUEST)
def request_again(requisition_id: int) -> ResponseReturnValue:
    """A whole past requisition into the cart."""
    past, loaded = services.request_again(actor(), requisition_id)
    return _to_cart(past.location_id, loaded)


def _to_cart(location_id: int, loaded: Loaded) -> ResponseReturnValue:
    for sentence, category in said(loaded):
        flash(sentence, category)
    return redirect(url_for("requisitions.cart", location=location_id), 303)


def said(loaded: Loaded) -> list[tuple[str, str]]:
    """What came of loading, each sentence with its kind."""
    missing = services.names(loaded.missing)
    return [
        (f"{loaded.added} item{'s' if loaded.added != 1 else ''} added to the cart.", "success"),
        *([(f"Left out, as nobody offers it now: {missing}.", "warning")] if missing else []),
        *((sentence, "warning") for sentence in loaded.said),
    ]


@blueprint.get("/cart/<int:cart_id>/template")
@requires(Permission.REQUEST)
def save_template(cart_id: int) -> ResponseReturnValue:
    """Asks for the name of a template."""
    return _template_page(cart_id, TemplateForm())


@blueprint.post("/cart/<int:cart_id>/template")
@requires(Permission.REQUEST)
def save_template_submit(cart_id: int) -> ResponseReturnValue:
    """Keeps the lines of a cart under a name."""
    form = TemplateForm()
    if form.validate():
        with form.accepting():
            name, is_shared = form.name.data, form.is_shared.data
            template = services.save_template(actor(), cart_id, name, is_shared=is_shared)
    if form.is_refused:
        return _template_page(cart_id, form), 422
    flash(f"The template {template.name} is saved.", "success")
    return redirect(url_for("requisitions.lists", location=template.location_id), 303)


def _template_page(cart_id: int, form: TemplateForm) -> str:
    cart = own(actor(), cart_id)
    return render_template("requisitions/template.html", form=form, cart=cart)


@blueprint.post("/templates/<int:template_id>/load")
@requires(Permission.REQUEST)
def load_template(template_id: int) -> ResponseReturnValue:
    """The lines of a template into the cart."""
    template, loaded = services.load_template(actor(), template_id)
    return _to_cart(template.location_id, loaded)


@blueprint.post("/templates/<int:template_id>/delete")
@requires(Permission.REQUEST)
def delete_template(template_id: int) -> ResponseReturnValue:
    """Takes a template away."""
    template = services.delete_template(actor(), template_id)
    flash(f"The template {template.name} is deleted.", "success")
    return redirect(url_for("requisitions.lists", location=template.location_id), 303)


@blueprint.get("/templates/<int:template_id>/standing")
@requires(Permission.REQUEST)
def begin_standing(template_id: int) -> ResponseReturnValue:
    """Asks how often a template is requested by itself."""
    return _standing_page(template_id, StandingForm())


@blueprint.post("/templates/<int:template_id>/standing")
@requires(Permission.REQUEST)
def begin_standing_submit(template_id: int) -> ResponseReturnValue:
    """Begins a standing order."""
    form, template = StandingForm(), queries.template(actor(), template_id)
    if form.validate():
        with form.accepting():
            services.begin_standing(actor(), template_id, *form.rhythm())
    if form.is_refused:
        return _standing_page(template_id, form), 422
    flash(f"{template.name} is requested by itself from now on.", "success")
    return redirect(url_for("requisitions.lists", location=template.location_id), 303)


def _standing_page(template_id: int, form: StandingForm) -> str:
    template = queries.template(actor(), template_id)
    return render_template("requisitions/standing.html", form=form, template=template)


@blueprint.post("/standing/<int:order_id>/pause")
@requires(Permission.REQUEST)
def pause_standing(order_id: int) -> ResponseReturnValue:
    """Pauses a standing order, or lets it go on."""
    order = services.pause_standing(actor(), order_id, is_paused="paused" in request.form)
    return redirect(url_for("requisitions.lists", location=order.template.location_id), 303)


@blueprint.post("/standing/<int:order_id>/end")
@requires(Permission.REQUEST)
def end_standing(order_id: int) -> ResponseReturnValue:
    """Ends a standing order."""
    location_id = services.end_standing(actor(), order_id)
    flash("The standing order is ended.", "success")
    return redirect(url_for("requisitions.lists", location=location_id), 303)
