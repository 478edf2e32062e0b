"""Who and what the sandbox provider knows: members, clients, its key, the codes it gave out."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

CODE_SECONDS = 60
TOKEN_SECONDS = 300


@dataclass(frozen=True)
class Member:
    """A person of the directory; `claims` are added to the standard ones."""

    subject: str
    name: str
    email: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """An application allowed to sign people in; without a secret it is a public client."""

    client_id: str
    redirect_uris: frozenset[str]
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Grant:
    """What an authorization code stands for."""

    client_id: str
    redirect_uri: str
    subject: str
    nonce: str
    challenge: str
    expires: float


class Refused(Exception):
    """An OAuth error (RFC 6749, 5.2); the text is its code."""


class Directory:
    """The provider's memory. A code works once, for a minute, with its PKCE verifier only (RFC 7636)."""

    def __init__(self, members: list[Member], clients: list[Client]) -> None:
        self.members = {member.subject: member for member in members}
        self.clients = {client.client_id: client for client in clients}
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})
        self._grants: dict[str, Grant] = {}
        self._access: dict[str, str] = {}
        self._lock = Lock()

    def give_code(self, grant: Grant) -> str:
        """A fresh authorization code."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._grants[code] = grant
        return code

    def redeem(self, code: str, client: Client, redirect_uri: str, verifier: str) -> Grant:
        """What the code stands for, once; raises Refused."""
        with self._lock:
            grant = self._grants.pop(code, None)
        if grant is None or grant.expires < time.time():
            raise Refused("invalid_grant")
        if (grant.client_id, grant.redirect_uri) != (client.client_id, redirect_uri):
            raise Refused("invalid_grant")
        if not hmac.compare_digest(challenge_of(verifier), grant.challenge):
            raise Refused("invalid_grant")
        return grant

    def authenticate(self, client_id: str, secret: str) -> Client:
        """The client that proved who it is; raises Refused."""
        client = self.clients.get(client_id)
        if client is None or not hmac.compare_digest(client.secret.encode(), secret.encode()):
            raise Refused("invalid_client")
        return client

    def tokens(self, issuer: str, grant: Grant) -> dict[str, Any]:
        """The token response (OpenID Connect Core, 3.1.3.3)."""
        access_token = secrets.token_urlsafe(24)
        with self._lock:
            self._access[access_token] = grant.subject
        now = int(time.time())
        claims = {
            "iss": issuer,
            "aud": grant.client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "nonce": grant.nonce,
            **self.claims_of(grant.subject),
        }
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": self.sign(claims),
        }

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An id_token."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, dict(claims), self.key, algorithms=["RS256"])

    def claims_of(self, subject: str) -> dict[str, Any]:
        """What the directory says about a member."""
        member = self.members[subject]
        return {"sub": subject, "name": member.name, "email": member.email, **member.claims}

    def subject_of(self, access_token: str) -> str | None:
        """Whose access token this is."""
        with self._lock:
            return self._access.get(access_token)


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
