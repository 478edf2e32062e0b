"""The scheduled job of approvals: tells, reminds, escalates, sends; a repeat finds nothing left to do."""

from portal.approvals import attending, notices
from portal.exchange.jobs import organization_ids
from portal.foundation import mail
from portal.foundation.access import system
from portal.foundation.db import enter_organization, transaction
from portal.foundation.jobs import job
from portal.identity import mailing


@job("default", timeout=600)
def attend() -> None:
    """Looks after the open steps and the mails of every organization."""
    for organization_id in organization_ids():
        enter_organization(organization_id)
        attend_organization(organization_id)


def attend_organization(organization_id: int) -> None:
    """The same for the organization the session is in; each step and mail in a transaction of its own."""
    actor = system(organization_id, "an approval waits for too long")
    if mailing.is_on():
        with transaction():
            untold = [*notices.untold_steps(), *notices.untold_delegates()]
        for step_id in untold:
            with transaction():
                notices.tell_step(step_id)
    with transaction():
        late = attending.late_steps()
    for step_id, due in late:
        with transaction():
            attending.attend(actor, step_id, due)
    with transaction():
        claimed = mail.claim()
    for mail_id in claimed:
        with transaction():
            attending.send(mail_id)
