"""The browser's side of launches: a session of its own inside an EHR's frame, and who may frame a page."""

from urllib.parse import urlsplit

from flask import Flask, current_app, g, make_response, redirect, render_template, request, session, url_for
from flask import Response as FlaskResponse
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from werkzeug import Response
from werkzeug.exceptions import Forbidden

from portal.clinical.launch.services import Begun
from portal.clinical.models import EhrSystem, Launch
from portal.foundation.errors import DomainError
from portal.foundation.limits import limit_addresses
from portal.foundation.web import STATUS_OF
from portal.identity import web
from portal.identity.sessions import Person
from portal.settings import Settings

EMBEDDED_COOKIE = "portal_embedded"
LAUNCH_SECONDS = 600
LIMIT = "1200 per minute"  # per network address
LIMITED = ("start_launch", "start_standalone", "finish_launch")
CALLBACKS = "/ehr/callback/"
# Where both sessions of a browser may come along, these pages belong to the one in the frame.
EMBEDDED_PATHS = ("/care/", "/ehr/")
FRAMES = frozenset({"iframe", "frame", "embed", "object"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OWN = frozenset({"same-origin", "none"})
ANCESTORS = "frame_ancestors"
ANYBODY = "*"


class PortalSessions(SecureCookieSessionInterface):
    """Two cookies: an ordinary one, and one that a browser sends from inside an EHR's frame.

    The second is SameSite=None; Secure; Partitioned, so it reaches us only under the site that framed us.
    """

    def get_cookie_name(self, app: Flask) -> str:
        """Which of the two this request is about."""
        return EMBEDDED_COOKIE if is_embedded() else super().get_cookie_name(app)

    def get_cookie_samesite(self, app: Flask) -> str | None:
        """None inside a frame."""
        return "None" if is_embedded() else super().get_cookie_samesite(app)

    def get_cookie_secure(self, app: Flask) -> bool:
        """Browsers take SameSite=None from secure cookies only (and trust loopback)."""
        return is_embedded() or super().get_cookie_secure(app)

    def get_cookie_partitioned(self, app: Flask) -> bool:
        """Kept apart for each site that frames us."""
        return is_embedded()


def init_launches(app: Flask) -> None:
    """Wires the second session, framing and the check of where a change comes from.

    Call it before the security headers are wired: what runs first here has the last word.
    """
    app.session_interface = PortalSessions()
    app.before_request(_refuse_other_sites)
    app.after_request(_allow_framing)


def help_ended_sessions(app: Flask) -> None:
    """Inside a frame nobody signs in by password: whose session is over opens it from the chart again."""
    sign_in_first = app.extensions["sign_in_first"]

    def ask() -> ResponseReturnValue:
        if is_embedded() or request.headers.get("Sec-Fetch-Dest") in FRAMES:
            return render_template("clinical/launch_ended.html"), 401
        answer: ResponseReturnValue = sign_in_first()
        return answer

    app.extensions["sign_in_first"] = ask


def limit_launches(app: Flask) -> None:
    """Bounds how often one network address opens launches; a whole hospital may sit behind one."""
    limit_addresses(app, LIMIT, (f"clinical.{name}" for name in LIMITED), scope="launches")


def is_embedded() -> bool:
    """Whether this request's session is the one inside an EHR's frame."""
    if "embedded" not in g:
        has_own = request.cookies.get(current_app.config["SESSION_COOKIE_NAME"]) is not None
        is_care = request.path.startswith(EMBEDDED_PATHS)
        g.embedded = EMBEDDED_COOKIE in request.cookies and (is_care or not has_own)
    embedded: bool = g.embedded
    return embedded


def _refuse_other_sites() -> None:
    """SameSite=None gives up the browser's own protection: a change comes from our pages or not at all."""
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    is_ours = site in OWN if site else _is_ours(request.headers.get("Origin", "null"))
    if not is_ours:
        raise Forbidden


def _is_ours(origin: str) -> bool:
    """For browsers that do not say more; "null" is left to the form token."""
    settings: Settings = current_app.extensions["settings"]
    known = {request.host, urlsplit(settings.public_url).netloc}
    return origin == "null" or urlsplit(origin).netloc in known


def _allow_framing(response: FlaskResponse) -> FlaskResponse:
    """Replaces "nobody" by the sites of the tenant, for pages of a session in a frame."""
    ancestors = g.get(ANCESTORS) or (session.get(ANCESTORS) if is_embedded() else None)
    if ancestors:
        policy = response.headers.get("Content-Security-Policy", "")
        allowed = f"frame-ancestors 'self' {ancestors}"
        response.headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'none'", allowed)
        response.headers.pop("X-Frame-Options", None)
    if "form_action" in g:
        policy = response.headers.get("Content-Security-Policy", "")
        allowed = policy.replace("form-action 'self'", f"form-action {g.form_action}")
        response.headers["Content-Security-Policy"] = allowed
    if request.path.startswith("/ehr/"):
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


def serve(ehr_system: EhrSystem) -> None:
    """From here on this request belongs to a launch of this EHR, and has the session of its kind."""
    is_other = is_embedded() is not bool(ehr_system.frame_ancestors)
    g.embedded = bool(ehr_system.frame_ancestors)
    if is_other:
        _change_session()
    g.frame_ancestors = " ".join(ehr_system.frame_ancestors)


def _change_session() -> None:
    """Takes up the session of the other cookie; the one this request began with stays as it is."""
    kept = current_app.session_interface.open_session(current_app, request)
    session.clear()
    session.update(kept or {})
    session.modified = False


def cannot_show(ehr_system: EhrSystem) -> bool:
    """Whether the browser would show nothing of an EHR that opens in a tab: then no code is asked for."""
    return not ehr_system.frame_ancestors and request.headers.get("Sec-Fetch-Dest") in FRAMES


def to_ehr(begun: Begun) -> ResponseReturnValue:
    """Leads the browser to the EHR, with the cookie that its answer must bring back."""
    response: Response = redirect(begun.url, 303)
    if begun.fields:
        # The EHR may lead on to wherever people sign in there; the page holds nothing that was typed.
        g.form_action = ANYBODY
        response = make_response(render_template("clinical/launch_post.html", begun=begun))
    _set_cookie(response, begun.cookie, begun.value, LAUNCH_SECONDS)
    return response


def opened(launch: Launch, cookie: str) -> ResponseReturnValue:
    """Signs the clinician in under a new session and leads to the page of the launch."""
    assert launch.account is not None, "an open launch has an account"
    ancestors = g.get(ANCESTORS, "")
    person: Person = web.enter(launch.account, "EHR launch")
    if ancestors:
        session[ANCESTORS] = ancestors
    assert person.account_id == launch.account_id, "the session is the clinician's"
    response = redirect(url_for("clinical.care", code=launch.code), 303)
    _set_cookie(response, cookie, "", 0)
    if not is_embedded() and EMBEDDED_COOKIE in request.cookies:
        response.delete_cookie(EMBEDDED_COOKIE, secure=True, samesite="None", partitioned=True, httponly=True)
    return response


def _set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    settings: Settings = current_app.extensions["settings"]
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=CALLBACKS,
        httponly=True,
        secure=is_embedded() or settings.secure_cookies,
        samesite="None" if is_embedded() else "Lax",
        partitioned=is_embedded(),
    )


def problem(error: DomainError, *, help_address: str = "", tab_address: str = "") -> ResponseReturnValue:
    """A page that helps, shown wherever the launch was opened: it holds nothing of anybody."""
    if not g.get(ANCESTORS):
        g.frame_ancestors = ANYBODY
    status = next(code for kind, code in STATUS_OF.items() if isinstance(error, kind))
    return (
        render_template(
            "clinical/launch_problem.html",
            sentence=str(error),
            help_address=help_address if help_address.startswith("https://") else "",
            tab_address=tab_address,
        ),
        status,
    )
