"""Mails to people of the organization, written when somebody carries them."""

from collections.abc import Iterable

from flask import current_app
from sqlalchemy import select

from portal.foundation import mail
from portal.foundation.db import db
from portal.identity.models import Account
from portal.identity.queries import organization
from portal.settings import Settings


def settings() -> Settings:
    """The settings of this application."""
    known: Settings = current_app.extensions["settings"]
    return known


def is_on() -> bool:
    """Mails are written when somebody carries them: an SMTP server, or the mailbox of the demo."""
    return bool(settings().smtp_url.get_secret_value()) or settings().demo


def address(path: str) -> str:
    """The address of a page, for a mail."""
    return f"{settings().public_url}{path}"


def write(account_ids: Iterable[int], key: str, subject: str, template: str, **values: object) -> None:
    """A mail to each of the people who are still here; the same key never writes to a person twice."""
    if not is_on():
        return
    people = select(Account).where(Account.id.in_([*account_ids]), Account.active)
    for account in db.session.scalars(people):
        write_to(account, f"{key}:{account.id}", subject, template, **values)


def write_to(account: Account, key: str, subject: str, template: str, **values: object) -> None:
    """A mail to one person, written once for each key."""
    # Not by render_template: nobody need be signed in, and pages' navigation is not wanted.
    text = current_app.jinja_env.get_template(f"emails/{template}")
    body = text.render(organization_name=organization().name, account=account, **values)
    mail.write(key=key, account_id=account.id, address=account.email, subject=subject, body=body)
