"""Where EHRs open the portal, where they send the browser back to, and the keys they check us by."""

from flask import jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from portal.clinical.blueprint import blueprint
from portal.clinical.ehr import systems as ehr_systems
from portal.clinical.launch import services as launches
from portal.clinical.launch import web as launch_web
from portal.clinical.launch.services import Answer
from portal.foundation.access import public, signed_in
from portal.foundation.errors import Conflict, DomainError
from portal.foundation.web import actor

JWKS_SECONDS = 300


@blueprint.get("/ehr/launch")
@public
def start_launch() -> ResponseReturnValue:
    """An EHR opens the portal: `iss` says which, `launch` stands for what is open in it."""
    iss, launch = request.args.get("iss", ""), request.args.get("launch", "")
    try:
        system = ehr_systems.enter_by_iss(iss)
        if launch_web.cannot_show(system):
            return launch_web.problem(Conflict(IN_A_TAB), tab_address=request.full_path)
        launch_web.serve(system)
        if not launch:
            raise launches.LaunchUnknown(f"{system.name} did not say what is open in it. {launches.AGAIN}")
        return launch_web.to_ehr(launches.begin(system, launch=launch, aud=iss))
    except DomainError as error:
        return launch_web.problem(error)


IN_A_TAB = (
    "Clinic Supply opens in a tab of its own here, not inside the chart. Open it in a tab now. "
    "The administrator of the portal can let this chart show it."
)


@blueprint.get("/ehr/start/<slug>/<code>")
@public
def start_standalone(slug: str, code: str) -> ResponseReturnValue:
    """A clinician begins here; the EHR asks for the patient."""
    try:
        system = ehr_systems.enter_by_path(slug, code)
        launch_web.serve(system)
        return launch_web.to_ehr(launches.begin(system))
    except DomainError as error:
        return launch_web.problem(error)


@blueprint.get("/ehr/callback/<slug>/<code>")
@public
def finish_launch(slug: str, code: str) -> ResponseReturnValue:
    """The EHR sends the browser back, with a code or a reason why not."""
    answer = Answer(
        state=request.args.get("state", ""),
        code=request.args.get("code", ""),
        issuer=request.args.get("iss", ""),
        error=request.args.get("error", ""),
        error_description=request.args.get("error_description", ""),
        error_uri=request.args.get("error_uri", ""),
    )
    cookie = launches.cookie_of(answer.state)
    try:
        system = ehr_systems.enter_by_path(slug, code)
        launch_web.serve(system)
        launch = launches.finish(system, answer, request.cookies.get(cookie, ""))
        return launch_web.opened(launch, cookie)
    except DomainError as error:
        return launch_web.problem(error, help_address=answer.error_uri)


@blueprint.post("/ehr/end/<code>")
@signed_in
def end_launch(code: str) -> ResponseReturnValue:
    """Ends a launch and gives its tokens back; other launches of the person stay open."""
    launches.end(code, actor())
    return render_template("clinical/launch_ended.html")


@blueprint.get("/care/<code>/style.css")
@signed_in
def show_style(code: str) -> ResponseReturnValue:
    """The look the EHR asks for: our own variables with its values."""
    style = launches.style(code, actor())
    response = make_response(render_template("clinical/launch_style.css", style=style))
    response.headers.update({"Content-Type": "text/css", "Cache-Control": "private, max-age=3600"})
    return response


@blueprint.get("/ehr/jwks.json")
@public
def show_keys() -> ResponseReturnValue:
    """The public halves of our keys (RFC 7517); EHRs may keep them for five minutes."""
    response = jsonify(ehr_systems.keys().published())
    response.headers["Cache-Control"] = f"public, max-age={JWKS_SECONDS}"
    return response
