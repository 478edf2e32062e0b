"""The mailbox of the demo: what would have been sent to the signed-in person."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.approvals import mailbox
from portal.foundation.access import signed_in
from portal.foundation.web import actor

blueprint = Blueprint("mailbox", __name__)


@blueprint.get("/mailbox")
@signed_in
def show() -> ResponseReturnValue:
    """The newest mails to the person; registered in the demo only."""
    return render_template("approvals/mailbox.html", mails=mailbox.newest(actor()))
