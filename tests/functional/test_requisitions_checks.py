"""What the checks find in a real hospital: around a line, in its budget, and with an override."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from integrations.canonical import Lifecycle
from portal.approvals import queries as approval_queries
from portal.budgets.models import Budget, BudgetEntry
from portal.budgets.rules import Control
from portal.clinical.recalls.models import Recall, RecallPart
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.errors import Invalid
from portal.identity.rules import Role
from portal.masterdata.models import ClosedDay, ContractLine, CostCenter, ImportRun, Item, Supplier
from portal.masterdata.rules import ImportKind, ImportState
from portal.requisitions import checks, queries, services
from portal.requisitions.checks import Check
from portal.requisitions.models import CheckRecord, Requisition
from portal.requisitions.rulebook import services as rulebook
from tests import ordering
from tests.hospital import Hospital
from tests.ordering import balance
from tests.requesting import approved, in_cart, offered, submitted, substitute
from tests.statements import recorded
from tests.visitor import Visitor

DAY = timedelta(days=1)


def said(hospital: Hospital, cart: Requisition) -> dict[str, Check]:
    """What the checks say of a cart by rule, of the last line and the whole."""
    cart_id = cart.id
    db.session.expire_all()
    actor = hospital.actor(Role.CLINIC_MANAGER)
    return {one.rule: one for one in checks.check(services.facts_of(actor, queries.own(actor, cart_id)))}


def test_what_is_around_a_line_is_found(hospital: Hospital) -> None:
    ordering.connect(hospital)
    first = approved(hospital, {hospital.catheter_offer: 3})
    ordering.placed_lines(hospital, [line.id for line in first.lines])
    waiting = submitted(hospital, {hospital.catheter_offer: 1}).number or ""
    tomorrow, read_at = clock.today() + DAY, clock.now() - 3 * DAY
    actor, administrator = hospital.actor(Role.CLINIC_MANAGER), hospital.actor(Role.ADMINISTRATOR)
    with transaction() as session:
        session.add(ClosedDay(facility_id=hospital.facility.id, day=tomorrow, reason="Holiday"))
        recall = Recall(number="RC-1", title="Torn tip", noticed_on=clock.today())
        session.add(recall)
        session.flush()
        session.add(RecallPart(recall_id=recall.id, item_id=hospital.catheter.id, lot="L7"))
        run = {"kind": ImportKind.ITEMS, "state": ImportState.APPLIED, "finished_at": read_at}
        session.add(ImportRun(file_name="items.csv", file=b"", **run))
        session.get_one(Supplier, hospital.supplier.id).minimum_order = Decimal(500)
        session.query(ContractLine).filter_by(item_id=hospital.catheter.id).update({"unit_price": 25})
        rulebook.restrict(administrator, code="cath-14", category="", role="", credential="Urology")
    cart = in_cart(hospital, {hospital.catheter_offer: 2})
    with transaction():
        services.describe(actor, cart.id, need_by=tomorrow, note="")
    results = said(hospital, cart)
    warned = {rule for rule, one in results.items() if one.outcome == "warn"}
    assert warned == {"duplicate", "recalled", "closed_day", "last_price", "supplier_minimum"}
    assert "40 EA" in results["duplicate"].sentence, "three boxes on order, one requested"
    assert waiting in results["duplicate"].sentence
    assert "L7" in results["recalled"].sentence
    assert "(Holiday)" in results["closed_day"].sentence
    assert "$25.00 per BX, 25 % more" in results["last_price"].sentence
    assert results["supplier_minimum"].measure == 450
    assert results["restricted"].outcome == "block"
    assert results["item"].data_at == read_at
    with transaction():
        rulebook.certify(
            administrator, email=hospital.email(Role.CLINIC_MANAGER), name="urology", valid_until=None,
            today=clock.today(),
        )  # fmt: skip
    assert said(hospital, cart)["restricted"].outcome == "pass"


def test_what_may_stand_in_is_offered(hospital: Hospital) -> None:
    with transaction() as session:
        loose = offered(hospital, "LOOSE", "Loose gauze", contract=False)
        other = offered(hospital, "GAUZE", "Sterile gauze", price="4.00")
        substitute(loose.item_id, other.item_id, "")
        session.flush()
    cart = in_cart(hospital, {loose: 1})
    price = said(hospital, cart)["price"]
    assert price.outcome == "warn"
    assert "On contract instead: Sterile gauze, BX of 10 EA from Harborline Medical, $0.40 per EA" in (
        price.sentence
    )
    with transaction() as session:
        session.get_one(Item, loose.item_id).lifecycle = Lifecycle.DISCONTINUED
    item = said(hospital, cart)["item"]
    assert (item.outcome, item.sentence.partition("take ")[2]) == ("block", "GAUZE Sterile gauze instead.")


def test_lines_draw_on_the_budget_of_their_own_center_and_category(hospital: Hospital) -> None:
    year = timedelta(days=365)
    today = clock.today()
    with transaction() as session:
        center = CostCenter(
            code="CC200", name="Surgery", facility_id=hospital.facility.id, valid_from=today - year,
            valid_to=today + year,
        )  # fmt: skip
        session.add(center)
        session.flush()
        spans = {"period_start": today - DAY, "period_end": today + DAY}
        surgery = Budget(cost_center_id=center.id, amount=Decimal(100), **spans)
        drapes = Budget(
            cost_center_id=hospital.cost_center.id, category="Drapes", amount=Decimal(12),
            control=Control.WARN, **spans,
        )  # fmt: skip
        session.add_all([surgery, drapes])
        drape = offered(hospital, "DRAPE", "Surgical drape", category="Drapes", price="5.00")
        session.flush()
    cart = in_cart(hospital, {hospital.gloves_offer: 1, hospital.catheter_offer: 1, drape: 3})
    with transaction():
        own = queries.own(hospital.actor(Role.CLINIC_MANAGER), cart.id)
        line = next(one for one in own.lines if one.item_id == hospital.catheter.id)
        line.cost_center = center
    assert said(hospital, cart)["budget"].outcome == "warn"
    actor = hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        cart = services.cart(actor, hospital.clinic.id)
        services.submit(actor, cart.id, seen_version=cart.version)
    sums = db.session.query(BudgetEntry.budget_id, db.func.sum(BudgetEntry.amount))
    held = {row[0]: row[1] for row in sums.group_by(BudgetEntry.budget_id)}
    assert held == {hospital.budget.id: Decimal("7.25"), surgery.id: Decimal(20), drapes.id: Decimal(15)}
    [requisition_id] = db.session.scalars(select(CheckRecord.requisition_id))
    kept = [one for one in queries.checks_of(requisition_id) if one.rule == "budget"]
    assert [one.outcome for one in kept] == ["pass", "pass", "warn"]
    assert all(one.data_at for one in kept)
    steps = approval_queries.steps_of(cart.id)
    left = approval_queries.balances_of(steps)
    assert {one.cost_center.code: left[one.id].available for one in steps} == {
        "CC100": -3,
        "CC200": 80,
    }, "of several budgets the approver sees the lowest"


def test_beyond_the_budget_only_with_a_reason(hospital: Hospital, client: Visitor) -> None:
    cart = in_cart(hospital, {hospital.catheter_offer: 51})
    cart_id = cart.id
    client.sign_in(hospital.email(Role.CLINIC_MANAGER))
    refused = client.submit("/cart", {}, action=f"/cart/{cart_id}/save")
    page = client.get("/cart").get_data(as_text=True)
    assert refused.status_code == 303
    assert "this request needs $1,020.00" in page
    assert "Why it must go beyond the budget" in page
    form = {"override_reason": "Winter surge"}
    client.submit("/cart", form, action=f"/cart/{cart_id}/save")
    page = client.get("/cart").get_data(as_text=True)
    assert "somebody who may override budgets decides" in page
    assert "Winter surge" in page
    db.session.expire_all()
    actor = hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        own = queries.own(actor, cart_id)
        requisition = services.submit(actor, cart_id, seen_version=own.version)
    assert requisition.override_reason == "Winter surge"
    assert balance(hospital).available == -20


def test_an_override_that_is_not_needed_is_forgotten(hospital: Hospital) -> None:
    actor = hospital.actor(Role.CLINIC_MANAGER)
    cart = in_cart(hospital, {hospital.catheter_offer: 51})
    with pytest.raises(Invalid, match="say why it must go beyond"), transaction():
        services.submit(actor, cart.id, seen_version=cart.version)
    cart_id = services.cart(actor, hospital.clinic.id).id
    with transaction():
        own = queries.own(actor, cart_id)
        own.override_reason, own.lines[0].quantity = "Winter surge", Decimal(50)
    with transaction():
        own = queries.own(actor, cart_id)
        assert services.submit(actor, cart_id, seen_version=own.version).override_reason == ""


def test_more_lines_ask_no_more_of_the_database(hospital: Hospital) -> None:
    with transaction():
        offers = [offered(hospital, f"X{number}", f"Item {number}", contract=False) for number in range(6)]
    actor = hospital.actor(Role.CLINIC_MANAGER)

    def statements(count: int) -> int:
        cart = in_cart(hospital, dict.fromkeys(offers[:count], 1))
        found = queries.own(actor, cart.id)
        with recorded() as asked:
            services.facts_of(actor, found)
        return len(asked)

    assert statements(1) == statements(6)
