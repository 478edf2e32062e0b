"""Saying something about a document, telling people, and having seen it."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, select, update

from portal.comments import notices, queries
from portal.comments.models import Comment, Mention
from portal.comments.rules import LONGEST_TEXT, WITHDRAWN_WITHIN, may_withdraw, mentioned
from portal.comments.subjects import Subject
from portal.foundation import audit, clock
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid, NotFound


def add(actor: Actor, subject: Subject, text: str, tell: Collection[int] = ()) -> Comment:
    """Keeps a comment and tells whom it mentions by @name and who is named apart; raises Invalid."""
    text = text.strip()
    if not text:
        raise Invalid("Write something.", field="text")
    if len(text) > LONGEST_TEXT:
        raise Invalid(f"Write at most {LONGEST_TEXT} characters.", field="text")
    if not set(tell) <= set(subject.people):
        raise Invalid(f"This person may not see {subject.title}. Choose another one.", field="tell")
    told = (mentioned(text, subject.people) | set(tell)) - {actor.account_id}
    comment = Comment(
        subject_type=subject.kind,
        subject_id=subject.id,
        subject=subject.title,
        author_id=actor.account_id,
        text=text,
        mentions=[Mention(account_id=account_id) for account_id in sorted(told)],
    )
    db.session.add(comment)
    db.session.flush()
    names = [subject.people[account_id] for account_id in sorted(told)]
    audit.record(actor, "comment.add", comment, after={"told": names}, evidence={"about": subject.title})
    notices.tell(comment, actor.name)
    return comment


def withdraw(actor: Actor, comment_id: int) -> Comment:
    """The author takes a comment back: its text is gone, that it was there stays; once more changes nothing.

    Raises NotFound for a comment of somebody else, Conflict when too much time has passed.
    """
    comment = queries.locked(comment_id)
    if comment.author_id != actor.account_id:
        raise NotFound("There is no such comment of yours.")
    if comment.withdrawn_at is not None:
        return comment
    if not may_withdraw(comment.at, clock.now()):
        minutes = int(WITHDRAWN_WITHIN.total_seconds() // 60)
        raise Conflict(f"A comment can be withdrawn for {minutes} minutes. Write another one to correct it.")
    comment.text, comment.withdrawn_at = "", clock.now()
    audit.record(actor, "comment.withdraw", comment, evidence={"about": comment.subject})
    return comment


def see(actor: Actor, kind: str, subject_id: int) -> None:
    """The person has seen the comments about a document."""
    about = select(Comment.id).where(Comment.subject_type == kind, Comment.subject_id == subject_id)
    _see(actor, Mention.comment_id.in_(about))


def see_all(actor: Actor) -> None:
    """The person has seen every mention."""
    _see(actor)


def _see(actor: Actor, *which: ColumnElement[bool]) -> None:
    mine = (Mention.account_id == actor.account_id, Mention.seen_at.is_(None))
    statement = update(Mention).where(*mine, *which).values(seen_at=clock.now())
    db.session.execute(statement.execution_options(synchronize_session=False))
