"""Comments about a document, and where a person is mentioned."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.comments import presenters, queries, services, subjects
from portal.comments.forms import CommentForm
from portal.foundation.access import signed_in
from portal.foundation.paging import paginate
from portal.foundation.web import actor

blueprint = Blueprint("comments", __name__)
MOST_PAGES = 1_000_000


@blueprint.get("/comments/<kind>/<int:subject_id>")
@signed_in
def show(kind: str, subject_id: int) -> ResponseReturnValue:
    """What was said about a document, on a page of its own."""
    subject = subjects.find(actor(), kind, subject_id)
    return _page(subject, presenters.form(actor(), subject))


@blueprint.post("/comments/<kind>/<int:subject_id>")
@signed_in
def add(kind: str, subject_id: int) -> ResponseReturnValue:
    """Says something about it."""
    subject = subjects.find(actor(), kind, subject_id)
    form = presenters.form(actor(), subject)
    if form.validate():
        with form.accepting():
            comment = services.add(actor(), subject, form.text.data or "", form.told())
    if form.is_refused:
        return _page(subject, form), 422
    names = ", ".join(subject.people[one.account_id] for one in comment.mentions)
    flash(f"Your comment is kept. {names} will see it." if names else "Your comment is kept.", "success")
    return redirect(f"{request.script_root}{subject.path}#comment-{comment.id}", 303)


@blueprint.post("/comments/<int:comment_id>/withdraw")
@signed_in
def withdraw(comment_id: int) -> ResponseReturnValue:
    """Takes one's own comment back."""
    comment = services.withdraw(actor(), comment_id)
    subject = subjects.find(actor(), comment.subject_type, comment.subject_id)
    flash("Your comment is withdrawn. That there was one stays visible.", "info")
    return redirect(f"{request.script_root}{subject.path}#comment-{comment.id}", 303)


def _page(subject: subjects.Subject, form: CommentForm) -> str:
    comments = presenters.rows(actor(), queries.about(subject.kind, subject.id))
    return render_template("comments/page.html", subject=subject, comments=comments, comment_form=form)


@blueprint.get("/mentions")
@signed_in
def mentions() -> ResponseReturnValue:
    """Where others mentioned the person, unread ones first."""
    number = min(request.args.get("page", 1, type=int), MOST_PAGES)
    page = paginate(queries.mentions(actor()), number)
    rows = [presenters.mention_row(one) for one in page.rows]
    return render_template("comments/mentions.html", page=page, rows=rows)


@blueprint.get("/mentions/<int:mention_id>")
@signed_in
def mention(mention_id: int) -> ResponseReturnValue:
    """Leads to the comment; it is read then."""
    comment = queries.mention(actor(), mention_id).comment
    subject = subjects.find(actor(), comment.subject_type, comment.subject_id)
    services.see(actor(), subject.kind, subject.id)
    return redirect(f"{request.script_root}{subject.path}#comment-{comment.id}")


@blueprint.post("/mentions/read")
@signed_in
def read() -> ResponseReturnValue:
    """The person has read them all."""
    services.see_all(actor())
    flash("All mentions are marked as read.", "success")
    return redirect(url_for("comments.mentions"), 303)
