"""Every view of a patient is written down."""

from portal.clinical.models import AccessRecord
from portal.foundation.access import Actor
from portal.foundation.db import db


def record_view(actor: Actor, patient_id: int, page: str, *, reason: str = "") -> None:
    """One view of a patient's data on `page` (an endpoint or a document's name)."""
    db.session.add(
        AccessRecord(
            account_id=actor.account_id,
            actor=actor.name,
            patient_id=patient_id,
            page=page,
            reason=reason or actor.system_reason,
        )
    )
