"""Reading comments and mentions."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from portal.comments.models import Comment, Mention
from portal.foundation.access import Actor
from portal.foundation.db import db, found


def about(kind: str, subject_id: int) -> list[Comment]:
    """The comments about a document with whom they mention, oldest first."""
    return list(
        db.session.scalars(
            select(Comment)
            .where(Comment.subject_type == kind, Comment.subject_id == subject_id)
            .options(joinedload(Comment.author), selectinload(Comment.mentions).joinedload(Mention.account))
            .order_by(Comment.id)
        )
    )


def locked(comment_id: int) -> Comment:
    """One of them, locked; raises NotFound."""
    statement = select(Comment).where(Comment.id == comment_id).with_for_update(of=Comment)
    return found(db.session.scalar(statement.execution_options(populate_existing=True)), "comment")


def newest(kind: str, subject_id: int) -> Select[Any]:
    """Selects a number that changes with what is said about a document."""
    return select(func.max(Comment.id) + func.count(Comment.withdrawn_at)).where(
        Comment.subject_type == kind, Comment.subject_id == subject_id
    )


def count(kind: str, subject_id: int) -> int:
    """How much was said about a document."""
    said = select(func.count()).where(Comment.subject_type == kind, Comment.subject_id == subject_id)
    return db.session.scalar(said) or 0


def unread_count(actor: Actor) -> Select[Any]:
    """Selects how many mentions the person has not seen."""
    return (
        select(func.count())
        .select_from(Mention)
        .join(Mention.comment)
        .where(
            Mention.account_id == actor.account_id,
            Mention.seen_at.is_(None),
            Comment.withdrawn_at.is_(None),
        )
    )


def mentions(actor: Actor) -> Select[Any]:
    """The mentions of the person, unread ones first, then the newest."""
    return (
        select(Mention)
        .join(Mention.comment)
        .options(contains_eager(Mention.comment).joinedload(Comment.author))
        .where(Mention.account_id == actor.account_id)
        .order_by(Mention.seen_at.is_not(None), Mention.id.desc())
    )


def mention(actor: Actor, mention_id: int) -> Mention:
    """One of them; raises NotFound."""
    row: Mention | None = db.session.scalar(mentions(actor).where(Mention.id == mention_id))
    return found(row, "mention")
