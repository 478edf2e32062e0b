"""What identity answers: sign-in and people's own pages."""

from flask.typing import ResponseReturnValue

from portal.foundation.access import signed_in
from portal.identity import sign_in_views

blueprint = sign_in_views.blueprint


@blueprint.get("/me")
@signed_in
def me() -> ResponseReturnValue:
    """One's own roles and sessions."""
    return ""
