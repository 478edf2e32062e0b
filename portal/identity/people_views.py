"""The administrator's pages: who may sign in, and with which roles."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.identity import people as accounts
from portal.identity import presenters, queries, services, sessions, sign_in, sign_in_views
from portal.identity.forms import AccountForm, GivenPasswordForm, PeopleFilter, RoleForm
from portal.identity.rules import Ended

blueprint = sign_in_views.blueprint


@blueprint.get("/people")
@requires(Permission.ADMINISTER)
def people() -> ResponseReturnValue:
    """Everybody with an account, searched by name or e-mail."""
    filters = PeopleFilter(request.args)
    words = filters.words if filters.validate() else ""
    page = queries.people(words, request.args.get("page", 1, type=int))
    held = queries.assignments_by_account([account.id for account in page.rows])
    rows = presenters.people(page.rows, held)
    return render_template("identity/people.html", filters=filters, page=page, rows=rows)


@blueprint.get("/people/new")
@requires(Permission.ADMINISTER)
def new_person() -> ResponseReturnValue:
    """The form of a new account."""
    return render_template("identity/new_person.html", form=AccountForm())


@blueprint.post("/people/new")
@requires(Permission.ADMINISTER)
def create_person() -> ResponseReturnValue:
    """Creates an account; its roles are given on its page."""
    form = AccountForm()
    if form.validate():
        with form.accepting():
            account = services.create_account(
                email=form.email.data,
                name=form.name.data,
                password=form.password.data or None,
                by=actor(),
            )
            flash(f"{account.name} is created. Give a role now.", "success")
            return _to(account.id)
    return render_template("identity/new_person.html", form=form), 422


@blueprint.get("/people/<int:account_id>")
@requires(Permission.ADMINISTER)
def person(account_id: int) -> ResponseReturnValue:
    """One person: roles, sessions, whether they may sign in."""
    return _page(account_id, _role_form(), GivenPasswordForm())


@blueprint.post("/people/<int:account_id>/roles")
@requires(Permission.ADMINISTER)
def add_role(account_id: int) -> ResponseReturnValue:
    """Gives a role."""
    form = _role_form()
    if not form.validate():
        return _page(account_id, form, GivenPasswordForm(formdata=None)), 422
    services.assign_role(queries.account(account_id), *form.chosen, by=actor())
    flash("The role is given. It counts from the person's next click.", "success")
    return _to(account_id)


@blueprint.post("/people/<int:account_id>/roles/<int:assignment_id>/remove")
@requires(Permission.ADMINISTER)
def remove_role(account_id: int, assignment_id: int) -> ResponseReturnValue:
    """Takes a role away."""
    accounts.remove_role(queries.account(account_id), assignment_id, by=actor())
    flash("The role is taken away.", "success")
    return _to(account_id)


@blueprint.post("/people/<int:account_id>/deactivate")
@requires(Permission.ADMINISTER)
def deactivate(account_id: int) -> ResponseReturnValue:
    """Keeps the person out."""
    accounts.deactivate(queries.account(account_id), by=actor())
    flash("The account is deactivated and signed out everywhere.", "success")
    return _to(account_id)


@blueprint.post("/people/<int:account_id>/activate")
@requires(Permission.ADMINISTER)
def activate(account_id: int) -> ResponseReturnValue:
    """Lets the person in again."""
    accounts.activate(queries.account(account_id), by=actor())
    flash("The account is active again.", "success")
    return _to(account_id)


@blueprint.post("/people/<int:account_id>/unlock")
@requires(Permission.ADMINISTER)
def unlock(account_id: int) -> ResponseReturnValue:
    """Lets the person try a password again."""
    sign_in.unlock(queries.account(account_id), by=actor())
    flash("The lock is lifted.", "success")
    return _to(account_id)


@blueprint.post("/people/<int:account_id>/sessions/revoke")
@requires(Permission.ADMINISTER)
def revoke_sessions(account_id: int) -> ResponseReturnValue:
    """Signs the person out everywhere."""
    account = queries.account(account_id)
    count = sessions.end_all(account.id, Ended.REVOKED, actor())
    flash(f"{count} sessions ended." if count != 1 else "One session ended.", "success")
    return _to(account_id)


@blueprint.post("/people/<int:account_id>/password")
@requires(Permission.ADMINISTER)
def give_password(account_id: int) -> ResponseReturnValue:
    """Sets a new password for the person."""
    account = queries.account(account_id)
    form = GivenPasswordForm()
    if form.validate():
        with form.accepting():
            accounts.set_password(account, form.password.data, by=actor())
            flash("The new password is set; the person is signed out everywhere.", "success")
            return _to(account_id)
    return _page(account_id, _role_form(empty=True), form), 422


def _to(account_id: int) -> ResponseReturnValue:
    return redirect(url_for("identity.person", account_id=account_id), 303)


def _role_form(*, empty: bool = False) -> RoleForm:
    form = RoleForm(formdata=None) if empty else RoleForm()
    form.offer(queries.places("facility"), queries.places("cost_center"))
    return form


def _page(account_id: int, role_form: RoleForm, password_form: GivenPasswordForm) -> str:
    account = queries.account(account_id)
    assignments = queries.assignments_of(account.id)
    return render_template(
        "identity/person.html",
        account=account,
        is_locked=presenters.is_locked(account),
        state=presenters.state(account),
        location=queries.place_name("location", account.home_location_id),
        roles=presenters.roles(assignments, queries.places("facility"), queries.places("cost_center")),
        sessions=presenters.sessions(sessions.open_sessions(account.id)),
        role_form=role_form,
        password_form=password_form,
    )
