"""The sandbox EHR as a web application: every profile below its own paths, and the page to launch from."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from integrations.sandbox.ehr.authority import Authority, Context
from integrations.sandbox.ehr.fhir import Fhir
from integrations.sandbox.ehr.oauth import OAuth
from integrations.sandbox.ehr.profiles import PROFILES, Profile
from integrations.sandbox.ehr.records import Records, sample_records

STYLE = {"color_background": "#ffffff", "color_highlight": "#2a6496", "dim_border_radius": "3px"}


@dataclass
class Hospital:
    """What one sandbox serves: who may ask for what, and the records."""

    authority: Authority
    records: Records = field(default_factory=lambda: Records(sample_records()))


def create_app(hospital: Hospital) -> Flask:
    """The sandbox; its addresses are those it is called under."""
    app = Flask(__name__)
    for profile in PROFILES.values():
        _add_profile(app, profile, hospital)
    app.add_url_rule("/", "desk", lambda: _desk(hospital))
    app.add_url_rule("/open", "open", lambda: _open(hospital), methods=["GET"])
    app.add_url_rule("/style.json", "style", lambda: jsonify(STYLE))
    app.add_url_rule("/sandbox/health", "health", lambda: jsonify({"status": "ok"}))
    app.add_url_rule("/sandbox/faults", "faults", lambda: _faults(hospital), methods=["POST"])
    return app


def _add_profile(app: Flask, profile: Profile, hospital: Hospital) -> None:
    oauth = OAuth(hospital.authority, profile, hospital.records)
    fhir = Fhir(hospital.authority, profile, hospital.records)

    def add(path: str, name: str, view: Callable[..., ResponseReturnValue], *methods: str) -> None:
        app.add_url_rule(path, f"{profile.code}_{name}", view, methods=list(methods) or ["GET"])

    add(f"{profile.oauth}/authorize", "authorize", oauth.authorize, "GET", "POST")
    add(f"{profile.oauth}/token", "token", oauth.token, "POST")
    if profile.revokes:
        add(f"{profile.oauth}/revoke", "revoke", oauth.revoke, "POST")
    add(f"{profile.oauth}/keys", "keys", lambda: jsonify(_keys(hospital)))
    if profile.openid_discovery:
        path = f"{profile.issuer.rstrip('/')}/.well-known/openid-configuration"
        add(path, "openid", lambda: _openid(profile))
    add(f"{profile.fhir}/.well-known/smart-configuration", "configuration", fhir.configuration)
    add(f"{profile.fhir}/metadata", "metadata", fhir.metadata)
    add(f"{profile.fhir}/<kind>/<number>", "read", fhir.read)
    add(f"{profile.fhir}/<kind>", "search", fhir.search)
    add(f"{profile.fhir}/<kind>", "create", fhir.create, "POST")


def _keys(hospital: Hospital) -> dict[str, object]:
    return {"keys": [hospital.authority.key.as_dict(private=False)]}


def _openid(profile: Profile) -> Response:
    host = request.host_url.rstrip("/")
    return jsonify(
        {
            "issuer": f"{host}{profile.issuer}",
            "jwks_uri": f"{host}{profile.oauth}/keys",
            "authorization_endpoint": f"{host}{profile.oauth}/authorize",
            "token_endpoint": f"{host}{profile.oauth}/token",
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
        }
    )


def _desk(hospital: Hospital) -> str:
    """Where somebody chooses what is open in the EHR, and opens the application."""
    records = hospital.records
    return render_template(
        "ehr_desk.html",
        profiles=[one for one in PROFILES.values() if _apps(hospital, one)],
        people=records.of("Practitioner"),
        encounters=records.of("Encounter"),
        patients={one["id"]: one for one in records.of("Patient")},
        places=records.of("Location"),
        procedures=records.of("Procedure"),
    )


def _apps(hospital: Hospital, profile: Profile) -> str:
    """The launch address of the application registered at a profile."""
    client = hospital.authority.clients.get(f"portal-{profile.code}")
    return client.launch_url if client else ""


def _open(hospital: Hospital) -> ResponseReturnValue:
    """Launches the application with the chosen context: in this page's frame, or in this tab."""
    chosen = request.args
    profile = PROFILES.get(chosen.get("profile", ""))
    launch_url = _apps(hospital, profile) if profile else ""
    if profile is None or not launch_url:
        return "Choose an EHR that the application is registered at.", 404
    encounter = hospital.records.one("Encounter", chosen.get("encounter", ""))
    context = Context(
        user=chosen.get("user", ""),
        patient=chosen.get("patient") or _patient_of(encounter),
        encounter=encounter["id"] if encounter else "",
        location=chosen.get("location") or _place_of(encounter),
        intent=chosen.get("intent", ""),
        about=chosen.get("about", ""),
        needs_banner=chosen.get("banner") != "no",
    )
    values = {"iss": f"{request.host_url.rstrip('/')}{profile.fhir}"}
    values["launch"] = hospital.authority.launch(profile.code, context)
    address = f"{launch_url}?{urlencode(values)}"
    if chosen.get("how") == "tab":
        return redirect(address)
    return render_template("ehr_frame.html", profile=profile, address=address, width=chosen.get("width", ""))


def _patient_of(encounter: dict[str, object] | None) -> str:
    return str(_element(encounter, "subject")).removeprefix("Patient/")


def _place_of(encounter: dict[str, object] | None) -> str:
    places = encounter.get("location") if encounter else None
    first = places[0] if isinstance(places, list) and places else {}
    return str(_element(first, "location")).removeprefix("Location/")


def _element(resource: dict[str, object] | None, name: str) -> object:
    value = resource.get(name) if resource else None
    return value.get("reference", "") if isinstance(value, dict) else ""


def _faults(hospital: Hospital) -> Response:
    """Sets what goes wrong, by the names of `Faults`."""
    for name, value in request.get_json().items():
        if name in asdict(hospital.authority.faults):
            setattr(hospital.authority.faults, name, value)
    return jsonify(asdict(hospital.authority.faults))
