"""The sandbox's memory: launches, codes, tokens, assertions seen; everything of one use is used once."""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from threading import Lock
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

CODE_SECONDS = 60
LAUNCH_SECONDS = 300
TOKEN_SECONDS = 570
SYSTEM_TOKEN_SECONDS = 300


@dataclass(frozen=True)
class Client:
    """An application: exact redirect addresses; its key set is fetched anew for each assertion."""

    client_id: str
    redirect_uris: frozenset[str]
    launch_url: str = ""
    secret: str = field(default="", repr=False)
    jwks: Callable[[], Mapping[str, Any]] | None = None
    system_scope: str = "system/*.rs"


@dataclass(frozen=True)
class Context:
    """Who opened what in the EHR; `about` is a reference, such as to the Procedure that is open."""

    user: str = ""
    patient: str = ""
    encounter: str = ""
    location: str = ""
    intent: str = ""
    about: str = ""
    needs_banner: bool = True


@dataclass(frozen=True)
class Grant:
    """What a code, a refresh token or an access token stands for."""

    profile: str
    client_id: str
    scope: str
    context: Context
    redirect_uri: str = ""
    nonce: str = ""
    challenge: str = ""
    expires: float = 0.0


@dataclass
class Faults:
    """What a test makes the sandbox do otherwise; see each name."""

    grant_only: str | None = None
    omit_nonce: bool = False
    other_issuer: str = ""
    deny: str = ""
    token_status: int = 0


class Refused(Exception):
    """An OAuth error; the text is its code."""


@cache
def _signing_key() -> RSAKey:
    """One for all sandboxes of a process: making it takes longer than most requests."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})


class Authority:
    """Shared by all profiles."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = {client.client_id: client for client in clients}
        self.key = _signing_key()
        self.faults = Faults()
        self._lock = Lock()
        self._launches: dict[str, tuple[str, Context, float]] = {}
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self._assertions: dict[str, float] = {}

    def launch(self, profile: str, context: Context, *, size: int = 16) -> str:
        """A launch value of so many random bytes for a context of the EHR, good once for five minutes."""
        value = secrets.token_urlsafe(size)
        with self._lock:
            self._launches[value] = (profile, context, time.time() + LAUNCH_SECONDS)
        return value

    def launched(self, profile: str, value: str) -> Context:
        """The context of a launch value, once; raises Refused."""
        with self._lock:
            known, context, expires = self._launches.pop(value, ("", Context(), 0.0))
        if known != profile or expires < time.time():
            raise Refused("invalid_request")
        return context

    def code(self, grant: Grant) -> str:
        """An authorization code."""
        value = secrets.token_urlsafe(24)
        with self._lock:
            self._codes[value] = replace(grant, expires=time.time() + CODE_SECONDS)
        return value

    def redeem(self, code: str, client: Client, profile: str, form: Mapping[str, str]) -> Grant:
        """What a code stands for, once and with its verifier (RFC 7636); raises Refused."""
        with self._lock:
            grant = self._codes.pop(code, None)
        wanted = (profile, client.client_id, form.get("redirect_uri", ""))
        if grant is None or grant.expires < time.time():
            raise Refused("invalid_grant")
        if (grant.profile, grant.client_id, grant.redirect_uri) != wanted:
            raise Refused("invalid_grant")
        if not hmac.compare_digest(challenge_of(form.get("code_verifier", "")), grant.challenge):
            raise Refused("invalid_grant")
        return grant

    def access_token(self, grant: Grant, seconds: int = TOKEN_SECONDS) -> str:
        """A bearer token."""
        value = secrets.token_urlsafe(24)
        with self._lock:
            self._access[value] = replace(grant, expires=time.time() + seconds)
        return value

    def refresh_token(self, grant: Grant) -> str:
        """A refresh token."""
        value = secrets.token_urlsafe(24)
        with self._lock:
            self._refresh[value] = grant
        return value

    def refreshed(self, value: str, client: Client, profile: str, *, rotates: bool) -> Grant:
        """What a refresh token stands for; one that rotates is used up. Raises Refused."""
        with self._lock:
            grant = self._refresh.get(value)
            if grant is None or (grant.profile, grant.client_id) != (profile, client.client_id):
                raise Refused("invalid_grant")
            if rotates:
                del self._refresh[value]
        return grant

    def revoke(self, value: str) -> None:
        """Ends a token; an unknown one is no error (RFC 7009)."""
        with self._lock:
            self._access.pop(value, None)
            self._refresh.pop(value, None)

    def granted(self, value: str, profile: str) -> Grant | None:
        """What an access token allows at a profile, while it lasts."""
        with self._lock:
            grant = self._access.get(value)
        is_good = grant is not None and grant.profile == profile and grant.expires > time.time()
        return grant if is_good else None

    def first_use(self, jti: str, expires: float) -> bool:
        """Whether an assertion's id was never seen."""
        with self._lock:
            if jti in self._assertions:
                return False
            self._assertions[jti] = expires
            return True

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An id_token."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, dict(claims), self.key, algorithms=["RS256"])


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
