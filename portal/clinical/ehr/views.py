"""Pages about EHR systems: the list, one with its registration and check, the mapping of its places."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.clinical.blueprint import blueprint
from portal.clinical.ehr import places as ehr_places
from portal.clinical.ehr import systems as ehr_systems
from portal.clinical.ehr.forms import KINDS, PlaceForm, SystemForm, shown
from portal.clinical.models import EhrSystem
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.identity import queries as identity


@blueprint.get("/ehr-systems")
@requires(Permission.ADMINISTER)
def show_ehrs() -> str:
    """The EHRs that may open the portal."""
    return render_template("clinical/ehr_systems.html", systems=ehr_systems.systems(), kinds=KINDS)


@blueprint.get("/ehr-systems/new")
@requires(Permission.ADMINISTER)
def new_ehr() -> str:
    """The empty form."""
    return _form_page(SystemForm(formdata=None), None)


@blueprint.post("/ehr-systems/new")
@requires(Permission.ADMINISTER)
def add_ehr() -> ResponseReturnValue:
    """Adds an EHR."""
    form = _form()
    if form.validate():
        with form.accepting():
            ehr_systems.add(form.code.data.strip(), form.values(), by=actor())
    if form.is_refused:
        return _form_page(form, None), 422
    flash("Added. Check below what the EHR publishes.", "success")
    return redirect(url_for("clinical.show_ehr", code=form.code.data.strip()), 303)


@blueprint.get("/ehr-systems/<code>")
@requires(Permission.ADMINISTER)
def show_ehr(code: str) -> str:
    """One EHR: what to register there, how it is set up, its places."""
    system = ehr_systems.by_code(code)
    return _form_page(SystemForm(formdata=None, data=shown(system)), system)


@blueprint.post("/ehr-systems/<code>")
@requires(Permission.ADMINISTER)
def change_ehr(code: str) -> ResponseReturnValue:
    """Changes an EHR; its code stays, since it stands in the redirect address."""
    system = ehr_systems.by_code(code)
    form = _form(code=code)
    if form.validate():
        with form.accepting():
            ehr_systems.change(system, form.values(), by=actor())
    if form.is_refused:
        return _form_page(form, system), 422
    flash("Saved.", "success")
    return redirect(url_for("clinical.show_ehr", code=code), 303)


@blueprint.post("/ehr-systems/<code>/check")
@requires(Permission.ADMINISTER)
def check_ehr(code: str) -> ResponseReturnValue:
    """Reads what the EHR publishes, now."""
    health = ehr_systems.check(ehr_systems.by_code(code))
    is_good = health.reachable and health.login_ok
    flash(
        f"The EHR {health.detail}." if is_good else f"Not ready: {health.detail}.",
        "success" if is_good else "danger",
    )
    return redirect(url_for("clinical.show_ehr", code=code), 303)


@blueprint.get("/ehr-systems/<code>/places/<int:place_id>")
@requires(Permission.ADMINISTER)
def show_place(code: str, place_id: int) -> str:
    """Which of our locations a place of the EHR is."""
    system = ehr_systems.by_code(code)
    place = ehr_places.get(system, place_id)
    form = PlaceForm(formdata=None, data={"location_id": str(place.location_id or "")})
    return _place_page(form, system, place_id)


@blueprint.post("/ehr-systems/<code>/places/<int:place_id>")
@requires(Permission.ADMINISTER)
def map_place(code: str, place_id: int) -> ResponseReturnValue:
    """Maps a place of the EHR."""
    system = ehr_systems.by_code(code)
    form = PlaceForm()
    form.offer(identity.places("location"))
    if form.validate():
        with form.accepting():
            chosen = int(form.location_id.data) if form.location_id.data else None
            ehr_places.assign(system, place_id, chosen, by=actor())
    if form.is_refused:
        return _place_page(form, system, place_id), 422
    flash("Saved. The next launch from there uses it.", "success")
    return redirect(url_for("clinical.show_ehr", code=code), 303)


def _form(**data: str) -> SystemForm:
    form = SystemForm(data=data)
    if data:
        form.code.data = data["code"]
    form.offer(identity.places("facility"))
    return form


def _form_page(form: SystemForm, system: EhrSystem | None) -> str:
    form.offer(identity.places("facility"))
    return render_template(
        "clinical/ehr_system.html",
        form=form,
        system=system,
        places=ehr_places.places_of(system) if system else [],
        registration=_registration(system),
    )


def _registration(system: EhrSystem | None) -> list[dict[str, str]]:
    """What the EHR team enters on its side."""
    facts = [
        {"label": "Launch address", "value": url_for("clinical.start_launch", _external=True)},
        {"label": "JSON Web Key Set", "value": url_for("clinical.show_keys", _external=True)},
    ]
    if system is not None:
        slug = identity.organization().slug
        for label, endpoint in (
            ("Redirect address", "finish_launch"),
            ("Start without a chart", "start_standalone"),
        ):
            address = url_for(f"clinical.{endpoint}", slug=slug, code=system.code, _external=True)
            facts.append({"label": label, "value": address})
    return facts


def _place_page(form: PlaceForm, system: EhrSystem, place_id: int) -> str:
    form.offer(identity.places("location"))
    return render_template(
        "clinical/ehr_place.html", form=form, system=system, place=ehr_places.get(system, place_id)
    )
