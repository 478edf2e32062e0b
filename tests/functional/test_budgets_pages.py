"""Budgets: the list, and the formula explained by its documents."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from portal.budgets.models import Budget
from portal.budgets.queries import budgets_on
from portal.budgets.services import lock
from portal.foundation import clock
from portal.foundation.db import db, enter_organization, transaction
from portal.identity.rules import Role
from portal.invoices import services as invoices
from portal.invoices.services import Charged
from portal.masterdata.models import CostCenter, Facility
from tests import hospital as hospitals
from tests import ordering
from tests.hospital import Hospital
from tests.requesting import approved, colleague, submitted
from tests.statements import recorded
from tests.visitor import Visitor


@pytest.fixture
def spent(hospital: Hospital) -> Hospital:
    """$60 requested, $80 ordered of which $40 invoiced."""
    ordering.connect(hospital)
    first = approved(hospital, {hospital.catheter_offer: 4})
    order = ordering.placed_lines(hospital, [line.id for line in first.lines])
    with transaction():
        invoices.record(
            hospital.actor(Role.AP_ANALYST), order.id, number="INV-7", invoiced_on=clock.today(),
            charged=[Charged(order.lines[0].id, Decimal(2), Decimal(20))],
        )  # fmt: skip
    submitted(hospital, {hospital.catheter_offer: 3})
    return hospital


def text_of(client: Visitor, page: str) -> str:
    """The page in one line."""
    answer = client.get(page)
    assert answer.status_code == 200, page
    return " ".join(answer.get_data(as_text=True).split())


def test_the_formula_stands_as_a_sum_and_each_term_opens_its_documents(
    spent: Hospital, client: Visitor
) -> None:
    client.sign_in(spent.email(Role.CLINIC_MANAGER))
    page = f"/budgets/{spent.budget.id}"
    text = text_of(client, page)
    amounts = re.findall(r'data-label="Amount">(\S?) ?<span class="money">(\$[\d,.]+)', text)
    assert amounts[:5] == [
        ("", "$1,000.00"), ("−", "$60.00"), ("−", "$40.00"), ("−", "$40.00"), ("=", "$860.00"),
    ]  # fmt: skip
    for term, kind, amount, becomes in (
        ("requested", "Requisition RQ", "$60.00", "Waits for approval"),
        ("ordered", "Order PO", "$40.00", "Waits for delivery"),
        ("invoiced", "Invoice INV-7", "$40.00", "Spent"),
    ):
        documents = text_of(client, f"{page}?term={term}").partition('id="documents"')[2]
        assert kind in documents
        assert amount in documents
        assert documents.count("<tr") == 2, "one document holds this term"
        assert becomes in documents
    for odd in ("?term=x", "?page=-1", "?page=x", "?term=invoiced&page=2"):
        assert client.get(page + odd).status_code == 200, odd


def test_only_documents_a_person_may_open_are_links(spent: Hospital, client: Visitor) -> None:
    page = f"/budgets/{spent.budget.id}"
    client.sign_in(spent.email(Role.CLINIC_MANAGER))
    text = text_of(client, page)
    assert 'href="/orders/' in text
    assert 'href="/invoices/' not in text
    for target in set(re.findall(r'href="(/(?:orders|requisitions)/\d+)"', text)):
        assert client.get(target).status_code == 200
    client.sign_in(spent.email(Role.CLINICIAN))
    assert 'href="/orders/' not in text_of(client, page)


def test_budgets_are_open_to_those_who_request_or_approve_there(spent: Hospital, client: Visitor) -> None:
    with transaction() as session:
        other_place = Facility(code="2020", name="Other hospital")
        session.add(other_place)
        session.flush()
        elsewhere = colleague(Role.APPROVER, facility_id=other_place.id)
        other = hospitals.build()
    enter_organization(spent.organization.id)
    page = f"/budgets/{spent.budget.id}"
    for email, status in (
        (spent.email(Role.CLINIC_MANAGER), 200),
        (spent.email(Role.APPROVER), 200),
        (spent.email(Role.FINANCE_DIRECTOR), 200),
        (spent.email(Role.RECEIVER), 403),
        (elsewhere.email, 404),
        (other.email(Role.APPROVER), 404),
    ):
        client.sign_in(email)
        assert client.get(page).status_code == status, email
        listed = client.get("/budgets")
        assert listed.status_code == (403 if status == 403 else 200)
        assert (f'href="{page}"' in listed.get_data(as_text=True)) == (status == 200), email


def test_the_list_shows_todays_budgets_and_asks_little(hospital: Hospital, client: Visitor) -> None:
    client.sign_in(hospital.email(Role.APPROVER))
    client.get("/budgets")
    with recorded() as few:
        client.get("/budgets")
    year = timedelta(days=400)
    with transaction() as session:
        for number in range(5):
            center = CostCenter(
                code=f"CC20{number}", name=f"Ward {number}", valid_from=clock.today() - year,
                valid_to=clock.today() + year,
            )  # fmt: skip
            session.add(center)
            session.flush()
            period = (clock.today() - year, clock.today() - timedelta(days=30))
            if number:
                period = (clock.today() - timedelta(days=1), clock.today())
            session.add(
                Budget(
                    cost_center_id=center.id, period_start=period[0], period_end=period[1], amount=Decimal(5)
                )
            )
    with recorded() as many:
        text = text_of(client, "/budgets")
    assert len(many) == len(few)
    assert "Ward 1" in text
    assert "Ward 0" not in text
    assert "Ward 0" in text_of(client, "/budgets?period=all")
    assert "Ward 3" not in text_of(client, "/budgets?q=ward+2")
    assert "Ward 3" in text_of(client, "/budgets?q=CC203")
    assert "No budget matches" in text_of(client, "/budgets?q=zzz")
    for odd in ("%", "'", "\\", "\0"):
        assert client.get("/budgets", query_string={"q": odd, "period": odd}).status_code == 200


def test_the_file_holds_the_formula(spent: Hospital, client: Visitor) -> None:
    client.sign_in(spent.email(Role.APPROVER))
    answer = client.get("/budgets.csv")
    assert answer.mimetype == "text/csv"
    assert answer.data.decode("utf-8-sig").splitlines()[1].endswith(",USD,1000,60,40,40,860")
    for sort in ("code", "-code", "amount", "-amount", "x"):
        assert client.get(f"/budgets?sort={sort}").status_code == 200
    client.sign_in(spent.email(Role.RECEIVER))
    assert client.get("/budgets.csv").status_code == 403


def test_where_periods_overlap_the_one_that_began_last_counts(hospital: Hospital) -> None:
    with transaction() as session:
        session.add(
            Budget(
                cost_center_id=hospital.cost_center.id, amount=Decimal(7),
                period_start=hospital.budget.period_start - timedelta(days=40),
                period_end=hospital.budget.period_end,
            )
        )  # fmt: skip
    found = budgets_on(clock.today(), [hospital.cost_center.id])
    assert found[hospital.cost_center.id].id == hospital.budget.id


def test_a_lock_reads_the_budget_anew(hospital: Hospital) -> None:
    known = db.session.get_one(Budget, hospital.budget.id)
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT set_config('app.organization_id', %(id)s, true)", {"id": str(hospital.organization.id)}
        )
        connection.exec_driver_sql("UPDATE budget SET amount = 5 WHERE id = %(id)s", {"id": known.id})
    with transaction():
        lock([known.id])
        assert known.amount == 5


def test_the_finance_director_sets_and_changes_budgets(hospital: Hospital, client: Visitor) -> None:
    client.sign_in(hospital.email(Role.FINANCE_DIRECTOR))
    year = hospital.budget.period_end.year + 1
    typed = {
        "cost_center": str(hospital.cost_center.id), "category": "",
        "amount": "$12,000.50", "control": "warn", "period_start": f"{year}-01-01",
        "period_end": f"{year}-12-31", "reason": "Plan of the year",
    }  # fmt: skip
    answer = client.submit("/budgets/new", typed)
    assert answer.status_code == 303
    page = answer.headers["Location"]
    assert "$12,000.50" in text_of(client, page)
    again = client.submit("/budgets/new", typed)
    assert again.status_code == 422
    assert f"There is a budget from Jan 1, {year}" in again.text
    for wrong in ({"amount": "-1"}, {"amount": "1.005"}, {"period_end": "2020-01-01"}, {"cost_center": "0"}):
        refused = client.submit("/budgets/new", {**typed, **wrong})
        assert refused.status_code == 422, wrong
    change = {"amount": "9000", "period_end": f"{year}-12-31", "control": "block", "reason": "Cut"}
    stale = client.submit(f"{page}/change", {**change, "seen": "1.00"})
    assert stale.status_code == 409
    assert "Somebody changed this budget meanwhile" in stale.text
    assert client.submit(f"{page}/change", change).status_code == 303
    assert "$12,000.50 to $9,000.00" in text_of(client, page)
    stranger = Visitor(client.application, client.response_wrapper)
    stranger.sign_in(hospital.email(Role.CLINIC_MANAGER))
    assert stranger.get(f"{page}/change").status_code == 403
    assert stranger.get("/budgets/new").status_code == 403
