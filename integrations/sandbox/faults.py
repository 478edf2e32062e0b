"""Faults on the wire that a rule asks for, carried out inside a Flask request."""

import socket
import time

from flask import Response, request

from integrations.sandbox.behavior import Effect, Plan, Rule


def before_effect(plan: Plan) -> Response | None:
    """Waits, drops or answers 429/500 in place of the real work; None means "go on"."""
    if (slow := plan.find(Effect.SLOW)) is not None:
        time.sleep(float(slow.value))
    if (limit := plan.find(Effect.TOO_MANY)) is not None:
        seconds = str(int(float(limit.value)))
        return Response("Too many requests\n", 429, {"Retry-After": seconds}, mimetype="text/plain")
    if plan.find(Effect.DROP_BEFORE) is not None:
        return drop()
    if plan.find(Effect.ERROR_BEFORE) is not None:
        return failed()
    return None


def after_effect(plan: Plan, response: Response) -> Response:
    """The answer after the real work: as it is, broken, replaced by a 500, or never."""
    if (hold := plan.find(Effect.TIMEOUT_AFTER)) is not None:
        return _hold(hold)
    if plan.find(Effect.ERROR_AFTER) is not None:
        return failed()
    if plan.find(Effect.MALFORMED) is not None:
        body = response.get_data()
        response.set_data(body[: max(1, len(body) // 2)])
    return response


def failed() -> Response:
    """A server error as a gateway in front of the partner would answer."""
    return Response("Internal server error\n", 500, mimetype="text/plain")


def drop() -> Response:
    """Cuts the connection of the current request; the returned response reaches nobody."""
    connection = request.environ.get("werkzeug.socket") or request.environ.get("gunicorn.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return Response("", 500)


def _hold(rule: Rule) -> Response:
    time.sleep(float(rule.value))
    return drop()
