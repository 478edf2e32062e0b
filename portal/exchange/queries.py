"""Finding partners, messages and work items."""

from sqlalchemy import select, text

from portal.exchange.models import Partner
from portal.foundation.db import db, enter_organization


def enter_by_sender(domain: str, identity: str, to: str) -> Partner | None:
    """The partner that sends under this identity to this recipient, in whose organization we now are."""
    organization_id = db.session.scalar(
        text("SELECT portal_organization_of_sender(:domain, :identity, :to)"),
        {"domain": domain.lower(), "identity": identity, "to": to},
    )
    if organization_id is None:
        return None
    enter_organization(organization_id)
    return db.session.scalar(
        select(Partner).where(
            Partner.inbound_domain == domain.lower(),
            Partner.inbound_identity == identity,
            Partner.inbound_to == to,
        )
    )
