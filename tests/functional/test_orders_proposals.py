"""A buyer's change beyond what was approved waits for the approver; the budget never pays twice for it."""

from decimal import Decimal

import pytest

from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.mail import Mail
from portal.identity import mailing
from portal.identity.models import RoleAssignment
from portal.identity.rules import Role
from portal.orders.models import PurchaseOrder
from portal.orders.proposals import asking, deciding
from portal.orders.proposals.queries import open_questions
from portal.orders.versions import proposing
from portal.orders.versions.rules import Wish
from portal.requisitions.rulebook import services as rulebook
from portal.requisitions.rulebook import trial
from portal.requisitions.rulebook.rules import Severity, Version
from portal.requisitions.rulebook.services import Wanted
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance, fresh, words
from tests.visitor import Visitor


@pytest.fixture
def order(hospital: Hospital) -> PurchaseOrder:
    """Four boxes of catheters at 20.00; the supplier has them."""
    ordering.connect(hospital)
    return ordering.sent(hospital, {hospital.catheter_offer: 4})


def ask(hospital: Hospital, order: PurchaseOrder, quantity: object, role: Role = Role.BUYER) -> str:
    now = fresh(order)
    line = now.lines[0]
    wish = Wish(line.id, Decimal(str(quantity)), line.needed_on, line.unit_price)
    with transaction():
        return proposing.change_or_ask(
            hospital.actor(role), order.id, [wish], reason="More cases", seen=now.version
        )


def decide(hospital: Hospital, *, approved: bool, comment: str = "", role: Role = Role.APPROVER) -> str:
    (question,) = open_questions()
    with transaction():
        return deciding.decide(hospital.actor(role), question.id, approved=approved, comment=comment)


def test_a_change_beyond_approval_is_made_once_the_approver_says_yes(
    hospital: Hospital, order: PurchaseOrder, client: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "is_on", lambda: True)  # mails are written
    buyer = ordering.visitor(client, hospital, Role.BUYER)
    shown = buyer.get(f"/orders/{order.id}/change")
    typed = {"lines-0-quantity": "6", "reason": "More cases"}
    answer = buyer.send(shown, typed, action=f"/orders/{order.id}/change")
    assert answer.status_code == 303
    page = words(buyer.get(f"/orders/{order.id}"))
    assert f"Change of {order.number} waits for approval With Approver" in page
    assert "$80.00 were approved, it would cost $120.00, $40.00 more" in page
    assert (fresh(order).version, balance(hospital).ordered) == (1, 80)
    with pytest.raises(Conflict, match="waits for an approver already"):
        ask(hospital, order, 7)
    with pytest.raises(NotAllowed):
        decide(hospital, approved=True, role=Role.BUYER)
    approver = ordering.visitor(client, hospital, Role.APPROVER)
    shown = approver.get("/orders/price-questions")
    assert "quantity: Was 4 BX now 6 BX" in words(shown)
    counted = 'Orders beyond approval</span><span class="nav-count">1<'
    assert counted in shown.get_data(as_text=True)
    (question,) = open_questions()
    path = f"/orders/price-questions/{question.id}"
    assert approver.send(shown, {"answer": "no"}, action=path).status_code == 422
    assert approver.send(shown, {"answer": "yes"}, action=path).status_code == 303
    assert approver.send(shown, {"answer": "yes"}, action=path).status_code == 409
    assert counted not in approver.get("/orders/price-questions").get_data(as_text=True)
    now = fresh(order)
    assert (now.version, now.lines[0].quantities.wanted, balance(hospital).ordered) == (2, 6, 120)
    assert "Buyer, approved by Approver" in words(buyer.get(f"/orders/{order.id}"))
    subjects = [one.subject for one in db.session.query(Mail).order_by(Mail.id)]
    assert f"Beyond what was approved: Change of {order.number}" in subjects
    assert f"Change of {order.number}: approved" in subjects
    assert ask(hospital, order, 6.2) == ""  # inside the tolerance of what is approved now


def test_a_no_leaves_the_order_and_another_change_overtakes_the_question(
    hospital: Hospital, order: PurchaseOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "is_on", lambda: True)
    assert "Approver is asked" in ask(hospital, order, 6)
    with pytest.raises(Invalid, match="Say why not"):
        decide(hospital, approved=False)
    decide(hospital, approved=False, comment="Use what is there.")
    assert (fresh(order).version, open_questions()) == (1, [])
    mail = db.session.query(Mail).order_by(Mail.id.desc()).first()
    assert mail is not None
    assert mail.address == hospital.email(Role.BUYER)
    assert f"refused: Change of {order.number}" in mail.body
    assert "Use what is there." in mail.body
    ask(hospital, order, 6)
    with transaction():
        asking.withdraw(hospital.actor(Role.BUYER), open_questions()[0].proposal_id)
    assert open_questions() == []
    ask(hospital, order, 6)
    assert ask(hospital, order, 3) == ""  # version 2: what was asked about version 1 is void
    assert open_questions() == []


def test_nobody_approves_a_change_of_his_own(hospital: Hospital, order: PurchaseOrder) -> None:
    with transaction() as session:
        approver = hospital.accounts[Role.APPROVER]
        session.add(RoleAssignment(account_id=approver.id, role=Role.BUYER))
        session.query(RoleAssignment).filter(
            RoleAssignment.role == Role.ADMINISTRATOR, RoleAssignment.account_id != approver.id
        ).delete()
    with pytest.raises(Invalid, match="nobody's limit covers"):
        ask(hospital, order, 6, Role.APPROVER)
    assert open_questions() == []


def test_the_budget_is_looked_at_when_asked_and_again_when_decided(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    left = balance(hospital).available
    with pytest.raises(Invalid, match="short of this change"):
        ask(hospital, order, 4 + left / 20 + 1)
    ask(hospital, order, 10)
    with transaction() as session:
        session.merge(hospital.budget).amount -= left - 60
    with pytest.raises(Invalid, match="short of this change"):
        decide(hospital, approved=True)
    assert (fresh(order).version, balance(hospital).ordered) == (1, 80)
    assert decide(hospital, approved=False, comment="The budget is gone.").startswith("Refused")


def test_the_tolerance_is_a_rule_of_the_facility_and_category(
    hospital: Hospital, order: PurchaseOrder
) -> None:
    today = clock.today(hospital.facility.time_zone)

    def tried(severity: Severity, percent: int) -> tuple[int, int]:
        """How many orders of last month the percentage weighs, and of how many somebody would be asked."""
        version = Version("over_approval_share", 9, today, severity, Decimal(percent))
        found = trial.tried(version, [], trial.last_month(version.rule, clock.now()))
        return found.subjects, found.blocked

    def set_rule(rule: str, severity: Severity, threshold: int, category: str = "") -> None:
        wanted = Wanted(rule, severity, Decimal(threshold), hospital.facility.id, category, today)
        with transaction():
            rulebook.set_rule(hospital.actor(Role.ADMINISTRATOR), wanted, today)

    assert tried(Severity.BLOCK, 60) == (0, 0)
    set_rule("over_approval_share", Severity.BLOCK, 60)
    assert ask(hospital, order, 5) == ""
    assert tried(Severity.BLOCK, 25) == (1, 0), "exactly 25 % above what was approved"
    assert tried(Severity.BLOCK, 20) == (1, 1)
    set_rule("over_approval_amount", Severity.BLOCK, 30)
    assert "is asked" in ask(hospital, order, 6)
    decide(hospital, approved=False, comment="Not now.")
    assert tried(Severity.BLOCK, 40) == (1, 1), "what was refused would have been asked too"
    assert tried(Severity.OFF, 0) == (1, 0)
    set_rule("over_approval_amount", Severity.OFF, 30)
    assert ask(hospital, order, 6) == ""
