"""The page behind the link of a mail: it shows, then decides, without signing in."""

from flask import render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.approvals import by_mail, page, presenters
from portal.approvals.blueprint import blueprint
from portal.approvals.forms import DecisionForm
from portal.foundation import web
from portal.foundation.access import Actor, public
from portal.foundation.errors import Conflict

MAIL_LINKS = ("approvals.by_link", "approvals.decide_by_link")


@blueprint.get("/approvals/mail/<token>")
@public
def by_link(token: str) -> ResponseReturnValue:
    """Shows what is to be decided; looking decides nothing."""
    actor, link = by_mail.opened(token, reader())
    return _page(actor, link.step_id, token)


@blueprint.post("/approvals/mail/<token>")
@public
def decide_by_link(token: str) -> ResponseReturnValue:
    """Decides; the link works once."""
    actor, link = by_mail.opened(token, reader())
    step_id = link.step_id
    step, requisition = page.look(actor, step_id)
    form = page.form_of(step, requisition)
    conflict = ""
    if form.validate():
        answers = form.decisions({line.id: line.quantity for line in page.undecided(step, requisition)})
        try:
            with form.accepting():
                by_mail.decide(
                    token, answers, seen_version=form.seen_version(), comment=form.comment.data or "",
                    reader=reader(),
                )  # fmt: skip
        except Conflict as error:
            conflict = str(error)
    if conflict or form.is_refused:
        return _page(actor, step_id, token, form, conflict), 409 if conflict else 422
    return render_template("approvals/mail_done.html", words=presenters.answered(requisition))


def reader() -> Actor | None:
    """Who is signed in, if anybody is."""
    return web.actor() if current_user.is_authenticated else None


def _page(
    actor: Actor, step_id: int, token: str, form: DecisionForm | None = None, conflict: str = ""
) -> str:
    step, requisition = page.look(actor, step_id)
    shown = page.context(actor, step, requisition, form)
    return render_template("approvals/mail.html", token=token, conflict=conflict, person=actor.name, **shown)
