"""The network side of OpenID Connect: an Authlib client per provider and request, to allowed hosts only."""

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from flask import current_app, request, session
from flask.typing import ResponseReturnValue
from joserfc.errors import JoseError
from redis import Redis
from redis.exceptions import RedisError
from requests import RequestException, Response
from structlog import get_logger

from portal.foundation.errors import Invalid, NotAllowed
from portal.identity.models import IdentityProvider
from portal.settings import Settings, partner_secret

NAME = "oidc"
MOST_STARTED = 3
METADATA_SECONDS = 3600
TIMEOUT = (5, 15)  # seconds to connect, to read
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# No symmetric algorithm and no "none": only the provider can sign.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
KEPT_METADATA = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
# Whatever a provider may get wrong ends in one of these.
TROUBLE = (AuthlibBaseError, JoseError, RequestException, RuntimeError, KeyError, TypeError, ValueError)
log = get_logger(__name__)


class ProviderTrouble(NotAllowed):
    """The provider cannot be used or its answer cannot be believed; the text is for people."""


class StateUnknown(Invalid):
    """The answer does not belong to a sign-in that this browser began, or was used before."""


class GuardedSession(OAuth2Session):  # type: ignore[misc]  # Authlib ships no types
    """Calls allowed hosts only, in bounded time, and follows nobody elsewhere."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """One request; raises ProviderTrouble for an address that is not allowed."""
        check_address(url)
        self.trust_env = False
        kwargs.update(allow_redirects=False, timeout=TIMEOUT)
        response: Response = super().request(method, url, *args, **kwargs)
        return response


class ProviderClient(FlaskOAuth2App):  # type: ignore[misc]
    """Authlib's client over guarded sessions."""

    client_cls = GuardedSession


def check_address(url: str) -> None:
    """Raises ProviderTrouble unless the host is among PORTAL_PARTNER_HOSTS and the transport is protected."""
    settings: Settings = current_app.extensions["settings"]
    parts = urlsplit(url)
    is_protected = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_protected or parts.hostname not in settings.partner_hosts:
        log.warning("provider_address_refused", host=parts.hostname)
        raise ProviderTrouble(
            "Your organization's sign-in is not set up completely: its address is not among the hosts this "
            "portal may call. Ask your administrator to add it to PORTAL_PARTNER_HOSTS."
        )


def start(provider: IdentityProvider, **kept: Any) -> ResponseReturnValue:
    """Leads the browser to the provider; `kept` (plain values) comes back from `started`."""
    _forget_oldest()
    try:
        client = _client(provider)
        begun = client.create_authorization_url(_callback())
        check_address(begun["url"])
    except TROUBLE as error:
        raise _trouble(provider, error) from error
    address = begun.pop("url")
    client.save_authorize_data(redirect_uri=_callback(), **begun, **kept)
    return current_app.redirect(address)


def started() -> dict[str, Any]:
    """What `start` kept for the answer that has now come; raises StateUnknown."""
    data = FlaskIntegration(NAME).get_state_data(session, request.args.get("state"))
    if not data:
        raise StateUnknown(
            "This sign-in was not begun in this browser, took longer than an hour, or was finished before."
        )
    kept: dict[str, Any] = data
    return kept


def give_up() -> None:
    """Forgets the sign-in that the present answer belongs to."""
    FlaskIntegration(NAME).clear_state_data(session, request.args.get("state"))


def claims(provider: IdentityProvider) -> dict[str, Any]:
    """The validated claims of the person whom the provider sent back; raises ProviderTrouble."""
    issuer = request.args.get("iss", provider.issuer)  # RFC 9207: which provider answers
    try:
        if issuer != provider.issuer:
            raise ValueError("another provider answered")
        client = _client(provider)
        token = client.authorize_access_token()
        found = dict(token["userinfo"])
        if provider.email_claim not in found and "userinfo_endpoint" in client.server_metadata:
            more = client.userinfo(token=token)
            found = {**more, **found} if more["sub"] == found["sub"] else found
    except TROUBLE as error:
        raise _trouble(provider, error) from error
    return found


def _client(provider: IdentityProvider) -> ProviderClient:
    secret = partner_secret(provider.secret_name) if provider.secret_name else ""
    metadata = _metadata(provider)
    methods = metadata.pop("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    basic = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
    return ProviderClient(
        FlaskIntegration(NAME),
        NAME,
        client_id=provider.client_id,
        client_secret=secret or None,
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": basic if secret else "none",
        },
        **metadata,
    )


def _metadata(provider: IdentityProvider) -> dict[str, Any]:
    """The discovery document, kept for an hour (OpenID Connect Discovery 1.0, 4)."""
    redis: Redis = current_app.extensions["redis"]
    key = _cache_key(provider)
    try:
        kept = redis.get(key)
    except RedisError:
        kept = None
    if isinstance(kept, bytes):
        stored: dict[str, Any] = json.loads(kept)
        return stored
    metadata = _discovered(provider)
    try:
        redis.set(key, json.dumps(metadata), ex=METADATA_SECONDS)
    except RedisError:
        log.warning("provider_metadata_not_kept", provider=provider.code)
    return metadata


def _discovered(provider: IdentityProvider) -> dict[str, Any]:
    with GuardedSession() as http:
        address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
        response = http.request("GET", address, withhold_token=True)
        response.raise_for_status()
        document = response.json()
    if document["issuer"] != provider.issuer:
        raise ValueError("the discovery document names another issuer")
    signed = document.get("id_token_signing_alg_values_supported", ["RS256"])
    return {
        **{name: str(document[name]) for name in KEPT_METADATA if name in document},
        "id_token_signing_alg_values_supported": [name for name in ALGORITHMS if name in signed],
        "token_endpoint_auth_methods_supported": document.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ),
    }


def _trouble(provider: IdentityProvider, error: Exception) -> ProviderTrouble:
    """The error for people; the provider's metadata is read anew the next time."""
    try:
        current_app.extensions["redis"].delete(_cache_key(provider))
    except RedisError:
        log.warning("provider_metadata_not_forgotten", provider=provider.code)
    code = getattr(error, "error", "")
    log.warning("provider_sign_in_failed", provider=provider.code, error=type(error).__name__, code=str(code))
    if code == "access_denied":
        return ProviderTrouble(f"{provider.name} reports that the sign-in was declined.")
    return ProviderTrouble(
        f"{provider.name} did not confirm who you are. Try again; if it stays so, tell your administrator."
    )


def _cache_key(provider: IdentityProvider) -> str:
    return f"oidc:{hashlib.sha256(provider.issuer.encode()).hexdigest()}"


def _callback() -> str:
    settings: Settings = current_app.extensions["settings"]
    return f"{settings.public_url.rstrip('/')}/sign-in/callback"


def _forget_oldest() -> None:
    """The cookie holds what several tabs began; it has room for a few."""
    begun = [(value["exp"], key) for key, value in session.items() if key.startswith(f"_state_{NAME}_")]
    for _, key in sorted(begun, reverse=True)[MOST_STARTED - 1 :]:
        session.pop(key)
