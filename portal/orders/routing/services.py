"""Chooses how the orders of a supplier travel."""

from sqlalchemy import delete

from portal.exchange.models import Partner, Route
from portal.foundation import audit
from portal.foundation.access import Actor, Permission
from portal.foundation.db import db, found
from portal.foundation.errors import Invalid, NotAllowed
from portal.identity.rules import EMAIL, LONGEST_EMAIL
from portal.masterdata.models import Supplier
from portal.orders.outbound import KIND
from portal.orders.routing import queries
from portal.orders.routing.rules import LABELS, MAIL, STOPS, Way


def check(actor: Actor) -> None:
    """Raises NotAllowed unless the person buys or keeps the master data."""
    if not (actor.can(Permission.BUY) or actor.can(Permission.MANAGE_MASTER_DATA)):
        raise NotAllowed("Your role does not allow this here. Ask your administrator for access.")


def choose(actor: Actor, supplier_id: int, way: Way, email: str) -> Supplier:
    """From now on the supplier's orders travel this way; what has left already stays where it is.

    Raises Invalid for a way through a partner that is not set up, or by e-mail without an address.
    """
    check(actor)
    supplier = found(db.session.get(Supplier, supplier_id, with_for_update=True), "supplier")
    before = {"way": queries.ways().get(supplier.id, Way.USUAL), "email": supplier.email}
    supplier.email = _address(email, needed=MAIL in STOPS.get(way, ()))
    partners = queries.partners()
    db.session.execute(delete(Route).where(Route.document == KIND, Route.supplier_id == supplier.id))
    for position, stop in enumerate(STOPS.get(way, ()), start=1):
        partner = partners.get(stop) or (_letters() if stop == MAIL else None)
        if partner is None:
            raise Invalid(f"No {stop} is set up here. Choose {LABELS[Way.MAIL]}, or ask an administrator.")
        db.session.add(
            Route(document=KIND, supplier_id=supplier.id, position=position, partner_id=partner.id)
        )
    after = {"way": way, "email": supplier.email}
    audit.record(actor, "supplier.route", supplier, before=before, after=after)
    return supplier


def _address(email: str, *, needed: bool) -> str:
    email = email.strip()
    if needed and not email:
        raise Invalid("Enter the address that takes this supplier's orders.", field="email")
    if email and (len(email) > LONGEST_EMAIL or not EMAIL.fullmatch(email)):
        raise Invalid("This is no e-mail address. Enter one like orders@supplier.example.", field="email")
    return email


def _letters() -> Partner:
    """The partner that stands for letters; the portal's own mail server carries them."""
    partner = Partner(code="mail", name="E-mail", kind="network", adapter="mail", base_url="")
    db.session.add(partner)
    db.session.flush()
    return partner
