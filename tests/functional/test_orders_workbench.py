"""What needs nobody is ordered by itself; what a buyer must decide waits, with offers side by side."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from portal.budgets.rules import Term
from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.identity.rules import Role
from portal.masterdata.models import Contract, ContractLine, Supplier
from portal.orders import followed, services
from portal.orders.models import PurchaseOrder
from portal.orders.proposals import asking, deciding
from portal.orders.proposals.queries import open_questions
from portal.orders.queries import workbench
from portal.orders.workbench import services as bench
from portal.orders.workbench.deciding import groups
from portal.orders.workbench.rules import Why
from portal.requisitions.models import RequisitionLine
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import approved, balance, words
from tests.visitor import Visitor

REST = timedelta(minutes=15)


@pytest.fixture
def connected(hospital: Hospital) -> Hospital:
    """A hospital whose supplier got an order before."""
    ordering.connect(hospital)
    ordering.placed(hospital, {hospital.catheter_offer: 1})
    return hospital


def other_offer(hospital: Hospital, price: str, *, contracted: bool = True, factor: int = 10) -> Offer:
    """The gloves from a second supplier."""
    today = clock.today() - timedelta(days=1)  # wherever the place is, the contract counts already
    with transaction():
        supplier = Supplier(code="17300002", name="Northgate Supply", network_id="")
        db.session.add(supplier)
        db.session.flush()
        offer = Offer(
            item_id=hospital.gloves.id, supplier_id=supplier.id, supplier_part="N-GLOVE",
            uom="BX" if factor == 10 else "CA", factor=Decimal(factor), list_price=Decimal(price),
        )  # fmt: skip
        contract = Contract(
            number="C-2002",
            name="Gloves",
            supplier_id=supplier.id,
            valid_from=today,
            valid_to=today + REST * 999,
        )
        db.session.add_all([offer, contract])
        db.session.flush()
        if contracted:
            db.session.add(
                ContractLine(
                    contract_id=contract.id,
                    item_id=hospital.gloves.id,
                    uom=offer.uom,
                    unit_price=Decimal(price),
                    valid_from=today,
                    valid_to=contract.valid_to,
                )
            )
    return offer


def place_ready(hospital: Hospital, *, later: timedelta = REST) -> list[PurchaseOrder]:
    """What the scheduled job does, some time later."""
    with time_machine.travel(clock.now() + later, tick=False), transaction():
        return bench.place_ready(hospital.organization.id, rested=REST)


def why(hospital: Hospital) -> list[tuple[list[Why], list[list[Why]]]]:
    """Why each group waits, and each of its lines."""
    db.session.expire_all()
    found = groups(workbench(hospital.actor(Role.BUYER)))
    return [(group.why, [one.why for one in group.lines]) for group in found]


def test_two_requests_of_two_become_one_line_of_four_by_themselves(connected: Hospital) -> None:
    lines = [
        *approved(connected, {connected.gloves_offer: 2}),
        *approved(connected, {connected.gloves_offer: 2}),
    ]
    assert place_ready(connected, later=timedelta(minutes=14)) == []
    (order,) = place_ready(connected)
    (line,) = ordering.fresh(order).lines
    assert (line.quantity, [source.quantity for source in line.sources]) == (4, [2, 2])
    requisitions = [db.session.get_one(RequisitionLine, one).requisition_id for one in lines]
    shares = [(part.quantity, part.order) for one in requisitions for part in followed.parts_of([one])]
    assert shares == [(2, order.number), (2, order.number)]
    assert place_ready(connected) == []


def test_what_a_buyer_must_decide_stays(connected: Hospital) -> None:
    approved(connected, {connected.gloves_offer: 2})
    with transaction():
        connected.supplier.minimum_order = Decimal(100)
    assert why(connected) == [([Why.MINIMUM], [[]])]
    with transaction():
        connected.supplier.minimum_order = Decimal()
    other_offer(connected, "7.00")
    assert why(connected) == [([], [[Why.SEVERAL]])]
    assert place_ready(connected) == []


def test_a_cheaper_offer_is_chosen_with_the_saving_in_view(connected: Hospital, client: Visitor) -> None:
    line_id, _ = approved(connected, {connected.gloves_offer: 2, connected.catheter_offer: 1})
    offer = other_offer(connected, "6.75")
    with transaction() as session:
        session.get_one(Supplier, offer.supplier_id).minimum_order = Decimal(100)
    held = balance(connected).held(Term.ORDERED)
    buyer = ordering.visitor(client, connected, Role.BUYER)
    assert "several contracted offers" in words(buyer.get("/workbench"))
    shown = buyer.get(f"/workbench/lines/{line_id}")
    assert "saves $1.00" in words(shown)
    assert "with 1 line that waits for it, $34.50 in all" in words(shown)
    assert "on its own, $86.50 short of its least order" in words(shown)
    action = f"/workbench/lines/{line_id}/offers/{offer.id}"
    assert buyer.send(shown, {}, action=action).status_code == 303
    told = words(buyer.get("/workbench"))
    assert "Nothing was ever ordered from Northgate Supply" in told
    with transaction():
        (order,) = services.place(connected.actor(Role.BUYER), [line_id])
    (line,) = ordering.fresh(order).lines
    assert (line.unit_price, line.supplier_part, order.total) == (
        Decimal("6.75"),
        "N-GLOVE",
        Decimal("13.50"),
    )
    after = balance(connected)
    assert (after.held(Term.REQUESTED), after.held(Term.ORDERED) - held) == (20, Decimal("13.50"))


@pytest.mark.parametrize(
    ("price", "factor", "total"),
    [
        ("9.00", 10, "18.00"),
        ("60.00", 100, "60.00"),
    ],
)
def test_a_dearer_offer_waits_for_the_approver(
    connected: Hospital, client: Visitor, price: str, factor: int, total: str
) -> None:
    (line_id,) = approved(connected, {connected.gloves_offer: 2})
    offer = other_offer(connected, price, factor=factor)
    buyer = ordering.visitor(client, connected, Role.BUYER)
    shown = buyer.get(f"/workbench/lines/{line_id}")
    assert "an approver is asked" in words(shown)
    action = f"/workbench/lines/{line_id}/offers/{offer.id}"
    too_long = buyer.send(shown, {"reason": "x" * 201}, action=action, follow_redirects=True)
    assert "in at most 200 characters" in words(too_long)
    assert buyer.send(shown, {"reason": "Here tomorrow"}, action=action).status_code == 303
    bench_page = words(buyer.get("/workbench"))
    assert "Approver is asked; nothing changes until then" in bench_page
    assert "an approver is asked" in bench_page
    assert "waits for approval With Approver" in words(buyer.get(f"/workbench/lines/{line_id}"))
    assert place_ready(connected) == []
    approver = ordering.visitor(client, connected, Role.APPROVER)
    page = approver.get("/orders/price-questions")
    assert f"$14.50 were approved, it would cost ${total}" in words(page)
    assert "Why: Here tomorrow" in words(page)
    assert "Was 2 BX from Harborline Medical at $7.25" in words(page)
    (question,) = open_questions()
    action = f"/orders/price-questions/{question.id}"
    assert approver.send(page, {"answer": "yes"}, action=action).status_code == 303
    with transaction():
        (order,) = services.place(connected.actor(Role.BUYER), [line_id])
    assert (order.supplier.name, order.total) == ("Northgate Supply", Decimal(total))
    after = balance(connected)
    assert (after.held(Term.REQUESTED), open_questions()) == (0, [])


def test_a_dearer_offer_that_is_refused_withdrawn_or_beyond_the_budget_changes_nothing(
    connected: Hospital,
) -> None:
    (line_id,) = approved(connected, {connected.gloves_offer: 2})
    offer = other_offer(connected, "9.00")
    buyer, approver = connected.actor(Role.BUYER), connected.actor(Role.APPROVER)

    def choose() -> int:
        with transaction():
            bench.choose(buyer, line_id, offer.id)
        return open_questions()[0].id

    with transaction():
        deciding.decide(approver, choose(), approved=False, comment="Too dear.")
    choose()
    with pytest.raises(Conflict, match="waits for an approver already"):
        choose()
    with pytest.raises(NotAllowed), transaction():
        deciding.decide(buyer, open_questions()[0].id, approved=True)
    with transaction():
        asking.withdraw(buyer, open_questions()[0].proposal_id)
    question = choose()
    left = balance(connected).available
    with transaction() as session:
        session.merge(connected.budget).amount -= left - 3
    with pytest.raises(Invalid, match="short of this change"), transaction():
        deciding.decide(approver, question, approved=True)
    with transaction():
        (order,) = services.place(buyer, [line_id])
    assert (order.total, open_questions()) == (Decimal("14.50"), [])


def test_another_pack_brings_whole_packs_and_each_request_its_share(connected: Hospital) -> None:
    """3 and 4 boxes of 10 from cartons of 100: one carton, 30 pieces more; the shares stay in boxes."""
    lines = [
        *approved(connected, {connected.gloves_offer: 3}),
        *approved(connected, {connected.gloves_offer: 4}),
    ]
    offer = other_offer(connected, "20.00", factor=100)
    held = balance(connected).held(Term.ORDERED)
    buyer = connected.actor(Role.BUYER)
    for line_id in lines:
        with transaction():
            bench.choose(buyer, line_id, offer.id)
    with transaction():
        (order,) = services.place(buyer, lines)
    (line,) = ordering.fresh(order).lines
    assert (line.quantity, line.uom, line.factor, order.total) == (1, "CA", 100, 20)
    assert [(one.quantity, one.served) for one in line.sources] == [(Decimal("0.3"), 3), (Decimal("0.7"), 4)]
    after = balance(connected)
    assert (after.held(Term.REQUESTED), after.held(Term.ORDERED) - held) == (0, 20)
    with transaction():
        found = ordering.fresh(order).lines[0]
        found.received = Decimal(1)
    requisitions = [db.session.get_one(RequisitionLine, one).requisition_id for one in lines]
    shares = [(part.quantity, part.received) for one in requisitions for part in followed.parts_of([one])]
    assert shares == [(3, 3), (4, 4)]
