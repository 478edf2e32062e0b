"""Other payers or another place for a line that was submitted; what is held moves with it, to the cent."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from portal.budgets import queries as budget_queries
from portal.budgets import services as budgets
from portal.budgets.models import Budget
from portal.budgets.rules import Control, Term
from portal.budgets.services import Change
from portal.foundation import clock
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.foundation.money import slice_amount, split
from portal.foundation.quantity import plain
from portal.masterdata.models import GlAccount
from portal.requisitions import charging, paying, shipping
from portal.requisitions.charging import account_id_of, center_of, in_words
from portal.requisitions.checks import spoken_money
from portal.requisitions.edits import LineEdit
from portal.requisitions.models import Requisition, RequisitionLine
from portal.requisitions.rules import SplitBy
from portal.requisitions.services import document_of


@dataclass(frozen=True)
class Terms:
    """Who pays for a line, from which accounts, and where it goes; `words` say who pays, for people."""

    place: str
    split_by: SplitBy | None
    payers: tuple[tuple[str, Decimal], ...]  # the cost centers with their parts, as asked
    accounts: tuple[tuple[str, str], ...]  # of each cost center
    words: str

    @property
    def paid(self) -> tuple[object, ...]:
        """Who pays how much, as asked."""
        return self.split_by, self.payers

    @property
    def booked(self) -> str:
        """The GL accounts, for people."""
        return ", ".join(dict.fromkeys(account for _, account in self.accounts))

    def is_booked_as(self, other: "Terms") -> bool:
        """Whether every cost center that pays in both books on the same account."""
        accounts = dict(other.accounts)
        return all(accounts.get(center, account) == account for center, account in self.accounts)


def terms_of(line: RequisitionLine) -> Terms:
    """The terms of a submitted line as they are now."""
    shares = line.payers
    if shares:
        payers = tuple((in_words(share.cost_center), share.weight) for share in shares)
        booked = [in_words(share.gl_account or line.gl_account) for share in shares]
    else:
        payers = ((in_words(center_of(line.requisition, line)), Decimal(1)),)
        booked = [in_words(line.gl_account)]
    parts = charging.shares_in_words(line, line.requisition.currency)
    return Terms(
        place=shipping.in_words(line.ship_to, line.requisition),
        split_by=line.split_by,
        payers=payers,
        accounts=tuple((center, account) for (center, _), account in zip(payers, booked, strict=True)),
        words=", ".join(parts) or payers[0][0],
    )


def apply(actor: Actor, requisition: Requisition, line: RequisitionLine, wanted: LineEdit) -> Terms:
    """Sets payers, accounts and place as typed; the ledger is left to `hold_anew`.

    Raises Invalid with the box, as in the cart, and for a line of which something is ordered.
    """
    before = terms_of(line)
    lines = {line.id: wanted}
    shipping.send(actor, requisition, lines)
    paying.charge(actor, requisition, lines, clock.today(requisition.location.facility.time_zone))
    # What is submitted names its payer and account, as it did at submit.
    line.cost_center = line.payers[0].cost_center if line.payers else center_of(requisition, line)
    account_id = account_id_of(line)
    line.gl_account = db.session.get(GlAccount, account_id) if account_id else None
    db.session.flush()
    terms = terms_of(line)
    if line.ordered_quantity and terms != before:
        raise Invalid(
            f"{plain(line.ordered_quantity)} {line.uom} are ordered already, for {before.place}, paid by "
            f"{before.words}. Who pays and where it goes stay as they are: close the rest and ask for it "
            "in a new cart."
        )
    return terms


def hold_anew(requisition: Requisition, line: RequisitionLine) -> None:
    """Who paid until now gets everything back, who pays now holds the open amount.

    Raises Invalid when a budget that blocks lacks it.
    """
    document = document_of(requisition)
    is_open = slice_amount(line.unit_price, line.ordered_quantity + line.closed_quantity, line.quantity)
    drawn = _drawn(requisition, line)
    budgets.lock(one.id for one in [*budget_queries.holding([line.id]), *drawn.values()])
    budgets.leave(line.id, document)
    shares = [(share.cost_center_id, share.weight) for share in line.payers]
    weights = shares or [(line.cost_center_id or 0, Decimal(1))]
    amounts: dict[int, Decimal] = defaultdict(Decimal)
    for (center_id, _), part in zip(weights, split(is_open, [one for _, one in weights]), strict=True):
        if center_id in drawn:
            amounts[drawn[center_id].id] += part
    _refuse_beyond(requisition, line, drawn, amounts)
    for share in line.payers:
        share.budget_id = drawn[share.cost_center_id].id if share.cost_center_id in drawn else None
    for budget_id, amount in amounts.items():
        change = Change(line.id, Term.REQUESTED, amount, document)
        budgets.hold(budget_id, change, whole=is_open if line.payers else None)
    db.session.flush()


def _drawn(requisition: Requisition, line: RequisitionLine) -> dict[int, Budget]:
    """The budget each cost center (by id) pays from."""
    today = clock.today(requisition.location.facility.time_zone)
    centers = [share.cost_center_id for share in line.payers] or [line.cost_center_id or 0]
    found = budget_queries.drawn_on(today, [(one, line.item.category) for one in centers])
    return {center_id: budget for (center_id, _), budget in found.items()}


def _refuse_beyond(
    requisition: Requisition, line: RequisitionLine, drawn: dict[int, Budget], amounts: dict[int, Decimal]
) -> None:
    left = budget_queries.balances(drawn.values())
    for center_id, budget in drawn.items():
        available, needed = left[budget.id].available, amounts[budget.id]
        if budget.control is Control.BLOCK and available < needed and not requisition.override_reason:
            center = next(
                one
                for one in [line.cost_center, *(share.cost_center for share in line.payers)]
                if one is not None and one.id == center_id
            )
            raise Invalid(
                f"{center.name} has {spoken_money(available, budget.currency)} available; "
                f"this change needs {spoken_money(needed, budget.currency)}. "
                "Ask for less, or let others pay.",
                field=f"split-{line.id}" if line.payers else f"center-{line.id}",
            )
