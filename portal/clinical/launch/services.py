"""A launch: asked for at the EHR, opened once when its browser comes back, read and ended on the server."""

import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import joinedload, undefer

from integrations.ehr.contract import Clinician, Ehr, Granted, PractitionerFacts, Reading, Style
from integrations.errors import PartnerError, Rejected
from portal.clinical.access.records import record_view
from portal.clinical.ehr.systems import EhrTrouble, speaking
from portal.clinical.launch import context as launch_context
from portal.clinical.launch import people as launch_people
from portal.clinical.launch.context import Told
from portal.clinical.models import EhrSystem, Launch
from portal.clinical.rules import LaunchState
from portal.foundation import audit, clock
from portal.foundation.access import Actor, system
from portal.foundation.crypto import token, token_hash
from portal.foundation.db import db
from portal.foundation.errors import DomainError, Invalid, NotFound
from portal.foundation.sealed import keyring
from portal.identity.models import WebSession
from portal.identity.services import actor_of

ANSWER_WITHIN = timedelta(minutes=10)
A_DAY = timedelta(days=1)
EARLY = timedelta(seconds=30)  # a token is renewed so long before it ends
LONGEST_LAUNCH = 2000
LONGEST_WORDS = 300


class LaunchUnknown(Invalid):
    """The answer belongs to no launch that this browser began; the text is for people."""


@dataclass(frozen=True)
class Begun:
    """Where the browser goes (with `fields`, as a form), and the cookie that binds the launch to it."""

    url: str = field(repr=False)
    cookie: str = ""
    value: str = field(default="", repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Answer:
    """What the browser brought back from the EHR."""

    state: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    issuer: str = ""
    error: str = ""
    error_description: str = ""
    error_uri: str = ""


@dataclass(frozen=True)
class LaunchContext:
    """What a page may show of one's own open launch; names are "" where the EHR did not tell them."""

    code: str
    system: str
    patient_id: int | None
    patient: str
    needs_banner: bool
    encounter_id: int | None
    location_id: int | None
    facility_id: int | None
    practitioner: str
    intent: str
    style_url: str


def cookie_of(state: str) -> str:
    """The name of the cookie of a launch: each tab has its own."""
    return f"launch_{token_hash(state)[:16]}"


def begin(ehr_system: EhrSystem, *, launch: str = "", aud: str = "") -> Begun:
    """Asks the EHR for an authorization; without `launch` a standalone one. Raises Invalid or EhrTrouble."""
    if len(launch) > LONGEST_LAUNCH:
        raise Invalid("The EHR's launch value is too long. Open Clinic Supply again from the chart.")
    with speaking(ehr_system, unheld=True) as ehr:
        asked = ehr.ask(launch=launch, aud=aud)
    browser = token()
    db.session.add(
        Launch(
            ehr_system_id=ehr_system.id,
            state_hash=token_hash(asked.state),
            browser_hash=token_hash(browser),
            code_verifier=asked.code_verifier,
            nonce=asked.nonce,
            token_endpoint=asked.token_endpoint,
        )
    )
    db.session.flush()
    return Begun(asked.url, cookie_of(asked.state), browser, asked.fields)


def finish(ehr_system: EhrSystem, answer: Answer, browser: str) -> Launch:
    """Opens the launch that the answer belongs to, once; raises LaunchUnknown, EhrTrouble or NotAllowed.

    Whatever comes of it, the answer is used up: that is committed before the EHR is asked.
    """
    launch = _asked(ehr_system, answer.state, browser)
    kept = Kept(launch.code_verifier, launch.nonce, launch.token_endpoint)
    launch.state, launch.ended_at = LaunchState.ENDED, clock.now()
    db.session.flush()
    try:
        _redeem(ehr_system, launch, answer, kept)
    except DomainError as error:
        portal = system(ehr_system.organization_id, f"launch from {ehr_system.code}")
        audit.record(
            portal, "launch.refused", launch, evidence={"why": type(error.__cause__ or error).__name__}
        )
        raise
    return launch


@dataclass(frozen=True)
class Kept:
    """What the server kept of the request."""

    code_verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    token_endpoint: str


@dataclass(frozen=True)
class Heard:
    """All that the EHR says of a launch."""

    granted: Granted
    clinician: Clinician
    person: PractitionerFacts | None
    told: Told


def _redeem(ehr_system: EhrSystem, launch: Launch, answer: Answer, kept: Kept) -> None:
    if answer.error:
        raise EhrTrouble(_declined(ehr_system, answer))
    if not answer.code:
        raise LaunchUnknown(f"{ehr_system.name} sent neither a code nor a reason. {AGAIN}")
    with speaking(ehr_system, unheld=True) as ehr:
        heard = _hear(ehr, ehr_system, answer, kept)
    # A savepoint: what a failed launch began is undone, that its answer was used is not.
    with db.session.begin_nested():
        _open(ehr_system, launch, heard)


AGAIN = "Open Clinic Supply again from the patient's chart."
NOT_THIS_BROWSER = (
    f"This launch was not begun in this browser, took longer than ten minutes, or was opened before. {AGAIN} "
    "If it happens every time, your browser does not keep cookies for this page: ask your EHR team to open "
    "Clinic Supply in a tab of its own."
)


def _asked(ehr_system: EhrSystem, state: str, browser: str) -> Launch:
    """The launch waiting for this answer in this browser, locked so that a repeat finds it used."""
    statement = (
        select(Launch)
        .options(undefer(Launch.code_verifier), undefer(Launch.nonce))
        .where(
            Launch.state_hash == token_hash(state),
            # Another EHR's answer cannot be taken for this one's (mix-up, RFC 9207).
            Launch.ehr_system_id == ehr_system.id,
            Launch.state == LaunchState.ASKED,
            Launch.created_at > clock.now() - ANSWER_WITHIN,
        )
        .with_for_update()
    )
    launch = db.session.scalar(statement)
    if launch is None or not hmac.compare_digest(launch.browser_hash, token_hash(browser)):
        raise LaunchUnknown(NOT_THIS_BROWSER)
    return launch


def _declined(ehr_system: EhrSystem, answer: Answer) -> str:
    words = " ".join(answer.error_description.split())[:LONGEST_WORDS] or answer.error[:LONGEST_WORDS]
    return f"{ehr_system.name} did not open Clinic Supply. It says: {words}. {AGAIN}"


def _hear(ehr: Ehr, ehr_system: EhrSystem, answer: Answer, kept: Kept) -> Heard:
    """Redeems the code and reads what the launch is about; only the places that were seen are written."""
    granted = ehr.redeem(answer.code, code_verifier=kept.code_verifier, token_endpoint=kept.token_endpoint)
    clinician = ehr.clinician(granted, kept.nonce)
    if answer.issuer and answer.issuer != clinician.issuer:
        raise Rejected("another server answered", code="issuer")
    reading = ehr.reading(granted.access_token, granted.scope)
    person = _practitioner(reading, clinician)
    told = launch_context.ask(ehr_system, reading, granted, person.places if person else ())
    return Heard(granted, clinician, person, told)


def _open(ehr_system: EhrSystem, launch: Launch, heard: Heard) -> None:
    granted, clinician, person = heard.granted, heard.clinician, heard.person
    one_at_a_time(ehr_system.iss, clinician.subject, granted.patient)
    context = launch_context.keep(ehr_system, heard.told)
    account = launch_people.account_of(ehr_system, clinician, person, context.where.facility_id)
    launch.account_id = account.id
    launch.account = account
    launch.patient_id, launch.encounter_id = context.patient_id, context.encounter_id
    launch.case_id = context.case_id
    launch.location_id = context.where.location_id or account.home_location_id
    launch.fhir_user = clinician.fhir_user
    launch.practitioner = account.name
    launch.needs_banner, launch.style_url = granted.needs_banner, _safe_url(granted.style_url)
    launch.intent = granted.intent[:LONGEST_WORDS]
    launch.context = json.dumps([[item.reference, item.role] for item in granted.context])
    launch.code_verifier, launch.nonce = "", ""
    launch.state, launch.opened_at, launch.ended_at = LaunchState.OPEN, clock.now(), None
    keep_tokens(launch, granted)
    db.session.flush()
    actor = actor_of(account)
    evidence = {"ehr": ehr_system.code, "scope": granted.scope, "fhir_user": clinician.fhir_user}
    audit.record(actor, "launch.opened", launch, evidence=evidence)


def one_at_a_time(iss: str, *names: str) -> None:
    """Lets two launches that may make the same person or patient wait for each other, until they commit."""
    for name in sorted(filter(None, names)):
        key = func.hashtextextended(keyring().blind_index(f"{iss}|{name}"), 0)
        db.session.execute(select(func.pg_advisory_xact_lock(key)))


def _practitioner(reading: Reading, clinician: Clinician) -> PractitionerFacts | None:
    """What the EHR tells about the person; care goes on without."""
    kind = clinician.fhir_user.partition("/")[0]
    if kind not in {"Practitioner", "PractitionerRole"} or not reading.may(kind):
        return None
    try:
        return reading.practitioner(clinician.fhir_user)
    except PartnerError:
        return None


def _safe_url(url: str) -> str:
    return url if url.startswith(("https://", "http://127.0.0.1", "http://localhost")) else ""


def keep_tokens(launch: Launch, granted: Granted) -> None:
    """Keeps what was granted, sealed; the row shows only the scope and when it ends."""
    launch.access_token = granted.access_token
    launch.refresh_token = granted.refresh_token or None
    launch.granted_scope = granted.scope
    launch.token_expires_at = clock.now() + timedelta(seconds=granted.expires_in or 300)


def current_launch(code: str, actor: Actor) -> LaunchContext:
    """One's own open launch; the view of the patient is recorded. Raises NotFound for anybody else's."""
    launch = own(code, actor)
    patient = launch_context.patient_name(launch.patient_id) if launch.patient_id else ""
    if launch.patient_id is not None:
        record_view(actor, launch.patient_id, "launch")
    return LaunchContext(
        code=launch.code,
        system=launch.system.name,
        patient_id=launch.patient_id,
        patient=patient,
        needs_banner=launch.needs_banner,
        encounter_id=launch.encounter_id,
        location_id=launch.location_id,
        facility_id=launch.location.facility_id if launch.location else None,
        practitioner=launch.practitioner,
        intent=launch.intent,
        style_url=launch.style_url,
    )


def own(code: str, actor: Actor, *, with_tokens: bool = False) -> Launch:
    """One's own open launch with its EHR and place; raises NotFound for anybody else's or an ended one."""
    statement = (
        select(Launch)
        .options(joinedload(Launch.system), joinedload(Launch.location))
        .where(
            Launch.code == code,
            Launch.account_id == actor.account_id,
            Launch.state == LaunchState.OPEN,
        )
    )
    if with_tokens:
        statement = (
            statement.options(undefer(Launch.access_token), undefer(Launch.refresh_token))
            .with_for_update(of=Launch)
            .execution_options(populate_existing=True)
        )
    launch = db.session.scalar(statement)
    if launch is None:
        raise NotFound(f"This launch has ended, or was somebody else's. {AGAIN}")
    return launch


def style(code: str, actor: Actor) -> Style:
    """The look the EHR asks for in one's own launch; the portal's own where it cannot be read."""
    launch = own(code, actor)
    url = launch.style_url
    if not url:
        return Style()
    try:
        with speaking(launch.system, unheld=True) as ehr:
            return ehr.style(url)
    except EhrTrouble:
        return Style()


@contextmanager
def reading(code: str, actor: Actor) -> Iterator[Reading]:
    """Reads in the EHR within one's own launch, with a token renewed when it is about to end.

    Raises NotFound, or EhrTrouble when the EHR's session is over.
    """
    launch = own(code, actor, with_tokens=True)
    with speaking(launch.system) as ehr:
        if launch.token_expires_at is None or launch.token_expires_at - EARLY <= clock.now():
            _renew(ehr, launch)
        yield ehr.reading(launch.access_token or "", launch.granted_scope)


def _renew(ehr: Ehr, launch: Launch) -> None:
    if not launch.refresh_token:
        raise EhrTrouble(f"The EHR's session is over. {AGAIN}")
    keep_tokens(launch, ehr.refresh(launch.refresh_token, scope=launch.granted_scope))
    db.session.flush()


def end(code: str, actor: Actor) -> None:
    """Ends one's own launch: its tokens are given back where the EHR takes them, and forgotten."""
    launch = own(code, actor, with_tokens=True)
    tokens = _end(launch, actor)
    _give_back(launch.system, tokens)


def end_left(age: timedelta) -> int:
    """Ends the launches of the present organization that are too old or whose clinician has no session.

    Those never opened are dropped. Returns how many were ended.
    """
    limit = clock.now() - age
    statement = (
        select(Launch)
        .options(joinedload(Launch.system), undefer(Launch.access_token), undefer(Launch.refresh_token))
        .where(Launch.state == LaunchState.OPEN, (Launch.opened_at < limit) | ~_is_signed_in())
        .order_by(Launch.id)
        .limit(100)
        .with_for_update(of=Launch, skip_locked=True)
    )
    over = db.session.scalars(statement).all()
    ended = [(launch.system, _end(launch, system(launch.organization_id, "launch left"))) for launch in over]
    never = delete(Launch).where(Launch.opened_at.is_(None), Launch.created_at < clock.now() - A_DAY)
    db.session.execute(never)
    for ehr_system, tokens in ended:
        _give_back(ehr_system, tokens)
    return len(ended)


def _is_signed_in() -> ColumnElement[bool]:
    return exists().where(WebSession.account_id == Launch.account_id, WebSession.ended_at.is_(None))


def _end(launch: Launch, actor: Actor) -> list[str]:
    """Ends a launch; returns its tokens, to be given back."""
    tokens = [value for value in (launch.refresh_token, launch.access_token) if value]
    launch.access_token = launch.refresh_token = None
    launch.state, launch.ended_at = LaunchState.ENDED, clock.now()
    db.session.flush()
    audit.record(actor, "launch.ended", launch)
    return tokens


def _give_back(ehr_system: EhrSystem, tokens: list[str]) -> None:
    """Revokes where the EHR publishes how; one that does not answer forgets them by time."""
    try:
        with speaking(ehr_system, unheld=True) as ehr:
            for value in tokens:
                ehr.revoke(value)
    except EhrTrouble:
        return
