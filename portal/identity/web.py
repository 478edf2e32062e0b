"""Signed-in browsers: Flask-Login over server-side sessions, and what happens to those not signed in."""

import time
from datetime import timedelta
from urllib.parse import quote, urlsplit

from flask import Flask, Response, current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user
from flask_wtf.csrf import validate_csrf
from wtforms.validators import ValidationError

from portal.foundation.db import enter_organization, transaction
from portal.foundation.limits import limit_addresses
from portal.identity import saved_forms, sessions, sign_in
from portal.identity.models import Account
from portal.identity.rules import Ended, local_path
from portal.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LIMITED = tuple(
    f"identity.{name}"
    for name in ("sign_in_submit", "sign_in_demo", "start_provider", "finish_provider", "change_password")
)
SECRET_FIELDS = ("password", "secret")
GRID_SECONDS = 0.25
ORGANIZATION_COOKIE = "organization"


def init_identity(app: Flask) -> None:
    """Wires sign-in into the application; call it after the blueprints are registered."""
    manager = LoginManager(app)
    manager.session_protection = None  # the session lives on the server; addresses of tablets change
    manager.user_loader(lambda token: sessions.resume(token, is_used=not _is_background()))
    app.extensions["sign_in_first"] = sign_in_first
    app.context_processor(lambda: {"account_url": url_for("identity.me")})
    settings: Settings = app.extensions["settings"]
    limit_addresses(app, settings.sign_in_limit, LIMITED, scope="sign_in", refused_only=True)


def enter(account: Account, method: str) -> sessions.Person:
    """Signs the browser in under a new session; the one it had before ends."""
    previous = session.get("_user_id")
    was = sessions.end_token(previous, Ended.REPLACED) if previous else None
    enter_organization(account.organization_id)
    # The same person again: forms they left open in other tabs stay good.
    kept = {"csrf_token": session["csrf_token"]} if was == account.id and "csrf_token" in session else {}
    session.clear()
    session.update(kept)
    token = sessions.start(account, user_agent=request.user_agent.string)
    person = sessions.resume(token)
    assert person is not None, "a session just started is good"
    sign_in.record_success(account, person.actor, method, person.session_id)
    login_user(person)
    return person


def signed_in_person() -> sessions.Person:
    """The person of the present session, for endpoints open to signed-in people only."""
    person: sessions.Person = current_user
    return person


def leave() -> None:
    """Signs the browser out."""
    token = session.get("_user_id")
    if token:
        sessions.end_token(token, Ended.SIGNED_OUT)
    session.clear()


def after_sign_in(person: sessions.Person, wanted: str) -> ResponseReturnValue:
    """Where a person goes who has just signed in: to what they were typing, else to the page wanted."""
    if saved_forms.waiting(person.actor) is not None:
        wanted = url_for("identity.show_kept")
    return redirect(wanted, 303)


def remember_organization(response: Response, slug: str) -> None:
    """Lets this browser show the organization's own ways to sign in the next time."""
    settings: Settings = current_app.extensions["settings"]
    response.set_cookie(
        ORGANIZATION_COOKIE,
        slug,
        max_age=timedelta(days=365),
        secure=settings.secure_cookies,
        httponly=True,
        samesite="Lax",
    )


def remembered_organization() -> str:
    """The short name kept by `remember_organization`, or nothing."""
    return request.cookies.get(ORGANIZATION_COOKIE, "")


def wait_for_the_grid() -> None:
    """Lets a refusal go out at whole steps of time, so that it does not tell what was looked up."""
    elapsed = time.perf_counter() - g.started
    time.sleep(-elapsed % GRID_SECONDS)


def _is_background() -> bool:
    """Whether a page asks by itself, again and again; that keeps no session alive."""
    return "X-Background" in request.headers


def sign_in_first() -> ResponseReturnValue:
    """Answers whoever is not signed in: keeps what was typed, then leads to sign-in and back."""
    if _is_background():
        # 286 stops htmx from asking; the page stays as it is, with whatever is being typed on it.
        return Response(status=286, headers={"HX-Reswap": "none"})
    wanted = _page_wanted()
    account_known = "_user_id" in session
    if request.method not in SAFE_METHODS:
        _keep_what_was_typed()
    elif account_known:
        flash("Your session has ended. Sign in to go on.", "info")
    target = url_for("identity.show_sign_in", next=wanted if wanted != "/" else None)
    if "HX-Request" in request.headers:
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target, 303)


def _page_wanted() -> str:
    """The page to come back to: this one, or the one a form or fragment stood on."""
    if "HX-Request" in request.headers:
        return _path_here(request.headers.get("HX-Current-URL", ""))
    if request.method in SAFE_METHODS:
        return _this_path()
    return _path_here(request.referrer or "")


def _this_path() -> str:
    query = request.query_string.decode("latin-1")
    return local_path(quote(request.path) + (f"?{query}" if query else ""))


def _path_here(address: str) -> str:
    parts = urlsplit(address)
    if parts.netloc != request.host:
        return "/"
    return local_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def _keep_what_was_typed() -> None:
    sentence = "Your session has ended. Sign in, then send it again."
    token = session.get("_user_id")
    if token and _is_ours():
        with transaction():
            account = sessions.timed_out_account(token)
            if account is not None:
                is_kept = saved_forms.keep(account, _this_path(), _typed())
                sentence = KEPT if is_kept else TOO_LARGE
    flash(sentence, "warning")


KEPT = "Your session has ended. What you typed is kept: sign in to go on where you were."
TOO_LARGE = (
    "Your session has ended and the form was too large to keep. Sign in, then go back in your browser."
)


def _is_ours() -> bool:
    """Whether the form came from a page of ours; the CSRF token outlives the session in the signed cookie."""
    try:
        validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRFToken"))
    except ValidationError:
        return False
    return bool(request.form)


def _typed() -> saved_forms.Typed:
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and not any(word in name for word in SECRET_FIELDS)
    ]
    files = [upload.filename for upload in request.files.values() if upload.filename]
    return saved_forms.Typed(fields=fields, files=files)
