"""What was typed when a session had timed out: kept sealed for the same person, sent on once."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import delete, select
from structlog import get_logger

from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.crypto import KeyRing
from portal.foundation.db import db
from portal.foundation.errors import Conflict
from portal.identity.models import Account, SavedForm

MOST_BYTES = 200_000
KEPT_FOR = timedelta(hours=24)
log = get_logger(__name__)


@dataclass(frozen=True)
class Typed:
    """Fields as (name, value) in the order sent, and the names of files, which are not kept."""

    fields: Sequence[tuple[str, str]]
    files: Sequence[str] = ()


@dataclass(frozen=True)
class Kept:
    """A saved form, opened for the person who typed it."""

    id: int
    path: str
    saved_at: datetime
    typed: Typed


def keep(account: Account, path: str, typed: Typed) -> bool:
    """Saves a form in place of an earlier one; False when it is too large."""
    text = json.dumps(asdict(typed))
    if len(text) > MOST_BYTES:
        return False
    db.session.execute(delete(SavedForm).where(SavedForm.account_id == account.id))
    sealed = _ring().encrypt(text, context=_context(account.id))
    db.session.add(SavedForm(account_id=account.id, path=path, sealed_fields=sealed))
    return True


def waiting(actor: Actor) -> Kept | None:
    """The form kept for this person, if there is one that has not expired."""
    row = db.session.scalar(
        select(SavedForm)
        .where(SavedForm.account_id == actor.account_id, SavedForm.saved_at > clock.now() - KEPT_FOR)
        .order_by(SavedForm.id.desc())
        .limit(1)
    )
    return _opened(row) if row else None


def consume(actor: Actor, form_id: int) -> str:
    """Takes the form away and returns the path it belongs to; raises Conflict when it is gone."""
    path: str | None = db.session.scalar(
        delete(SavedForm)
        .where(SavedForm.id == form_id, SavedForm.account_id == actor.account_id)
        .returning(SavedForm.path)
    )
    if path is None:
        raise Conflict("This was sent or discarded already. Look at the page it belongs to.")
    return path


def delete_expired() -> int:
    """Deletes the forms of the present organization that nobody came back for; returns how many."""
    gone = db.session.scalars(
        delete(SavedForm).where(SavedForm.saved_at <= clock.now() - KEPT_FOR).returning(SavedForm.id)
    )
    return len(gone.all())


def _opened(row: SavedForm) -> Kept | None:
    try:
        stored = json.loads(_ring().decrypt(row.sealed_fields, context=_context(row.account_id)))
    except ValueError:
        log.warning("saved_form_cannot_be_opened", saved_form_id=row.id)
        return None
    typed = Typed(fields=[(name, value) for name, value in stored["fields"]], files=stored["files"])
    return Kept(id=row.id, path=row.path, saved_at=row.saved_at, typed=typed)


def _context(account_id: int) -> str:
    return f"saved_form.sealed_fields/{account_id}"


def _ring() -> KeyRing:
    ring: KeyRing = current_app.extensions["keyring"]
    return ring
