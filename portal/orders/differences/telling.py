"""Mails about differences: to requesters whose goods do not come, to who may approve a higher price."""

from collections.abc import Sequence
from decimal import Decimal

from flask import current_app
from sqlalchemy import select

from portal.approvals import people
from portal.approvals.notices import is_on, settings
from portal.approvals.rules import Asked
from portal.catalog.queries import substitutes_of
from portal.foundation import mail
from portal.foundation.db import db
from portal.foundation.filters import unit_price
from portal.foundation.quantity import plain
from portal.identity.models import Account
from portal.identity.queries import organization
from portal.orders.differences.models import PriceQuestion
from portal.orders.differences.queries import Difference, other_offers
from portal.orders.models import PurchaseOrder, PurchaseOrderLine
from portal.orders.rules import overlaps


def alternatives(order: PurchaseOrder, line: PurchaseOrderLine) -> list[str]:
    """What may be requested instead: other suppliers of the item, then items that may stand in."""
    offers = [
        f"{line.description} from {one.offer.supplier.name}, {unit_price(one.unit_price, order.currency)} "
        f"per {line.uom}"
        for one in other_offers(order, line)
    ]
    return offers + [f"{item.name} ({item.code}) instead" for item, _ in substitutes_of(line.item_id)]


def tell_requesters(case: Difference, quantity: Decimal, reason: str) -> None:
    """Tells each requester whose share of a line is cancelled, before it is, with the alternatives."""
    if not is_on():
        return
    line, wanted = case.line, case.line.quantities.wanted
    instead = alternatives(case.order, line)
    for index, begin, end in overlaps([one.quantity for one in line.sources], wanted - quantity, wanted):
        requisition = line.sources[index].requisition_line.requisition
        _write(
            [requisition.requester_id],
            f"shortage:{case.item.id}:{line.sources[index].id}",
            f"{line.description} does not come",
            "shortage.txt",
            quantity=f"{plain(end - begin)} {line.uom}", line=line, order=case.order, reason=reason,
            requisition=requisition, alternatives=instead,
            url=f"{settings().public_url}/requisitions/{requisition.id}",
        )  # fmt: skip


def tell_deciders(question: PriceQuestion, asked: Asked) -> None:
    """Tells everybody who may say yes to a price beyond what was approved."""
    if not is_on():
        return
    url = f"{settings().public_url}/orders/price-questions"
    deciders = list(people.deciders(asked))
    _write(
        deciders, f"price:{question.id}", "A price beyond what was approved", "price.txt",
        question=question, url=url,
    )  # fmt: skip


def _write(account_ids: Sequence[int], key: str, subject: str, template: str, **values: object) -> None:
    # Not by render_template: nobody need be signed in, and pages' navigation is not wanted.
    text = current_app.jinja_env.get_template(f"emails/{template}")
    name = organization().name
    for account in db.session.scalars(select(Account).where(Account.id.in_(account_ids), Account.active)):
        body = text.render(organization_name=name, account=account, **values)
        mail.write(
            key=f"{key}:{account.id}",
            account_id=account.id,
            address=account.email,
            subject=subject,
            body=body,
        )
