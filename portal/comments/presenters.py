"""Comments as pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.comments.forms import CommentForm
from portal.comments.models import Comment, Mention
from portal.comments.rules import may_withdraw
from portal.comments.subjects import Subject
from portal.foundation import clock
from portal.foundation.access import Actor


@dataclass(frozen=True)
class CommentRow:
    """One comment."""

    id: int
    author: str
    at: datetime
    text: str
    told: str
    is_for_me: bool
    is_unread: bool
    is_withdrawn: bool
    may_withdraw: bool


def rows(actor: Actor, comments: Sequence[Comment]) -> list[CommentRow]:
    """The comments as a person sees them."""
    return [_row(actor, comment) for comment in comments]


def _row(actor: Actor, comment: Comment) -> CommentRow:
    mine = [one for one in comment.mentions if one.account_id == actor.account_id]
    return CommentRow(
        id=comment.id,
        author=comment.author.name,
        at=comment.at,
        text=comment.text,
        told=", ".join(one.account.name for one in comment.mentions),
        is_for_me=bool(mine),
        is_unread=any(one.seen_at is None for one in mine),
        is_withdrawn=comment.withdrawn_at is not None,
        may_withdraw=comment.withdrawn_at is None
        and comment.author_id == actor.account_id
        and may_withdraw(comment.at, clock.now()),
    )


def form(actor: Actor, subject: Subject) -> CommentForm:
    """The form with the people who may see the document."""
    made = CommentForm()
    made.offer(subject.people, but=actor.account_id)
    return made


def mention_row(mention: Mention) -> dict[str, Any]:
    """A mention in the list of a person."""
    return {
        "id": mention.id,
        "subject": mention.comment.subject,
        "author": mention.comment.author.name,
        "text": mention.comment.text or "Withdrawn by its author.",
        "at": mention.comment.at,
        "is_unread": mention.seen_at is None,
        "tone": "info" if mention.seen_at is None else "",
    }
