"""Validation of an id_token by us: signature, issuer among the tenant's, audience, times, nonce."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from integrations.errors import Rejected

# No symmetric algorithm and no "none": only the EHR can sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_SECONDS = 60
LONGEST = 20_000

Keys = Callable[[str, str], KeySet]
"""The keys of an issuer that should hold a key id."""


class Unbelievable(Rejected):
    """The id_token does not prove who is there."""


@dataclass(frozen=True)
class Expected:
    """What an id_token must say; an empty `nonce` is not asked for."""

    issuers: frozenset[str]
    client_id: str
    nonce: str
    needs_nonce: bool = True


def validated(token: str, expected: Expected, keys: Keys) -> Mapping[str, Any]:
    """The claims (OpenID Connect Core 1.0, 3.1.3.7); raises Unbelievable."""
    header, unproven = _parts(token)
    issuer = unproven.get("iss")
    # Before anything is fetched: the keys come only from an issuer this tenant is known to have.
    if not isinstance(issuer, str) or issuer not in expected.issuers:
        raise Unbelievable("the id_token was issued by somebody else", code="issuer")
    try:
        found = keys(issuer, str(header.get("kid", "")))
        claims = jwt.decode(token, found, algorithms=ALGORITHMS).claims
        _registry(expected).validate(claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Unbelievable("the id_token cannot be verified", code=type(error).__name__) from error
    _check_audience(claims, expected)
    _check_nonce(claims, expected)
    return claims


def _registry(expected: Expected) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "values": sorted(expected.issuers)},
        sub={"essential": True},
        aud={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )


def _check_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    party = claims.get("azp", expected.client_id)
    if expected.client_id not in audience or party != expected.client_id:
        raise Unbelievable("the id_token is meant for another application", code="audience")


def _check_nonce(claims: Mapping[str, Any], expected: Expected) -> None:
    if "nonce" not in claims and not expected.needs_nonce:
        return
    if claims.get("nonce") != expected.nonce or not expected.nonce:
        raise Unbelievable("the id_token does not belong to this launch", code="nonce")


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims before they are proven."""
    pieces = token.split(".")
    if len(pieces) != 3 or len(token) > LONGEST:
        raise Unbelievable("the EHR did not say who is there", code="no_id_token")
    try:
        header, claims = (json.loads(base64.urlsafe_b64decode(f"{piece}==")) for piece in pieces[:2])
    except ValueError as error:
        raise Unbelievable("the id_token cannot be read", code="unreadable") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Unbelievable("the id_token cannot be read", code="unreadable")
    return header, claims
