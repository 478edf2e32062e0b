"""How the portal proves itself at a token endpoint: a signed assertion, or a secret if a tenant wants it."""

import base64
from dataclasses import dataclass

from authlib.oauth2.rfc7523 import private_key_jwt_sign

from integrations.ehr.contract import Registration
from integrations.errors import Misconfigured

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 240  # SMART allows 300
SIGNED = frozenset({"RS384", "ES384"})


@dataclass(frozen=True)
class Proof:
    """What is added to a token request."""

    headers: dict[str, str]
    form: dict[str, str]


def proof(registration: Registration, token_endpoint: str) -> Proof:
    """A proof for one request to this address; raises Misconfigured when key or secret is missing."""
    method = registration.auth_method
    if method in SIGNED:
        assertion = signed_assertion(registration, token_endpoint)
        return Proof({}, {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion})
    if not registration.secret:
        raise Misconfigured("the secret of this EHR is not set")
    if method == "client_secret_post":
        return Proof({}, {"client_id": registration.client_id, "client_secret": registration.secret})
    login = f"{registration.client_id}:{registration.secret}".encode()
    return Proof({"authorization": f"Basic {base64.b64encode(login).decode()}"}, {})


def signed_assertion(registration: Registration, audience: str) -> str:
    """A JWT for one request (SMART 2.2, client-confidential-asymmetric)."""
    key = registration.keys.signer(registration.auth_method)
    header = {"kid": key.kid, "typ": "JWT"}
    if registration.jwks_url.startswith("https://"):
        header["jku"] = registration.jwks_url
    # Authlib's own defaults are RS256 without kid for an hour; `claims` would make it repeat one jti.
    assertion: str = private_key_jwt_sign(
        key,
        registration.client_id,
        audience,
        alg=registration.auth_method,
        expires_in=ASSERTION_SECONDS,
        header=header,
    )
    return assertion
