"""The trace id that ties web requests, jobs, partner calls and log lines of one business transaction."""

import re
import secrets

from structlog.contextvars import bind_contextvars, get_contextvars

TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")


def new_trace() -> str:
    """A fresh id of 32 hexadecimal digits (W3C Trace Context, trace-id)."""
    return secrets.token_hex(16)


def current_trace() -> str:
    """The trace id bound to this request or job; empty outside of one."""
    return str(get_contextvars().get("trace_id", ""))


def follow_trace(trace_id: str) -> None:
    """Binds the trace id of the business transaction that is being worked on."""
    if trace_id:
        bind_contextvars(trace_id=trace_id)


def trace_of(traceparent: str) -> str:
    """The trace id of a W3C traceparent header, or a new one."""
    match = TRACEPARENT.match(traceparent)
    return match.group(1) if match else new_trace()
