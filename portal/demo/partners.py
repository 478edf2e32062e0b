"""The sandbox partners of the demo: where they listen, how the portal logs in, what they get."""

from sqlalchemy import select

from portal.demo.names import (
    COMPANY_CODES,
    ERP_USER,
    ERP_VARIABLE,
    INBOUND_VARIABLE,
    NETWORK_IDENTITY,
    NETWORK_VARIABLE,
    Addresses,
    buyer_identity,
)
from portal.exchange.models import Partner, Route
from portal.foundation.db import db

# (document, partner codes in order)
ROUTES = (("purchase_order", ("erp", "network")), ("receipt", ("erp",)))


def add_partners(slug: str, addresses: Addresses) -> None:
    """Creates ERP and network of the present organization, and who gets which document."""
    company_code = COMPANY_CODES[slug]
    identity = buyer_identity(slug)
    erp = Partner(
        code="erp",
        name="S/4HANA",
        kind="erp",
        adapter="s4hana",
        base_url=addresses.erp[slug],
        username=ERP_USER,
        secret_name=ERP_VARIABLE,
        settings={
            "company_code": company_code,
            "purchasing_organization": company_code,
            "purchasing_group": "001",
            "currency": "USD",
        },
    )
    network = Partner(
        code="network",
        name="Business Network",
        kind="network",
        adapter="sap_business_network",
        base_url=addresses.network,
        secret_name=NETWORK_VARIABLE,
        settings={"sender_identity": identity, "from_identity": identity},
        inbound_domain="networkid",
        inbound_identity=NETWORK_IDENTITY,
        inbound_to=identity,
        inbound_secret_name=INBOUND_VARIABLE,
    )
    db.session.add_all([erp, network])
    db.session.flush()
    ids = {"erp": erp.id, "network": network.id}
    for document, codes in ROUTES:
        for position, code in enumerate(codes, start=1):
            db.session.add(Route(document=document, position=position, partner_id=ids[code]))


def point_partners(slug: str, addresses: Addresses) -> None:
    """Corrects where the partners of the present organization listen."""
    wanted = {"erp": addresses.erp[slug], "network": addresses.network}
    for partner in db.session.scalars(select(Partner).where(Partner.code.in_(wanted))):
        partner.base_url = wanted[partner.code]
