"""The web boundary: one transaction a request, deny by default, errors as pages, security headers."""

import hashlib
import time
from collections.abc import Callable, Hashable, MutableMapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, g, render_template, request, url_for
from flask.templating import Environment
from flask.typing import ResponseReturnValue
from flask_login import current_user
from jinja2 import StrictUndefined
from markupsafe import Markup
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from structlog import get_logger
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.exceptions import HTTPException, Unauthorized

from portal.foundation import metrics
from portal.foundation.access import Actor, Permission
from portal.foundation.db import transaction
from portal.foundation.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from portal.foundation.filters import compact
from portal.foundation.trace import trace_of

ROOT = Path(__file__).resolve().parents[2]
SOME_NUMBER = 9_182_736_455_463_728  # which stands in no address by itself
STATUS_OF = {NotFound: 404, NotAllowed: 403, Conflict: 409, Invalid: 422}
log = get_logger(__name__)


class Templates(Environment):
    """Templates whose globals are all known before the first is loaded."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """A plain dict: every import of every page compares its keys, slowly where it is a ChainMap."""
        return {**self.globals, **(d or {})}


class PortalFlask(Flask):
    """Flask whose view functions run inside one transaction: returning commits, raising rolls back."""

    jinja_environment = Templates
    jinja_options = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}

    def dispatch_request(self) -> ResponseReturnValue:
        """Runs the view inside the transaction."""
        with transaction():
            return super().dispatch_request()

    def log_exception(self, exc_info: Any) -> None:
        """Left to `_failure_page`, since a traceback may quote what was typed."""


def actor() -> Actor:
    """The signed-in person; raises Unauthorized when there is none."""
    if not current_user.is_authenticated:
        raise Unauthorized
    person: Actor = current_user.actor
    return person


def init_web(app: Flask) -> None:
    """Wires the boundary into the application."""
    app.before_request(_begin)
    app.before_request(_check_access)
    app.after_request(_finish)
    app.register_error_handler(DomainError, _domain_error_page)
    app.register_error_handler(HTTPException, _http_error_page)
    app.register_error_handler(StaleDataError, _stale_page)
    app.register_error_handler(DataError, _unstorable_page)
    app.register_error_handler(OperationalError, _unavailable_page)
    app.register_error_handler(500, _failure_page)
    app.add_template_global(asset)
    app.add_template_global(svg_icon)
    app.add_template_global(kept)
    app.add_template_global(address, "url_for")


def _begin() -> None:
    clear_contextvars()
    g.started = time.perf_counter()
    bind_contextvars(trace_id=trace_of(request.headers.get("traceparent", "")))


def _check_access() -> ResponseReturnValue | None:
    if request.endpoint is None or request.endpoint == "static":
        return None
    access = getattr(current_app.view_functions[request.endpoint], "access", None)
    if access == "public":
        return None
    if not current_user.is_authenticated:
        answer: ResponseReturnValue = current_app.extensions["sign_in_first"]()
        return answer
    if access == "signed_in":
        return None
    if not isinstance(access, Permission):
        raise NotAllowed("This page is closed.")
    actor().require(access)
    return None


def _finish(response: Response) -> Response:
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    endpoint = request.endpoint or "none"
    metrics.request_seconds.labels(endpoint, str(response.status_code)).observe(seconds)
    log.info(
        "request",
        method=request.method,
        endpoint=endpoint,
        status=response.status_code,
        milliseconds=round(seconds * 1000),
    )
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def _domain_error_page(error: DomainError) -> ResponseReturnValue:
    status = next(code for kind, code in STATUS_OF.items() if isinstance(error, kind))
    return error_page(status, str(error))


def _http_error_page(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    return error_page(error.code or 500, "")


def _stale_page(error: StaleDataError) -> ResponseReturnValue:
    return error_page(409, "Somebody changed this meanwhile. Look at it again, then decide.")


def _unstorable_page(error: DataError) -> ResponseReturnValue:
    # A number beyond any id, or a character no text can hold: never something a page offered.
    if request.method in {"GET", "HEAD"}:
        return error_page(404, "")
    return error_page(
        422, "Something you entered cannot be stored: a number too large or a hidden character."
    )


def _unavailable_page(error: OperationalError) -> ResponseReturnValue:
    log.error("database_unavailable", error=type(error.orig).__name__)
    return error_page(503, "")


def _failure_page(error: Exception) -> ResponseReturnValue:
    # The original message may quote what was typed, so only its type and place are logged.
    cause = getattr(error, "original_exception", None) or error
    place = cause.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    log.error("request_failed", error=type(cause).__name__, where=where)
    return error_page(500, "")


def error_page(status: int, sentence: str) -> ResponseReturnValue:
    """The page for a status code, with a sentence of its own if there is one."""
    return render_template("errors/error.html", status=status, sentence=sentence), status


@cache
def asset(name: str) -> str:
    """The address of a file under static/, with a fingerprint so that browsers may keep it for ever."""
    path = ROOT / "static" / name
    if not path.exists():
        return url_for("static", filename=name)
    return url_for("static", filename=name, v=hashlib.sha256(path.read_bytes()).hexdigest()[:10])


def address(endpoint: str, **values: Any) -> str:
    """As url_for, for templates: a row's address is put together from that of another one, not built anew."""
    if len(values) == 1:
        ((name, value),) = values.items()
        if type(value) is int and value >= 0:
            before, after = _around_number(endpoint, name, request.script_root)
            return f"{before}{value}{after}"
    return url_for(endpoint, **values)


@cache
def _around_number(endpoint: str, name: str, root: str) -> tuple[str, str]:
    values: dict[str, Any] = {name: SOME_NUMBER}
    before, _, after = url_for(endpoint, **values).rpartition(str(SOME_NUMBER))
    return before, after


def kept(macro: Callable[..., Markup], *values: Hashable) -> Markup:
    """What a macro draws of values that say everything about it; drawn once, however many pages show it."""
    return _drawn(macro, request.script_root, *values)


@lru_cache(maxsize=4096, typed=True)
def _drawn(macro: Callable[..., Markup], _root: str, *values: Hashable) -> Markup:
    return compact(macro(*values))


@cache
def svg_icon(name: str) -> Markup:
    """An icon of the sprite, silent for screen readers; made once, as a page draws a hundred of them."""
    address = asset("vendor/icons.svg")
    return Markup(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>'
    ).format(address, name)
