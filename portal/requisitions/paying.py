"""Who pays for the lines of a cart, as typed: the usual cost center, another one, or several that share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from portal.budgets.models import CostShare
from portal.foundation.access import Actor
from portal.foundation.errors import Invalid
from portal.masterdata.models import CostCenter, GlAccount
from portal.requisitions import charging
from portal.requisitions.edits import LineEdit, ShareEdit
from portal.requisitions.models import Requisition, RequisitionLine

Dimension = TypeVar("Dimension", CostCenter, GlAccount)


@dataclass(frozen=True)
class Payers:
    """What may be charged: cost centers of the place and the person, and GL accounts in use."""

    centers: Sequence[CostCenter]
    accounts: Sequence[GlAccount]

    def center(self, typed: str, box: str) -> CostCenter | None:
        """The cost center of a box; none when it is empty. Raises Invalid for an unknown one."""
        return _meant(typed, self.centers, box, "No such cost center, or not one you may charge there")

    def account(self, typed: str, box: str) -> GlAccount | None:
        """The GL account of a box; none when it is empty. Raises Invalid for an unknown one."""
        return _meant(typed, self.accounts, box, "No such GL account")


def charge(actor: Actor, requisition: Requisition, lines: Mapping[int, LineEdit], today: date) -> None:
    """Cost centers and accounts by their code, as typed or chosen; the usual ones are kept as none.

    Raises Invalid with the box: center-<line>, account-<line>, payer-<line>-<row>, pays-from-<line>-<row>.
    """
    named = [(line, lines[line.id]) for line in requisition.lines if line.id in lines]
    for line, one in named:
        line.split_by = one.split_by
    if not any(one.cost_center or one.gl_account or one.shares for _, one in named):
        for line, _ in named:
            line.cost_center, line.gl_account, line.shares = None, None, []
        return
    centers, accounts = charging.cost_centers(actor, requisition, today), charging.gl_accounts()
    for line, one in named:
        facility_id = line.ship_to.facility_id
        payers = Payers([one for one in centers if charging.may_charge(actor, one, facility_id)], accounts)
        usual = charging.usual_center(requisition, line)
        center = payers.center(one.cost_center, f"center-{line.id}")
        account = payers.account(one.gl_account, f"account-{line.id}")
        line.cost_center = center if center is not usual else None
        line.gl_account = account if account and account.id != line.item.gl_account_id else None
        _share(line, one.shares, payers)


def _share(line: RequisitionLine, shares: Sequence[ShareEdit], payers: Payers) -> None:
    """Sets who shares the line; rows that stayed as they were are left alone."""
    wanted = [(one, payers.center(one.cost_center, f"payer-{line.id}-{one.row}")) for one in shares]
    kept = [(one, center) for one, center in wanted if center is not None]
    del line.shares[len(kept) :]
    for position, (one, center) in enumerate(kept):
        if position == len(line.shares):
            line.shares.append(CostShare(position=position))
        share = line.shares[position]
        share.cost_center = center
        share.gl_account = payers.account(one.gl_account, f"pays-from-{line.id}-{one.row}")
        share.weight = one.weight


def _meant(typed: str, known: Sequence[Dimension], box: str, sentence: str) -> Dimension | None:
    code = typed.strip().partition(" ")[0].upper()
    if not code:
        return None
    found = next((one for one in known if one.code.upper() == code), None)
    if found is None:
        raise Invalid(f"{sentence}: {code}. Choose one from the list, or leave it empty.", field=box)
    return found
