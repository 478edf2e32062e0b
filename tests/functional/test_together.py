"""Reads in one statement say what they say alone, rows are written whole, a submit asks little."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from portal.approvals.queries import policy
from portal.budgets.models import BudgetEntry
from portal.budgets.queries import balancing
from portal.budgets.rules import Term
from portal.catalog.models import Offer
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.foundation.together import New, Read, inserting, read_together, write_together
from portal.identity.rules import Role
from portal.masterdata.ages import brought_in
from portal.masterdata.models import ClosedDay, Contract, ImportRun, Item, Supplier
from portal.masterdata.queries import pricing
from portal.masterdata.receiving_days import closings
from portal.masterdata.rules import ImportKind, ImportState
from portal.orders import followed
from portal.requisitions import around, charging
from portal.requisitions import services as requisitions
from portal.requisitions.rulebook.models import RuleVersion
from portal.requisitions.rulebook.queries import rulebook
from portal.requisitions.rulebook.rules import Severity
from tests.hospital import Hospital
from tests.requesting import in_cart, submitted
from tests.statements import recorded

MOST_STATEMENTS = 10  # of a submit, however many lines


def reads(hospital: Hospital) -> Iterable[Read[object]]:
    """One of each that checks and approvals ask."""
    today = clock.today()
    place, items = [hospital.clinic.id], [hospital.catheter.id, hospital.gloves.id]
    offers = (hospital.catheter_offer, hospital.gloves_offer)
    yield pricing(today, [(one.item_id, one.supplier_id, one.uom, Decimal(3)) for one in offers])
    yield closings(place)
    yield brought_in(frozenset({"items", "contract_lines"}))
    yield rulebook(today, hospital.facility.id)
    yield balancing([hospital.budget])
    yield around.asked_already(place, items)
    yield around.packed(items)
    yield from followed.coming(place, items)
    yield policy()
    yield charging.accounts_in_words([hospital.gl_account.id])


def test_reads_say_together_what_they_say_alone(hospital: Hospital) -> None:
    submitted(hospital, {hospital.catheter_offer: 2})
    today = clock.today()
    run = {"kind": ImportKind.ITEMS, "state": ImportState.APPLIED, "file_name": "items.csv", "file": b""}
    with transaction() as session:
        session.add(ClosedDay(facility_id=hospital.facility.id, day=today + timedelta(days=3), reason="Move"))
        session.add(
            RuleVersion(
                rule="price", number=2, severity=Severity.BLOCK, threshold=Decimal("12.50"), starts_on=today
            )
        )
        session.add(ImportRun(**run, finished_at=clock.now()))
    asked = list(reads(hospital))
    with recorded() as statements:
        known = read_together(*asked)
    assert len(statements) == 1
    for read in asked:
        assert known[read] == read.now()
    assert sum(bool(known[read]) for read in asked) == len(asked) - 1, "nothing is ordered, all else is found"


def test_a_parameter_has_one_value(hospital: Hospital) -> None:
    with pytest.raises(ValueError, match="closing_places"):
        read_together(closings([1]), closings([2]))


def test_rows_written_together_are_as_those_written_one_by_one(hospital: Hospital) -> None:
    holding = {
        "budget_id": hospital.budget.id, "term": Term.REQUESTED, "requisition_line_id": 1,
        "document_type": "requisition", "document_id": 1, "document": "O'Neil \\ \"1\"",
    }  # fmt: skip
    amounts = [Decimal("12.34"), Decimal("-0.01"), Decimal(99_999)]
    with transaction() as session:
        session.add(BudgetEntry(**holding, amount=Decimal(1), whole=None))
        [ids] = write_together(
            inserting(BudgetEntry, [{**holding, "amount": one, "whole": None} for one in amounts])
        )
    first, *rows = db.session.scalars(select(BudgetEntry).order_by(BudgetEntry.id != ids[0], BudgetEntry.id))
    found = {row.id: row for row in (first, *rows)}
    assert [found[one].amount for one in ids] == amounts
    (other,) = (row for row in found.values() if row.id not in ids)
    for name in ("budget_id", "term", "whole", "document", "is_left", "organization_id"):
        assert {getattr(row, name) for row in found.values()} == {getattr(other, name)}
    assert all(row.at is not None for row in found.values())
    assert write_together(inserting(BudgetEntry, [])) == [[]]


def offers(hospital: Hospital, many: int) -> dict[Offer, int]:
    """Two packs of each of as many new items."""
    found = {}
    for number in range(many):
        item = Item(
            code=f"NEW-{number}", name=f"New item {number}", base_uom="EA", category="Med-surg",
            gl_account_id=hospital.gl_account.id,
        )  # fmt: skip
        offer = Offer(
            item=item,
            supplier=hospital.supplier,
            supplier_part=f"N{number}",
            uom="BX",
            factor=10,
            list_price=2,
        )
        db.session.add(offer)
        found[offer] = 2
    return found


def test_a_submit_of_many_lines_asks_as_little_as_one_of_few(hospital: Hospital) -> None:
    manager = hospital.actor(Role.CLINIC_MANAGER)
    with transaction():
        wanted = offers(hospital, 8)
    asked = []
    for some in (dict(list(wanted.items())[:2]), wanted):
        cart = in_cart(hospital, some)
        cart_id, version = cart.id, cart.version
        db.session.expunge_all()
        with recorded() as statements, transaction():
            requisitions.submit(manager, cart_id, seen_version=version)
        asked.append(statements)
    few, many = map(len, asked)
    assert few == many
    # Without a contract three more look for what may stand in.
    assert many <= MOST_STATEMENTS + 3, "\n".join(asked[1])


def test_a_row_knows_the_id_of_another_one_of_the_same_statement(hospital: Hospital) -> None:
    suppliers = inserting(Supplier, [{"code": f"T-{name}", "name": name} for name in ("one", "two")])
    agreed = {"valid_from": date(2026, 1, 1), "valid_to": date(2026, 12, 31)}
    contracts = [
        {"number": f"T-{row}", "name": "", "supplier_id": New(suppliers, row), **agreed} for row in (1, 0)
    ]
    with transaction():
        ids, _ = write_together(suppliers, inserting(Contract, contracts))
    with transaction() as session:
        known = session.execute(
            select(Contract.number, Supplier.name)
            .join(Supplier, Supplier.id == Contract.supplier_id)
            .where(Supplier.id.in_(ids))
        )
        assert {(number, name) for number, name in known} == {("T-1", "two"), ("T-0", "one")}


def test_a_row_takes_the_place_of_the_one_with_its_key(hospital: Hospital) -> None:
    key = ("organization_id", "code")
    for names in (["Old"], ["New", "Other"]):
        rows = [{"code": f"K-{at}", "name": name} for at, name in enumerate(names)]
        with transaction():
            write_together(inserting(Supplier, rows, key=key))
    with transaction() as session:
        there = session.scalars(
            select(Supplier.name).where(Supplier.code.like("K-_")).order_by(Supplier.code)
        )
        assert there.all() == ["New", "Other"]
