"""The answer of a token endpoint: tokens, granted scope and launch context, or an OAuth error."""

import json
from typing import Any

import httpx

from integrations.ehr.contract import ContextItem, Granted
from integrations.errors import Ambiguous, Misconfigured, Rejected, Retryable

LONGEST = 20_000
SET_UP = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})
BUSY = frozenset({"temporarily_unavailable", "slow_down"})


def read_answer(response: httpx.Response, *, asked_scope: str) -> Granted:
    """What was granted; raises Misconfigured, Rejected, Retryable or Ambiguous for anything else."""
    if response.is_server_error:
        raise Ambiguous(f"the EHR's token address answered {response.status_code}")
    body = _json(response)
    if not response.is_success:
        _refused(response, body)
    access_token = _text(body, "access_token")
    if not access_token or _text(body, "token_type").lower() != "bearer":
        raise Rejected("the EHR's answer holds no bearer token", code="invalid_answer")
    return Granted(
        access_token=access_token,
        # RFC 6749, 5.1: no scope in the answer means what was asked; an empty one means none.
        scope=_text(body, "scope") if isinstance(body.get("scope"), str) else asked_scope,
        refresh_token=_text(body, "refresh_token"),
        id_token=_text(body, "id_token"),
        expires_in=_seconds(body.get("expires_in")),
        patient=_text(body, "patient"),
        encounter=_text(body, "encounter"),
        location=_text(body, "location"),
        context=_context(body.get("fhirContext")),
        # Absent means that we cannot know that the EHR shows one.
        needs_banner=body.get("need_patient_banner") is not False,
        style_url=_text(body, "smart_style_url"),
        intent=_text(body, "intent"),
    )


def _refused(response: httpx.Response, body: dict[str, Any]) -> None:
    code = _text(body, "error") or str(response.status_code)
    if code in BUSY or response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise Retryable("the EHR is busy", code=code)
    if code in SET_UP or response.status_code == httpx.codes.UNAUTHORIZED:
        raise Misconfigured(f"the EHR refuses how this portal is registered ({code})", code=code)
    raise Rejected(f"the EHR refuses the request ({code})", code=code)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if response.is_success:
        raise Rejected("the EHR's answer cannot be read", code="invalid_answer")
    return {}


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) and len(value) <= LONGEST else ""


def _seconds(value: Any) -> int:
    try:
        return max(0, min(int(value), 86_400))
    except (TypeError, ValueError):
        return 0


def _context(value: Any) -> tuple[ContextItem, ...]:
    """fhirContext: objects with a reference; a missing role is "launch" (SMART 2.2, fhirContext)."""
    if not isinstance(value, list):
        return ()
    entries = [entry for entry in value if isinstance(entry, dict)]
    return tuple(
        ContextItem(_text(entry, "reference"), _text(entry, "role") or "launch")
        for entry in entries
        if _text(entry, "reference")
    )
