"""Suggestions of a location, its par levels, its policy, and the cards of empty bins."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place, switch_of
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.orders.views import page_number
from portal.replenishment import page, par_services, presenters, queries, services
from portal.replenishment.forms import (
    AcceptForm,
    CardForm,
    LevelsForm,
    NewLevelsForm,
    ParFilter,
    PolicyForm,
    SnoozeForm,
    accept_form,
)

blueprint = Blueprint("replenishment", __name__)


@blueprint.get("/replenishment")
@requires(Permission.MANAGE_PAR)
def suggestions() -> ResponseReturnValue:
    """What the location should request, one card per supplier."""
    return _suggestions({})


def _suggestions(refused: dict[int, AcceptForm], asked: int | None = None) -> str:
    chosen = place(Permission.MANAGE_PAR, asked)
    shown = page.suggestions(actor(), chosen.location, refused)
    return render_template("replenishment/suggestions.html", switch=switch_of(chosen), **shown)


@blueprint.post("/replenishment/<int:suggestion_id>")
@requires(Permission.MANAGE_PAR)
def accept(suggestion_id: int) -> ResponseReturnValue:
    """Requests what was entered."""
    suggestion = queries.suggestion(suggestion_id)
    form = accept_form({line.id: line.packs for line in suggestion.lines}, sent=True)
    if form.validate():
        with form.accepting():
            requisition = services.accept(actor(), suggestion_id, form.packs())
    if form.is_refused:
        return _suggestions({suggestion_id: form}, suggestion.location_id), form.refusal
    flash(f"{requisition.number} is submitted.", "success")
    return redirect(url_for("requisitions.show", requisition_id=requisition.id), 303)


@blueprint.get("/par/<int:par_id>/snooze")
@requires(Permission.MANAGE_PAR)
def snooze(par_id: int) -> ResponseReturnValue:
    """Asks until when an item is not suggested."""
    return _snooze_page(par_id, SnoozeForm())


def _snooze_page(par_id: int, form: SnoozeForm) -> str:
    level = queries.level(par_id)
    actor().require(Permission.MANAGE_PAR, facility_id=level.location.facility_id)
    return render_template("replenishment/snooze.html", level=level, form=form)


@blueprint.post("/par/<int:par_id>/snooze")
@requires(Permission.MANAGE_PAR)
def snooze_item(par_id: int) -> ResponseReturnValue:
    """Suggests the item no more before a day."""
    form = SnoozeForm()
    if form.validate():
        with form.accepting():
            services.snooze(actor(), par_id, until=form.until.data, reason=form.reason.data)
    if form.is_refused:
        return _snooze_page(par_id, form), 422
    flash("It is not suggested before that day.", "success")
    return redirect(url_for("replenishment.suggestions"), 303)


@blueprint.post("/par/<int:par_id>/wake")
@requires(Permission.MANAGE_PAR)
def wake(par_id: int) -> ResponseReturnValue:
    """Suggests the item again when it is needed."""
    location_id = par_services.wake(actor(), par_id)
    flash("It is suggested again when it is needed.", "success")
    return redirect(url_for("replenishment.par_levels", location=location_id), 303)


@blueprint.get("/par")
@requires(Permission.VIEW_STOCK)
def par_levels() -> ResponseReturnValue:
    """What is kept at a location, what is coming, and when it runs out."""
    chosen = place(Permission.VIEW_STOCK)
    form = ParFilter(request.args)
    form.offer_places(chosen.location, chosen.choices)
    shown = page.par_levels(chosen.location, form, page_number())
    may_change = actor().can(Permission.MANAGE_PAR, facility_id=chosen.location.facility_id)
    return render_template("replenishment/par.html", form=form, may_change=may_change, **shown)


@blueprint.get("/par/new")
@requires(Permission.MANAGE_PAR)
def new() -> ResponseReturnValue:
    """Asks for another item to keep."""
    chosen = place(Permission.MANAGE_PAR)
    return render_template(
        "replenishment/level.html", form=NewLevelsForm(), place=chosen.location, level=None
    )


@blueprint.post("/par/new")
@requires(Permission.MANAGE_PAR)
def add() -> ResponseReturnValue:
    """Keeps another item from now on."""
    location = place(Permission.MANAGE_PAR).location
    form = NewLevelsForm()
    if form.validate():
        with form.accepting():
            par_services.add(actor(), location.id, form.code.data, form.levels())
    if form.is_refused:
        return render_template(
            "replenishment/level.html", form=form, place=location, level=None, card_text=""
        ), 422
    flash("The item is kept here from now on.", "success")
    return redirect(url_for("replenishment.par_levels", location=location.id), 303)


@blueprint.get("/par/<int:par_id>")
@requires(Permission.MANAGE_PAR)
def level(par_id: int) -> ResponseReturnValue:
    """What is kept of an item."""
    return _level_page(par_id, LevelsForm(obj=queries.level(par_id)))


def _level_page(par_id: int, form: LevelsForm) -> str:
    level = queries.level(par_id)
    actor().require(Permission.MANAGE_PAR, facility_id=level.location.facility_id)
    card = services.card_of(par_id)
    return render_template(
        "replenishment/level.html", form=form, place=level.location, level=level, card_text=card
    )


@blueprint.post("/par/<int:par_id>")
@requires(Permission.MANAGE_PAR)
def change(par_id: int) -> ResponseReturnValue:
    """Changes what is kept."""
    form = LevelsForm()
    if form.validate():
        with form.accepting():
            level = par_services.change(actor(), par_id, form.levels())
    if form.is_refused:
        return _level_page(par_id, form), 422
    flash("The par level is changed.", "success")
    return redirect(url_for("replenishment.par_levels", location=level.location_id), 303)


@blueprint.post("/par/<int:par_id>/remove")
@requires(Permission.MANAGE_PAR)
def remove(par_id: int) -> ResponseReturnValue:
    """Keeps the item no more."""
    location_id = par_services.remove(actor(), par_id)
    flash("The item is no longer kept here. What is on hand stays.", "success")
    return redirect(url_for("replenishment.par_levels", location=location_id), 303)


@blueprint.get("/par/policy")
@requires(Permission.MANAGE_PAR)
def policy() -> ResponseReturnValue:
    """How a location is filled up."""
    chosen = place(Permission.MANAGE_PAR)
    return _policy_page(chosen.location.id, PolicyForm(data=page.policy_values(chosen.location.id)))


def _policy_page(location_id: int, form: PolicyForm) -> str:
    location = queries.location(location_id)
    form.offer_people(page.requesters(location))
    return render_template("replenishment/policy.html", form=form, place=location)


@blueprint.post("/par/policy/<int:location_id>")
@requires(Permission.MANAGE_PAR)
def set_policy(location_id: int) -> ResponseReturnValue:
    """Changes how a location is filled up."""
    form = PolicyForm()
    if form.validate():
        with form.accepting():
            par_services.set_policy(
                actor(), location_id, review_days=form.days(), auto_submit=form.auto_submit.data,
                requester_id=form.requester_id(),
            )  # fmt: skip
    if form.is_refused:
        return _policy_page(location_id, form), 422
    flash("The policy is changed.", "success")
    return redirect(url_for("replenishment.par_levels", location=location_id), 303)


@blueprint.get("/par/cards")
@requires(Permission.MANAGE_PAR)
def printed_cards() -> ResponseReturnValue:
    """The cards of a location's bins, to be printed and cut."""
    location = place(Permission.MANAGE_PAR).location
    cards = presenters.bin_cards(queries.in_bins(location.id))
    return render_template("replenishment/printed_cards.html", place=location, cards=cards)


@blueprint.get("/par/empty")
@requires(Permission.COUNT_STOCK)
def cards() -> ResponseReturnValue:
    """Waits for the cards of empty bins, one scan after the other."""
    return render_template("replenishment/cards.html", form=CardForm())


@blueprint.post("/par/empty")
@requires(Permission.COUNT_STOCK)
def empty_bin() -> ResponseReturnValue:
    """Takes one card."""
    form = CardForm()
    if form.validate():
        with form.accepting():
            level = services.empty_bin(actor(), form.code.data)
    if form.is_refused:
        return render_template("replenishment/cards.html", form=form), 422
    flash(f"{level.item.name} at {level.location.name}: noted, it is asked for once.", "success")
    return redirect(url_for("replenishment.cards"), 303)
