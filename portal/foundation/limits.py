"""How often one network address may ask for a page."""

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response


def limit_addresses(
    app: Flask, limit: str, endpoints: Iterable[str], *, scope: str, refused_only: bool = False
) -> None:
    """Bounds what one address asks of the endpoints together, for example to "60 per minute".

    Call it after the blueprints are registered. A whole hospital may sit behind one address: with
    `refused_only` only what was refused counts.
    """
    views: dict[str, Any] = app.view_functions
    counted = _is_refused if refused_only else None
    for limiter in app.extensions["limiter"]:
        shared = limiter.shared_limit(limit, scope=scope, deduct_when=counted)
        for endpoint in views.keys() & set(endpoints):
            views[endpoint] = shared(views[endpoint])


def _is_refused(response: Response) -> bool:
    return response.status_code >= 400
