"""Submitting a requisition of five lines with all checks, against inserting the rows it leaves."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import count, cycle

from portal.approvals.models import ApprovalAnswer, ApprovalStep
from portal.budgets.models import BudgetEntry
from portal.budgets.rules import Term
from portal.foundation.db import transaction
from portal.identity.rules import Role
from portal.requisitions import services as requisitions
from portal.requisitions.models import CheckRecord, Requisition, RequisitionLine
from portal.requisitions.rules import RequisitionState
from tests.bench.bare_rows import BareRows
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave

LINES = 5
QUANTITY = Decimal(2)
OFFERS = """
SELECT supplier_id, offer.id, offer.item_id FROM offer JOIN supplier ON supplier.id = offer.supplier_id
WHERE supplier.code LIKE 'S%' ORDER BY supplier_id, offer.id
"""


@dataclass(frozen=True)
class Wish:
    """A clinic and the offers (id, item id) of one supplier it wants."""

    clinic_id: int
    offers: list[tuple[int, int]]


def measure(ground: Ground, plan: Plan) -> tuple[list[Figure], list[int]]:
    """The figures, and the ids of the requisitions that were submitted."""
    wishes = _wishes(ground)
    submitted: list[int] = []
    _submission(ground, next(wishes), submitted)()
    with ground.bare_connection() as connection:
        bare = Bare(ground, BareRows(connection))
        measured = interleave(
            {
                "portal": Side(lambda: _submission(ground, next(wishes), submitted), ground.cpu),
                "bare": Side(lambda: bare.insertion(next(wishes)), ground.cpu),
                "without": Side(lambda: bare.insertion(next(wishes), with_checks=False), ground.cpu),
            },
            plan,
        )
    title = f"Submit a requisition of {LINES} lines"
    return [
        figure(title, "inserting its rows", measured["portal"], measured["bare"]),
        figure(title, "without checks, approval", measured["portal"], measured["without"]),
    ], submitted


def _wishes(ground: Ground) -> Iterator[Wish]:
    of_supplier: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for supplier_id, offer_id, item_id in ground.owner.execute(OFFERS):
        of_supplier[supplier_id].append((offer_id, item_id))
    choice = random.Random(1)
    for clinic_id, offers in zip(cycle(ground.clinic_ids), cycle(of_supplier.values())):
        yield Wish(clinic_id, choice.sample(offers, LINES))


def _submission(ground: Ground, wish: Wish, submitted: list[int]) -> Callable[[], object]:
    manager = ground.actors[Role.CLINIC_MANAGER]
    with ground.acting(), transaction():
        for offer_id, _ in wish.offers:
            requisitions.add(manager, wish.clinic_id, offer_id, QUANTITY)
    with ground.acting(), transaction():
        cart = requisitions.cart(manager, wish.clinic_id)
        cart_id, version = cart.id, cart.version
    submitted.append(cart_id)

    def submit() -> None:
        with ground.acting(), transaction():
            requisitions.submit(manager, cart_id, seen_version=version)

    return submit


class Bare:
    """The rows that a submission leaves, by plain psycopg; the evidence of the checks is ready-made."""

    def __init__(self, ground: Ground, rows: BareRows) -> None:
        self._ground = ground
        self._rows = rows
        self._numbers = count(1)
        ((self._budget_id, self._center_id),) = ground.owner.execute("SELECT id, cost_center_id FROM budget")
        ((self._evidence,),) = ground.owner.execute(
            "SELECT results::text FROM check_record ORDER BY id DESC LIMIT 1"
        )

    def insertion(self, wish: Wish, *, with_checks: bool = True) -> Callable[[], object]:
        """Requisition, lines, what they hold, an event; `with_checks` also evidence and approval."""

        def insert() -> None:
            with self._rows.connection.transaction():
                requisition_id, line_ids = self._held(wish)
                if with_checks:
                    self._checked(requisition_id, line_ids)
                self._rows.note("requisition.submit", Requisition, requisition_id)

        return insert

    def _held(self, wish: Wish) -> tuple[int, list[int]]:
        number = f"BARE-{next(self._numbers)}"
        (requisition_id,) = self._rows.add(
            Requisition,
            {
                "number": number, "state": RequisitionState.SUBMITTED.value,
                "requester_id": self._ground.actors[Role.CLINIC_MANAGER].account_id,
                "location_id": wish.clinic_id, "version": 1,
            },
        )  # fmt: skip
        line_ids = self._rows.add(
            RequisitionLine,
            *(
                {
                    "requisition_id": requisition_id, "line_number": line, "offer_id": offer_id,
                    "item_id": item_id, "quantity": QUANTITY, "uom": "BX", "unit_price": 10, "amount": 20,
                    "gl_account_id": self._ground.gl_account_id,
                }
                for line, (offer_id, item_id) in enumerate(wish.offers, start=1)
            ),
        )  # fmt: skip
        self._rows.add(
            BudgetEntry,
            *(
                {
                    "budget_id": self._budget_id, "term": Term.REQUESTED.value, "amount": 20,
                    "requisition_line_id": line_id, "document_type": "requisition",
                    "document_id": requisition_id, "document": number,
                }
                for line_id in line_ids
            ),
        )  # fmt: skip
        return requisition_id, line_ids

    def _checked(self, requisition_id: int, line_ids: list[int]) -> None:
        self._rows.add(CheckRecord, {"requisition_id": requisition_id, "results": self._evidence})
        (step_id,) = self._rows.add(
            ApprovalStep,
            {
                "requisition_id": requisition_id, "cost_center_id": self._center_id, "amount": 100,
                "limit_needed": 100,
            },
        )  # fmt: skip
        self._rows.add(
            ApprovalAnswer,
            *({"step_id": step_id, "line_id": line_id, "amount": 20} for line_id in line_ids),
        )
