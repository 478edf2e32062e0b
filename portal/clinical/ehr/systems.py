"""EHR systems of an organization: set up and changed, and spoken to through the contract."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from structlog import get_logger

from integrations.ehr.addresses import LOOPBACK, host_of, tenant_key
from integrations.ehr.contract import BREAK_THE_GLASS, Ehr, Reading, Registration
from integrations.ehr.keys import SigningKeys
from integrations.errors import Ambiguous, Misconfigured, PartnerError, Rejected, Retryable
from integrations.health import Health
from integrations.http import Connection
from integrations.registry import EHRS
from portal.clinical.models import EhrSystem
from portal.clinical.rules import AuthMethod, EhrKind, ScopeStyle
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db, enter_organization, found, release
from portal.foundation.errors import DomainError, Invalid, NotAllowed, NotFound
from portal.identity import queries as identity
from portal.identity.rules import SLUG
from portal.settings import Settings, partner_secret

# What tells of used supplies, implants and charges.
POLLED = ("Procedure", "Device", "DeviceUseStatement", "SupplyDelivery", "ChargeItem")
SECONDS = 8.0  # of one call: a person is waiting
log = get_logger(__name__)


class EhrTrouble(NotAllowed):
    """The EHR refuses or cannot be used; the text is for people."""


@dataclass(frozen=True)
class SystemValues:
    """What an administrator says about an EHR."""

    name: str
    base_url: str
    client_id: str
    kind: EhrKind = EhrKind.OTHER
    auth_method: AuthMethod = AuthMethod.RS384
    secret_name: str = ""
    backend_client_id: str = ""
    issuers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    scope_style: ScopeStyle = ScopeStyle.V2
    expects_nonce: bool = True
    frame_ancestors: tuple[str, ...] = ()
    facility_id: int | None = None
    active: bool = True
    polled_types: tuple[str, ...] = ()


class RedisCache:
    """Keeps what an EHR publishes for all processes; without the queue nothing is kept."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def load(self, key: str) -> bytes | None:
        """What was kept, or None."""
        try:
            value = self._redis.get(f"ehr:{key}")
        except RedisError:
            return None
        return value if isinstance(value, bytes) else None

    def keep(self, key: str, value: bytes, seconds: int) -> None:
        """Keeps a value."""
        try:
            self._redis.set(f"ehr:{key}", value, ex=seconds)
        except RedisError:
            log.warning("ehr_configuration_not_kept")

    def forget(self, key: str) -> None:
        """Drops a value."""
        try:
            self._redis.delete(f"ehr:{key}")
        except RedisError:
            log.warning("ehr_configuration_not_forgotten")


def add(code: str, values: SystemValues, *, by: Actor) -> EhrSystem:
    """Adds an EHR to the present organization; raises Invalid with the field."""
    if not SLUG.fullmatch(code):
        raise Invalid("Use lower-case letters, digits and single hyphens for the code.", field="code")
    system = EhrSystem(code=code, iss="", base_url="", name="", client_id="")
    _apply(system, values)
    try:
        with db.session.begin_nested():
            db.session.add(system)
    except IntegrityError as error:
        raise Invalid("This code or this FHIR address is in use already.", field="base_url") from error
    audit.record(by, "ehr_system.added", system, after=_plain(values))
    return system


def change(system: EhrSystem, values: SystemValues, *, by: Actor) -> None:
    """Changes an EHR; raises Invalid with the field."""
    before = {"iss": system.iss, "active": system.active, "client_id": system.client_id}
    try:
        with db.session.begin_nested():
            _apply(system, values)
    except IntegrityError as error:
        raise Invalid("Another EHR has this FHIR address.", field="base_url") from error
    RedisCache(current_app.extensions["redis"]).forget(f"smart:{system.iss}")
    audit.record(by, "ehr_system.changed", system, before=before, after=_plain(values))


def _apply(system: EhrSystem, values: SystemValues) -> None:
    try:
        system.iss = tenant_key(values.base_url)
    except Rejected as error:
        raise Invalid(f"Enter the FHIR base address, https://…: {error}.", field="base_url") from error
    for ancestor in values.frame_ancestors:
        _check_origin(ancestor)
    unknown = set(values.polled_types) - set(POLLED)
    if unknown:
        raise Invalid(f"Enter only {', '.join(POLLED)}, one a line.", field="polled_types")
    for name, value in asdict(values).items():
        setattr(system, name, list(value) if isinstance(value, tuple) else value)


def _check_origin(text: str) -> None:
    """An origin as CSP takes it: scheme, host (maybe *.), maybe port, nothing else."""
    parts = urlsplit(text)
    is_odd = any(character <= " " or character in ";,'\"*" for character in text.replace("://*.", "://", 1))
    is_protected = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if is_odd or not is_protected or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise Invalid(
            f"{text} is no origin. Enter addresses such as https://ehr.hospital.org, one a line.",
            field="frame_ancestors",
        )


def _plain(values: SystemValues) -> dict[str, object]:
    return {
        "iss": values.base_url,
        "kind": values.kind,
        "method": values.auth_method,
        "active": values.active,
        "frame_ancestors": list(values.frame_ancestors),
        "client_id": values.client_id,
    }


def systems() -> Sequence[EhrSystem]:
    """The EHRs of the present organization, by name."""
    return db.session.scalars(select(EhrSystem).order_by(EhrSystem.name, EhrSystem.id)).all()


def by_code(code: str) -> EhrSystem:
    """An EHR of the present organization; raises NotFound."""
    return found(db.session.scalar(select(EhrSystem).where(EhrSystem.code == code)), "EHR")


def enter_by_iss(iss: str) -> EhrSystem:
    """The active EHR with this FHIR base, whosever it is; the session is then in its organization.

    The address comes from anybody: it is compared, never called, unless it is on the list. Raises NotFound.
    """
    try:
        key = tenant_key(iss)
    except Rejected as error:
        raise NotFound(UNKNOWN) from error
    organization_id = identity.organization_id_of_iss(key)
    if organization_id is None:
        raise NotFound(UNKNOWN)
    enter_organization(organization_id)
    return found(db.session.scalar(select(EhrSystem).where(EhrSystem.iss == key)), "EHR")


UNKNOWN = (
    "This EHR is not registered with the supply portal. Tell your EHR team the address it launched from; "
    "the administrator of the portal adds it under EHR systems."
)


def enter_by_path(slug: str, code: str) -> EhrSystem:
    """The active EHR named by an address; the session is then in its organization. Raises NotFound."""
    organization_id = identity.organization_id_of_slug(slug)
    if organization_id is None:
        raise NotFound(UNKNOWN)
    enter_organization(organization_id)
    system = by_code(code)
    if not system.active:
        raise NotFound(UNKNOWN)
    return system


def keys() -> SigningKeys:
    """The keys of this installation."""
    settings: Settings = current_app.extensions["settings"]
    return SigningKeys([key.get_secret_value() for key in settings.ehr_keys])


def callback_path(system: EhrSystem) -> str:
    """Where the EHR sends the browser back to: one address for each EHR."""
    return f"/ehr/callback/{identity.organization().slug}/{system.code}"


@contextmanager
def speaking(system: EhrSystem, *, backend: bool = False, unheld: bool = False) -> Iterator[Ehr]:
    """Speaks with an EHR; what goes wrong there becomes EhrTrouble in words for people.

    With `unheld` what was done so far is committed first: no connection and no lock waits for the EHR.
    """
    ehr = _ehr(system, backend=backend)
    try:
        if unheld:
            release()
        yield ehr
    except PartnerError as error:
        code = error.code if error.code.replace("_", "").isalnum() else ""
        log.warning("ehr_refused", system=system.code, error=type(error).__name__, code=code)
        raise trouble(system, error) from error
    finally:
        ehr.close()


def _ehr(system: EhrSystem, *, backend: bool) -> Ehr:
    settings: Settings = current_app.extensions["settings"]
    public_url = settings.public_url.rstrip("/")
    secret = partner_secret(system.secret_name) if system.secret_name else ""
    registration = Registration(
        kind=system.kind,
        iss=system.base_url,
        client_id=(backend and system.backend_client_id) or system.client_id,
        redirect_uri=f"{public_url}{callback_path(system)}",
        auth_method=system.auth_method,
        secret=secret,
        keys=keys(),
        jwks_url=f"{public_url}/ehr/jwks.json",
        issuers=frozenset(system.issuers),
        hosts=frozenset(host.lower() for host in system.hosts),
        scope_style=system.scope_style,
        expects_nonce=system.expects_nonce,
    )
    connection = Connection(
        base_url=system.base_url,
        secret=secret,
        # Both lists: what the installation may call at all, and what belongs to this EHR.
        allowed_hosts=settings.partner_hosts & (registration.hosts | {host_of(system.base_url)}),
        timeout_seconds=min(SECONDS, settings.partner_timeout_seconds),
    )
    return EHRS["smart"](registration, connection, RedisCache(current_app.extensions["redis"]))


def trouble(system: EhrSystem, error: PartnerError) -> DomainError:
    """The sentence for the person who is waiting."""
    name = system.name
    match error:
        case Rejected(code=code) if code == BREAK_THE_GLASS:
            return EhrTrouble(
                f"{name} keeps this patient's record closed here. Break the glass in the EHR first, then "
                "open Clinic Supply again from the chart. The portal does not try again by itself."
            )
        case Rejected(code="invalid_grant"):
            return EhrTrouble(
                f"{name} no longer accepts this launch: it was used before or took too long. "
                "Open Clinic Supply again from the chart."
            )
        case Misconfigured():
            return EhrTrouble(
                f"{name} is not set up completely: {error}. Tell the administrator of the portal; "
                "nothing you did is wrong."
            )
        case Retryable() | Ambiguous():
            return EhrTrouble(f"{name} does not answer just now. Open Clinic Supply again from the chart.")
    return EhrTrouble(f"{name} did not let the portal in: {error}. Open Clinic Supply again from the chart.")


def check(system: EhrSystem) -> Health:
    """Whether the EHR publishes what a launch needs."""
    ehr = _ehr(system, backend=False)
    try:
        release()
        return ehr.check()
    finally:
        ehr.close()


@contextmanager
def reading_as_system(system: EhrSystem, resource_types: Sequence[str]) -> Iterator[Reading]:
    """Reads in the EHR as the portal itself (backend services); raises EhrTrouble."""
    with speaking(system, backend=True) as ehr:
        granted = ehr.sign_in_as_system(" ".join(f"system/{name}.{_read(system)}" for name in resource_types))
        yield ehr.reading(granted.access_token, granted.scope)


def _read(system: EhrSystem) -> str:
    return "read" if system.scope_style is ScopeStyle.V1 else "rs"
