"""What a server's discovery offers to a confidential launch, and what would fail (`portal smart check`)."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from integrations.ehr.addresses import host_of, is_protected, tenant_key
from integrations.ehr.contract import Registration
from integrations.ehr.smart.adapter import Smart
from integrations.ehr.smart.discovery import ENDPOINTS, Discovery
from integrations.ehr.smart.scopes import AT_LAUNCH
from integrations.errors import PartnerError
from integrations.http import Connection

SIGNATURES = ("RS384", "ES384")


class Level(StrEnum):
    """How bad."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    level: Level
    what: str
    seen: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """Everything about one FHIR base; `set_up` are values for the EHR's page in the portal."""

    iss: str
    source: str
    findings: tuple[Finding, ...]
    set_up: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether nothing would fail."""
        return all(finding.level is not Level.FAIL for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"ready": self.is_ready, **asdict(self)}


class _Nothing:
    """Keeps nothing: a check asks anew."""

    def load(self, key: str) -> bytes | None:
        return None

    def keep(self, key: str, value: bytes, seconds: int) -> None:
        return None

    def forget(self, key: str) -> None:
        return None


def inspect_server(iss: str, *, timeout_seconds: float = 10.0) -> Report:
    """Reads what a server publishes, from its own host only; never raises."""
    try:
        tenant_key(iss)
        connection = Connection(
            base_url=iss, allowed_hosts=frozenset({host_of(iss)}), timeout_seconds=timeout_seconds
        )
        server = Smart(Registration("other", iss, "check"), connection, _Nothing())
        try:
            found = server.published()
        finally:
            server.close()
    except PartnerError as error:
        advice = "Check the address: it is the FHIR base that the EHR sends as iss."
        return Report(iss, "", (Finding(Level.FAIL, "discovery", str(error), advice),))
    return Report(iss, found.source, tuple(_findings(found, iss)), _set_up(found, iss))


def _findings(found: Discovery, iss: str) -> Iterator[Finding]:
    yield _source(found)
    yield from _endpoints(found)
    yield _pkce(found)
    yield from _authentication(found)
    yield from _launches(found)
    yield from _identity(found, iss)
    yield from _scopes(found)
    yield from _tokens(found)


def _source(found: Discovery) -> Finding:
    if found.source == "smart-configuration":
        return Finding(Level.OK, "discovery", "smart-configuration")
    return Finding(
        Level.WARN, "discovery", "CapabilityStatement only", "The older way works, but says nothing else: "
        "what follows cannot be seen here.",
    )  # fmt: skip


def _endpoints(found: Discovery) -> Iterator[Finding]:
    for name in ENDPOINTS:
        url = str(getattr(found, name))
        is_needed = name in {"authorization_endpoint", "token_endpoint"}
        if not url:
            if is_needed:
                yield Finding(Level.FAIL, name, "none", "Without it nobody can launch.")
        elif is_protected(url):
            yield Finding(Level.OK, name, url)
        else:
            yield Finding(Level.FAIL, name, url, "It must be reached over https.")


def _pkce(found: Discovery) -> Finding:
    methods = found.lists.get("code_challenge_methods_supported", ())
    if "S256" in methods:
        if "plain" in methods:
            return Finding(Level.WARN, "PKCE", "S256 and plain", "SMART forbids plain; we send S256 only.")
        return Finding(Level.OK, "PKCE", "S256")
    if methods:
        return Finding(Level.FAIL, "PKCE", ", ".join(methods), "The portal launches with S256 only.")
    return Finding(
        Level.WARN, "PKCE", "not said", "The portal sends S256; a server that does not know it ignores it."
    )


def _authentication(found: Discovery) -> Iterator[Finding]:
    methods = found.lists.get("token_endpoint_auth_methods_supported", ())
    offered = found.lists.get("token_endpoint_auth_signing_alg_values_supported", ())
    if "private_key_jwt" in methods:
        if offered and not set(offered) & set(SIGNATURES):
            yield Finding(
                Level.WARN, "signed assertion", ", ".join(offered), "Neither RS384 nor ES384: use a secret."
            )
        else:
            seen = ", ".join(name for name in SIGNATURES if name in offered) or "algorithms not said"
            yield Finding(Level.OK, "signed assertion", seen)
    elif "client_secret_basic" in methods or "client_secret_post" in methods:
        yield Finding(
            Level.WARN, "signed assertion", "no", "Only a secret is taken: choose it on the EHR's page."
        )
    elif methods:
        yield Finding(
            Level.FAIL, "proof of the portal", ", ".join(methods), "No way for a confidential client."
        )
    else:
        yield Finding(Level.WARN, "proof of the portal", "not said", "Ask the EHR team.")


def _launches(found: Discovery) -> Iterator[Finding]:
    wanted = {
        "launch-ehr": (Level.FAIL, "Nobody can launch from the chart."),
        "launch-standalone": (Level.WARN, "Clinicians cannot begin at the portal."),
        "context-ehr-patient": (Level.WARN, "A launch may come without a patient."),
        "context-ehr-encounter": (Level.WARN, "A launch may come without an encounter."),
        "context-banner": (Level.WARN, "The portal always shows the patient."),
        "client-confidential-asymmetric": (Level.WARN, "Ask whether signed assertions are taken."),
    }
    if not found.lists.get("capabilities"):
        yield Finding(Level.WARN, "capabilities", "none published", "Ask the EHR team what is offered.")
        return
    for name, (level, advice) in wanted.items():
        has = found.has("capabilities", name)
        yield Finding(Level.OK if has else level, name, "yes" if has else "no", "" if has else advice)


def _identity(found: Discovery, iss: str) -> Iterator[Finding]:
    if not found.has("capabilities", "sso-openid-connect"):
        yield Finding(
            Level.WARN, "who is there", "sso-openid-connect not published", "The portal needs an id_token."
        )
    if not found.issuer:
        advice = "Enter the issuer of its id_tokens on the EHR's page."
        yield Finding(Level.WARN, "issuer", "not published", advice)
    elif found.issuer.rstrip("/") != iss.rstrip("/"):
        yield Finding(Level.OK, "issuer", f"{found.issuer} (differs from the FHIR base, which is usual)")
    else:
        yield Finding(Level.OK, "issuer", found.issuer)
    if not found.jwks_uri:
        advice = "Keys are then looked for at the issuer's openid-configuration."
        yield Finding(Level.WARN, "signing keys", "not published", advice)


def _scopes(found: Discovery) -> Iterator[Finding]:
    styles = [style for style in ("v2", "v1") if found.has("capabilities", f"permission-{style}")]
    advice = "" if styles else "Ask which syntax the registration uses."
    yield Finding(
        Level.OK if styles else Level.WARN, "scope syntax", " and ".join(styles) or "not said", advice
    )
    listed = found.lists.get("scopes_supported", ())
    if not any("/" in scope and not scope.startswith("launch/") for scope in listed):
        if listed:
            yield Finding(
                Level.WARN, "scopes listed", f"{len(listed)}, none of resources",
                "They follow the registration of the application: ask for them there.",
            )  # fmt: skip
        return
    missing = [
        f"{level}/{name}"
        for level, name, _ in AT_LAUNCH
        if not any(scope.startswith((f"{level}/{name}.", f"{level}/*.")) for scope in listed)
    ]
    if missing:
        advice = "Without them the portal knows less; it still launches."
        yield Finding(Level.WARN, "scopes missing", ", ".join(missing), advice)
    else:
        yield Finding(Level.OK, "scopes", "everything the portal asks for is listed")


def _tokens(found: Discovery) -> Iterator[Finding]:
    kept = [name for name in ("online", "offline") if found.has("capabilities", f"permission-{name}")]
    advice = "" if kept else "A launch ends with its first token."
    yield Finding(Level.OK if kept else Level.WARN, "refresh", " and ".join(kept) or "not offered", advice)
    grants = found.lists.get("grant_types_supported", ())
    if grants and "client_credentials" not in grants:
        yield Finding(
            Level.WARN,
            "backend services",
            "not offered",
            "Implants and charges cannot be read by the portal itself.",
        )
    elif grants:
        yield Finding(Level.OK, "backend services", "client_credentials")
    if found.revocation_endpoint:
        yield Finding(Level.OK, "giving tokens back", "revocation published")
    else:
        yield Finding(Level.OK, "giving tokens back", "not published: tokens end by time")


def _set_up(found: Discovery, iss: str) -> dict[str, Any]:
    """What to enter on the EHR's page, and the hosts for PORTAL_PARTNER_HOSTS."""
    hosts = {host_of(str(getattr(found, name))) for name in ENDPOINTS} - {""}
    offered = found.lists.get("token_endpoint_auth_signing_alg_values_supported", ())
    methods = found.lists.get("token_endpoint_auth_methods_supported", ())
    signed = "private_key_jwt" in methods or not methods
    usable = [name for name in SIGNATURES if name in offered] or ([] if offered else ["RS384"])
    secret = next((name for name in ("client_secret_basic", "client_secret_post") if name in methods), "")
    return {
        "auth_method": usable[0] if signed and usable else secret,
        "scope_style": "v1" if _only_v1(found) else "v2",
        "issuers": [found.issuer] if found.issuer else [],
        "hosts": sorted(hosts - {host_of(iss)}),
        "partner_hosts": sorted(hosts | {host_of(iss)}),
    }


def _only_v1(found: Discovery) -> bool:
    return found.source != "smart-configuration" or (
        found.has("capabilities", "permission-v1") and not found.has("capabilities", "permission-v2")
    )
