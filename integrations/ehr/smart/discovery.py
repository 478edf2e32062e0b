"""What a FHIR server publishes about authorization (SMART 2.2, conformance): read, resolved, judged."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urljoin

from integrations.ehr.addresses import host_of, is_protected
from integrations.errors import Misconfigured

WELL_KNOWN = ".well-known/smart-configuration"
OAUTH_URIS = "/StructureDefinition/oauth-uris"  # servers name it under several hosts
LISTS = (
    "capabilities", "scopes_supported", "grant_types_supported", "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
    "response_types_supported",
)  # fmt: skip
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "revocation_endpoint")


@dataclass(frozen=True)
class Discovery:
    """The published addresses (absolute) and lists; empty where nothing is published."""

    source: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    issuer: str = ""
    jwks_uri: str = ""
    revocation_endpoint: str = ""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, name: str, value: str) -> bool:
        """Whether a published list contains a value."""
        return value in self.lists.get(name, ())

    def dump(self) -> bytes:
        """For keeping."""
        return json.dumps(asdict(self)).encode()


def load(kept: bytes) -> Discovery:
    """From `dump`."""
    values = json.loads(kept)
    return Discovery(**{**values, "lists": {name: tuple(found) for name, found in values["lists"].items()}})


def read_configuration(document: Any, base_url: str) -> Discovery:
    """A smart-configuration; relative addresses are resolved against the FHIR base. Raises Misconfigured."""
    if not isinstance(document, dict):
        raise Misconfigured(f"{WELL_KNOWN} is not a JSON object")
    return Discovery(
        source="smart-configuration",
        issuer=_text(document.get("issuer")),
        lists={name: _texts(document.get(name)) for name in LISTS},
        **{name: _resolved(_text(document.get(name)), base_url) for name in ENDPOINTS},
    )


def read_capability_statement(document: Any, base_url: str) -> Discovery:
    """The older way: the oauth-uris extension of a CapabilityStatement. Raises Misconfigured without it."""
    found: dict[str, str] = {}
    for extension in _oauth_extensions(document):
        for part in _objects(extension.get("extension")):
            found[_text(part.get("url"))] = _text(part.get("valueUri") or part.get("valueUrl"))
    if not found.get("authorize") or not found.get("token"):
        raise Misconfigured(
            f"the server publishes neither {WELL_KNOWN} nor oauth-uris in its CapabilityStatement"
        )
    return Discovery(
        source="capability-statement",
        authorization_endpoint=_resolved(found["authorize"], base_url),
        token_endpoint=_resolved(found["token"], base_url),
        revocation_endpoint=_resolved(found.get("revoke", ""), base_url),
    )


def check_endpoints(found: Discovery, hosts: frozenset[str]) -> None:
    """Raises Misconfigured unless every endpoint is protected and on a host expected for this tenant."""
    for name in ENDPOINTS:
        url = str(getattr(found, name))
        if not url and name in {"authorization_endpoint", "token_endpoint"}:
            raise Misconfigured(f"the server publishes no {name}")
        if url and not is_protected(url):
            raise Misconfigured(f"the published {name} is not reached over https")
        if url and host_of(url) not in hosts:
            raise Misconfigured(
                f"the published {name} is on {host_of(url)}, which is not among the hosts of this EHR"
            )


def _oauth_extensions(document: Any) -> list[dict[str, Any]]:
    rest = _objects(document.get("rest")) if isinstance(document, dict) else []
    return [
        extension
        for server in rest
        for extension in _objects(_object(server.get("security")).get("extension"))
        if _text(extension.get("url")).endswith(OAUTH_URIS)
    ]


def _resolved(url: str, base_url: str) -> str:
    return urljoin(f"{base_url.rstrip('/')}/", url) if url else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
