"""Sign-in, sign-out and going on after a session has ended."""

from typing import Any

from flask import (
    Blueprint,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.foundation.access import public, signed_in
from portal.foundation.errors import DomainError, NotAllowed, NotFound
from portal.foundation.web import STATUS_OF, actor
from portal.identity import demo, oidc, presenters, providers, saved_forms, sign_in, web
from portal.identity.forms import OrganizationForm, SignInForm
from portal.identity.rules import local_path

blueprint = Blueprint("identity", __name__)


@blueprint.get("/sign-in")
@public
def show_sign_in() -> ResponseReturnValue:
    """The page everybody starts from."""
    wanted = local_path(request.args.get("next", "/"))
    if current_user.is_authenticated:
        return redirect(wanted)
    return _sign_in_page(SignInForm(formdata=None, next=wanted), _usual_organization())


@blueprint.post("/sign-in")
@public
def sign_in_submit() -> ResponseReturnValue:
    """Signs in by password."""
    form = SignInForm()
    usual = _usual_organization()
    if form.validate():
        account = sign_in.by_password(form.email.data, form.password.data)
        if account is not None:
            return web.after_sign_in(web.enter(account, "password"), local_path(form.next.data or "/"))
        form.refuse()
        web.wait_for_the_grid()
    return _sign_in_page(form, usual), 422


@blueprint.post("/sign-in/demo/<role>")
@public
def sign_in_demo(role: str) -> ResponseReturnValue:
    """Signs in as the demo organization's person with a role; only where the demo is on."""
    account = demo.account_with(role)
    return web.after_sign_in(web.enter(account, "demo"), local_path(request.form.get("next", "/")))


@blueprint.get("/sign-in/organization")
@public
def choose_organization() -> ResponseReturnValue:
    """Leads to the page of an organization by its short name."""
    slug = request.args.get("slug", "").strip().lower()
    return redirect(url_for("identity.show_organization", slug=sign_in.enter_by_slug(slug).slug))


@blueprint.get("/sign-in/<slug>")
@public
def show_organization(slug: str) -> ResponseReturnValue:
    """The sign-in page of one organization, remembered by this browser."""
    organization = presenters.organization(sign_in.enter_by_slug(slug), providers.active())
    wanted = local_path(request.args.get("next", "/"))
    response = make_response(_sign_in_page(SignInForm(formdata=None, next=wanted), organization))
    web.remember_organization(response, slug)
    return response


@blueprint.get("/sign-in/<slug>/<code>")
@public
def start_provider(slug: str, code: str) -> ResponseReturnValue:
    """Leads to a provider of the organization."""
    organization = sign_in.enter_by_slug(slug)
    wanted = local_path(request.args.get("next", "/"))
    try:
        provider = providers.by_code(code)
        return oidc.start(provider, organization_id=organization.id, slug=slug, code=code, wanted=wanted)
    except (NotFound, NotAllowed) as error:
        return _provider_problem(error, again="")


@blueprint.get("/sign-in/callback")
@public
def finish_provider() -> ResponseReturnValue:
    """Signs in whom a provider sent back."""
    again = ""
    try:
        begun = oidc.started()
        again = url_for("identity.start_provider", slug=begun["slug"], code=begun["code"])
        account = providers.finish(begun)
    except DomainError as error:
        oidc.give_up()
        return _provider_problem(error, again=again)
    return web.after_sign_in(web.enter(account, f"provider {begun['code']}"), local_path(begun["wanted"]))


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


def _usual_organization() -> dict[str, Any] | None:
    """The organization this browser usually signs in at."""
    slug = web.remembered_organization()
    try:
        return presenters.organization(sign_in.enter_by_slug(slug), providers.active()) if slug else None
    except NotFound:
        return None


def _sign_in_page(form: SignInForm, organization: dict[str, Any] | None) -> str:
    is_demo = current_app.extensions["settings"].demo
    return render_template(
        "identity/sign_in.html",
        form=form,
        organization=organization,
        organization_form=OrganizationForm(formdata=None),
        demo_roles=presenters.demo_roles() if is_demo else [],
    )


def _provider_problem(error: DomainError, *, again: str) -> ResponseReturnValue:
    status = next(code for kind, code in STATUS_OF.items() if isinstance(error, kind))
    return render_template("identity/provider_problem.html", sentence=str(error), again=again), status
