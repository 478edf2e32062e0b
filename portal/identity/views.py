"""One's own page: roles, sessions, password, default location."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import signed_in
from portal.foundation.web import actor
from portal.identity import people as accounts
from portal.identity import people_views, presenters, queries, sessions
from portal.identity.forms import NOTHING, PasswordForm, PlaceForm
from portal.identity.rules import Ended
from portal.identity.web import signed_in_person

blueprint = people_views.blueprint


@blueprint.get("/me")
@signed_in
def me() -> ResponseReturnValue:
    """Who I am here, what I may do and where I am signed in."""
    return _page(PasswordForm(), _place_form())


@blueprint.post("/me/password")
@signed_in
def change_password() -> ResponseReturnValue:
    """Sets my new password and ends my other sessions."""
    person = signed_in_person()
    form = PasswordForm()
    if form.validate():
        with form.accepting():
            account = queries.account(person.account_id)
            accounts.change_password(account, form.present.data, form.password.data, by=person)
            flash("Your password is changed; other browsers are signed out.", "success")
            return redirect(url_for("identity.me"), 303)
    return _page(form, _place_form(empty=True)), 422


@blueprint.post("/me/location")
@signed_in
def choose_location() -> ResponseReturnValue:
    """Sets my default location."""
    form = _place_form()
    if not form.validate():
        return _page(PasswordForm(formdata=None), form), 422
    account = queries.account(signed_in_person().account_id)
    accounts.set_home_location(account, form.location_id, by=actor())
    flash("Your default location is set.", "success")
    return redirect(url_for("identity.me"), 303)


@blueprint.post("/me/sessions/<int:session_id>/revoke")
@signed_in
def revoke_session(session_id: int) -> ResponseReturnValue:
    """Ends one of my sessions."""
    sessions.end_one(signed_in_person().account_id, session_id, actor())
    flash("The session is ended.", "success")
    return redirect(url_for("identity.me"), 303)


@blueprint.post("/me/sessions/revoke-others")
@signed_in
def revoke_other_sessions() -> ResponseReturnValue:
    """Ends all my sessions but this one."""
    person = signed_in_person()
    sessions.end_all(person.account_id, Ended.REVOKED, person.actor, but=person.session_id)
    flash("You are signed out everywhere else.", "success")
    return redirect(url_for("identity.me"), 303)


def _place_form(*, empty: bool = False) -> PlaceForm:
    home = signed_in_person().home_location_id
    values = {"location": str(home or NOTHING)}
    form = PlaceForm(formdata=None, data=values) if empty else PlaceForm(data=values)
    form.offer(queries.places("location"))
    return form


def _page(password_form: PasswordForm, place_form: PlaceForm) -> str:
    person = signed_in_person()
    assignments = queries.assignments_of(person.account_id)
    return render_template(
        "identity/me.html",
        person=person,
        account=queries.account(person.account_id),
        roles=presenters.roles(assignments, queries.places("facility"), queries.places("cost_center")),
        sessions=presenters.sessions(sessions.open_sessions(person.account_id), person.session_id),
        password_form=password_form,
        place_form=place_form,
    )
