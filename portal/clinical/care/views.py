"""The point of care: scan, confirm, done; the cases of the day; the preference card; the commands."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place, switch_of
from portal.clinical.blueprint import blueprint
from portal.clinical.care import commands as care_commands
from portal.clinical.care import context as care_context
from portal.clinical.care import page as care_page
from portal.clinical.care import services as care_services
from portal.clinical.care.context import Care
from portal.clinical.care.forms import CareForm, NewCaseForm, PlaceForm, filled
from portal.clinical.care.rules import Do
from portal.clinical.care.services import Shown
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor


@blueprint.get("/care")
@requires(Permission.RECORD_USAGE)
def care_cases() -> ResponseReturnValue:
    """The cases of a place today, for who comes without an EHR launch."""
    return _cases(NewCaseForm(formdata=None))


@blueprint.post("/care")
@requires(Permission.RECORD_USAGE)
def care_open() -> ResponseReturnValue:
    """Begins a case that no schedule has."""
    form = NewCaseForm()
    if form.validate():
        location = place(Permission.RECORD_USAGE).location
        with form.accepting():
            code = care_services.open_unscheduled(actor(), location.id, form.procedure.data)
    if form.is_refused:
        return _cases(form), 422
    return redirect(url_for("clinical.care", code=code), 303)


def _cases(form: NewCaseForm) -> str:
    chosen = place(Permission.RECORD_USAGE)
    shown = care_page.cases(chosen.location)
    return render_template("clinical/care_cases.html", form=form, switch=switch_of(chosen), **shown)


@blueprint.get("/care/<code>/")
@requires(Permission.RECORD_USAGE)
def care(code: str) -> ResponseReturnValue:
    """One patient's care: where one scans."""
    found = care_context.find(actor(), code)
    if found.location is None:
        return _place_page(found, PlaceForm(formdata=None))
    return _page(found, filled(None), Shown())


@blueprint.post("/care/<code>/")
@requires(Permission.RECORD_USAGE)
def care_act(code: str) -> ResponseReturnValue:
    """Does what a scan, a tap or a command asks; nothing typed is lost when it cannot be done."""
    form = CareForm()
    said = form.said(request.form.get("do", Do.LOOK))
    found = care_context.find(actor(), code, lock=not said.only_looks)
    if form.validate():
        with form.accepting(writes=not said.only_looks):
            shown = care_services.act(actor(), found, said)
    if form.is_refused:
        return _page(found, form, care_services.refused(found, said, form.sentences())), form.refusal
    if shown.leaves or (shown.is_settled and not is_htmx()):
        return _left(code, shown)
    care = care_context.refreshed(found) if shown.is_changed else found
    return _page(care, filled(shown.answer, unread=shown.unread), shown)


@blueprint.post("/care/<code>/offer")
@requires(Permission.RECORD_USAGE)
def care_offer(code: str) -> ResponseReturnValue:
    """What one tap on Request asks for: looked up when somebody opens that part, not with every scan."""
    form = CareForm()
    found = care_context.find(actor(), code)
    return render_template("clinical/care_offer.html", **care_page.offer(found, form))


def is_htmx() -> bool:
    """Whether only the part that changes is wanted."""
    return request.headers.get("HX-Request") == "true"


def _left(code: str, shown: Shown) -> ResponseReturnValue:
    """The page anew, so that reloading it repeats nothing."""
    for message in shown.messages:
        flash(message.text, message.tone)
    address = url_for("clinical.care", code=code)
    return ("", 200, {"HX-Redirect": address}) if is_htmx() else redirect(address, 303)


def _page(found: Care, form: CareForm, shown: Shown) -> str:
    live = care_page.live(found, form, shown, is_part=is_htmx())
    if is_htmx():
        return render_template("clinical/care_live.html", **live)
    return render_template("clinical/care.html", **live, **care_page.around(actor(), found))


@blueprint.post("/care/<code>/place")
@requires(Permission.RECORD_USAGE)
def care_place(code: str) -> ResponseReturnValue:
    """Says where a launch is, when the EHR did not."""
    form = PlaceForm()
    with form.accepting():
        care_services.settle_place(actor(), code, form.location_id)
    if form.is_refused:
        return _place_page(care_context.find(actor(), code), form), 422
    return redirect(url_for("clinical.care", code=code), 303)


def _place_page(found: Care, form: PlaceForm) -> str:
    form.offer(care_page.place_choices(actor()))
    return render_template("clinical/care_place.html", form=form, code=found.code)


@blueprint.get("/care/<code>/card")
@requires(Permission.RECORD_USAGE)
def care_card(code: str) -> ResponseReturnValue:
    """The preference card, line by line with its lots."""
    found = care_context.find(actor(), code)
    shown: dict[str, Any] = {"card": care_page.card(found), "place": found.place.name, "code": code}
    return render_template("clinical/care_card.html", **shown)


@blueprint.get("/care/commands")
@requires(Permission.RECORD_USAGE)
def care_commands_sheet() -> ResponseReturnValue:
    """The commands as barcodes, to be printed and laminated."""
    return render_template("clinical/care_commands.html", sheet=care_commands.sheet())
