"""Reading the mails to one person."""

from sqlalchemy import select

from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.mail import Mail

SHOWN = 20


def newest(actor: Actor) -> list[Mail]:
    """The newest mails to the person."""
    statement = select(Mail).where(Mail.account_id == actor.account_id).order_by(Mail.id.desc())
    return list(db.session.scalars(statement.limit(SHOWN)))
