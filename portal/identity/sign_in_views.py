"""Sign-in, sign-out and going on after a session has ended."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.foundation.access import public, signed_in
from portal.foundation.errors import NotFound
from portal.foundation.web import actor
from portal.identity import demo, presenters, saved_forms, sign_in, web
from portal.identity.forms import SignInForm
from portal.identity.rules import Role, local_path

blueprint = Blueprint("identity", __name__)


@blueprint.get("/sign-in")
@public
def show_sign_in() -> ResponseReturnValue:
    """The page everybody starts from."""
    wanted = local_path(request.args.get("next", "/"))
    if current_user.is_authenticated:
        return redirect(wanted)
    return _sign_in_page(SignInForm(formdata=None, next=wanted))


@blueprint.post("/sign-in")
@public
def sign_in_submit() -> ResponseReturnValue:
    """Signs in by password."""
    form = SignInForm()
    if form.validate():
        account = sign_in.by_password(form.email.data, form.password.data)
        if account is not None:
            return web.after_sign_in(web.enter(account, "password"), local_path(form.next.data or "/"))
        form.refuse()
        web.wait_for_the_grid()
    return _sign_in_page(form), 422


@blueprint.post("/sign-in/demo/<any({roles}):role>".format(roles=", ".join(Role)))
@public
def sign_in_demo(role: str) -> ResponseReturnValue:
    """Signs in as the demo organization's person with a role; only where the demo is on."""
    account = demo.account_with(Role(role))
    return web.after_sign_in(web.enter(account, "demo"), local_path(request.form.get("next", "/")))


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Ends the session, also one that has timed out."""
    web.leave()
    flash("You are signed out.", "success")
    return redirect(url_for("identity.show_sign_in"), 303)


@blueprint.get("/continue")
@signed_in
def show_kept() -> ResponseReturnValue:
    """What the person was typing when the session ended."""
    kept = saved_forms.waiting(actor())
    if kept is None:
        raise NotFound("Nothing is kept for you: it was sent, discarded, or is older than a day.")
    return render_template("identity/continue.html", kept=presenters.kept(kept))


@blueprint.post("/continue/<int:form_id>")
@signed_in
def send_kept(form_id: int) -> ResponseReturnValue:
    """Takes the kept form away and lets the browser post the same fields to where they belong."""
    return redirect(saved_forms.consume(actor(), form_id), 307)


@blueprint.post("/continue/<int:form_id>/discard")
@signed_in
def discard_kept(form_id: int) -> ResponseReturnValue:
    """Takes the kept form away."""
    saved_forms.consume(actor(), form_id)
    flash("What you had typed is discarded.", "success")
    return redirect("/", 303)


def _sign_in_page(form: SignInForm) -> str:
    is_demo = current_app.extensions["settings"].demo
    roles = presenters.demo_roles() if is_demo else []
    return render_template("identity/sign_in.html", form=form, demo_roles=roles)
