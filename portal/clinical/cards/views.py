"""Preference cards and favorites: the list of a place, one card, the favorites of one procedure."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place, switch_of
from portal.clinical.blueprint import blueprint
from portal.clinical.cards import page as card_page
from portal.clinical.cards import queries as card_queries
from portal.clinical.cards import services as card_services
from portal.clinical.cards.forms import ListForm, NewCardForm, list_form
from portal.clinical.cards.queries import Listing
from portal.clinical.cards.rules import Edit
from portal.clinical.cards.services import Done
from portal.foundation.access import Permission, requires
from portal.foundation.quantity import plain
from portal.foundation.web import actor

NOTHING = Done()


@blueprint.get("/care/cards")
@requires(Permission.RECORD_USAGE)
def cards() -> ResponseReturnValue:
    """The procedures of a place with their cards and favorites."""
    asked = {"procedure_code": request.args.get("procedure", "")}
    return _cards(NewCardForm(formdata=None, data=asked))


@blueprint.post("/care/cards")
@requires(Permission.RECORD_USAGE)
def add_card() -> ResponseReturnValue:
    """Begins a card for a place."""
    form = NewCardForm()
    location = place(Permission.RECORD_USAGE).location
    if form.validate():
        with form.accepting():
            card = card_services.add_card(actor(), location, form.new_card())
    if form.is_refused:
        return _cards(form), 422
    return redirect(url_for("clinical.card", card_id=card.id, case=_case()), 303)


def _cards(form: NewCardForm) -> str:
    chosen = place(Permission.RECORD_USAGE)
    shown = card_page.overview(chosen.location)
    return render_template(
        "clinical/cards.html", form=form, switch=switch_of(chosen), back=_case() or "", **shown
    )


def _case() -> str | None:
    """The case one came from, which goes along from page to page."""
    return card_page.case_code(request.args.get("case")) or None


@blueprint.get("/care/cards/<int:card_id>")
@requires(Permission.RECORD_USAGE)
def card(card_id: int) -> ResponseReturnValue:
    """The items of a card."""
    return _card(card_id, None, NOTHING)


def _card(card_id: int, form: ListForm | None, done: Done) -> str:
    shown = card_page.card(actor(), card_id, form, done, request.args)
    action = url_for("clinical.change_card", card_id=card_id, case=_case())
    return render_template("clinical/card_list.html", action=action, **shown)


@blueprint.post("/care/cards/<int:card_id>")
@requires(Permission.RECORD_USAGE)
def change_card(card_id: int) -> ResponseReturnValue:
    """Changes a card; what was typed is kept with every step."""
    listing = card_queries.card(card_id, lock=True)
    form, done = _change(listing)
    if form.is_refused:
        return _card(card_id, form, NOTHING), 422
    if done.found:
        return _card(card_id, None, done)
    return redirect(url_for("clinical.card", card_id=card_id, case=_case(), **_after(done)), 303)


def _change(listing: Listing) -> tuple[ListForm, Done]:
    form, done = list_form(listing.rows, sent=True), NOTHING
    if form.validate():
        with form.accepting():
            said = form.said(request.form.get("do", Edit.SAVE), request.form)
            done = card_services.act(actor(), listing, said)
    return form, done


def _after(done: Done) -> dict[str, Any]:
    """Says what was done; the address keeps what was taken out, until it is put back or left."""
    if done.message:
        flash(done.message, done.tone)
    if done.removed is None:
        return {}
    removed, kept = done.removed, done.removed.kept
    return {
        "removed": removed.item_id, "at": removed.at, "open": plain(kept.to_open), "hold": plain(kept.to_hold)
    }  # fmt: skip


@blueprint.post("/care/cards/<int:card_id>/copy")
@requires(Permission.RECORD_USAGE)
def copy_card(card_id: int) -> ResponseReturnValue:
    """Makes a card of all places the own one of the place."""
    location = place(Permission.RECORD_USAGE).location
    copy = card_services.copy_card(actor(), card_id, location)
    flash(f"This is the card of {location.name} now. Change it as you like.", "success")
    return redirect(url_for("clinical.card", card_id=copy.id, case=_case()), 303)


@blueprint.post("/care/cards/<int:card_id>/delete")
@requires(Permission.RECORD_USAGE)
def delete_card(card_id: int) -> ResponseReturnValue:
    """Removes a card."""
    name = card_services.delete_card(actor(), card_id)
    flash(f"The card for {name} is removed.", "success")
    return redirect(url_for("clinical.cards", case=_case()), 303)


@blueprint.get("/care/favorites")
@requires(Permission.RECORD_USAGE)
def favorites() -> ResponseReturnValue:
    """The favorites of a place in one procedure, or in all."""
    return _favorites(None, NOTHING)


def _favorites(form: ListForm | None, done: Done) -> str:
    location, code = place(Permission.RECORD_USAGE).location, _procedure()
    shown = card_page.favorites(actor(), location, code, form, done, request.args)
    action = url_for("clinical.change_favorites", location=location.id, procedure=code, case=_case())
    return render_template("clinical/card_list.html", action=action, **shown)


def _procedure() -> str:
    return request.args.get("procedure", "").replace("\x00", "").strip()[:60]


@blueprint.post("/care/favorites")
@requires(Permission.RECORD_USAGE)
def change_favorites() -> ResponseReturnValue:
    """Changes the favorites."""
    location, code = place(Permission.RECORD_USAGE).location, _procedure()
    listing = card_queries.favorites(location, code, lock=True)
    form, done = _change(listing)
    if form.is_refused:
        return _favorites(form, NOTHING), 422
    if done.found:
        return _favorites(None, done)
    address = url_for(
        "clinical.favorites", location=location.id, procedure=code, case=_case(), **_after(done)
    )
    return redirect(address, 303)
