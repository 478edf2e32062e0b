"""Mails to people whom a comment mentions; its words stay in the portal."""

from flask import current_app
from sqlalchemy import select

from portal.comments.models import Comment
from portal.foundation import mail
from portal.foundation.db import db
from portal.identity import mailing
from portal.identity.models import Account
from portal.identity.queries import organization


def tell(comment: Comment, author: str) -> None:
    """Writes to each of them, when somebody carries mails: an SMTP server, or the mailbox of the demo."""
    if not comment.mentions or not mailing.is_on():
        return
    mentions = {one.account_id: one.id for one in comment.mentions}
    accounts = db.session.scalars(
        select(Account).where(Account.id.in_(mentions), Account.active).order_by(Account.id)
    )
    template = current_app.jinja_env.get_template("emails/mention.txt")
    name = organization().name
    for account in accounts:
        url = mailing.address(f"/mentions/{mentions[account.id]}")
        body = template.render(organization_name=name, author=author, subject=comment.subject, url=url)
        mail.write(
            key=f"mention:{mentions[account.id]}",
            account_id=account.id,
            address=account.email,
            subject=f"{author} mentioned you on {comment.subject}",
            body=body,
        )
