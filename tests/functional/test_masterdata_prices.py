"""Contract prices: the line effective on the day, its tier, and the reach of a person."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from portal.foundation.access import Actor, Grant, Permission
from portal.foundation.db import db
from portal.foundation.errors import NotFound
from portal.masterdata import queries
from portal.masterdata.models import Contract, ContractLine, CostCenter, Facility, Location
from tests.hospital import Hospital, build
from tests.statements import recorded

DAY = date(2026, 7, 1)
LONG_AGO, FAR_AHEAD = date(2020, 1, 1), date(2099, 12, 31)


def contract(hospital: Hospital, number: str, *, start: date = LONG_AGO, end: date = FAR_AHEAD) -> Contract:
    row = Contract(
        number=number, name=number, supplier_id=hospital.supplier.id, valid_from=start, valid_to=end
    )
    db.session.add(row)
    db.session.flush()
    return row


def line(
    hospital: Hospital,
    of: Contract,
    price: str,
    *,
    at_least: str = "0",
    start: date = LONG_AGO,
    end: date = FAR_AHEAD,
) -> ContractLine:
    row = ContractLine(
        contract_id=of.id, item_id=hospital.gloves.id, uom="CA", minimum_quantity=Decimal(at_least),
        unit_price=Decimal(price), valid_from=start, valid_to=end,
    )  # fmt: skip
    db.session.add(row)
    db.session.flush()
    return row


def price(hospital: Hospital, quantity: str, day: date = DAY) -> Decimal | None:
    found = queries.price_on(day, hospital.gloves.id, hospital.supplier.id, "CA", Decimal(quantity))
    return found.unit_price if found else None


def test_the_highest_tier_that_the_quantity_reaches_gives_the_price(hospital: Hospital) -> None:
    of = contract(hospital, "T-1")
    for at_least, unit_price in (("1", "10"), ("10", "9"), ("50", "8")):
        line(hospital, of, unit_price, at_least=at_least)
    expected = {"0.5": None, "1": 10, "9.999": 10, "10": 9, "49": 9, "50": 8, "100000": 8}
    assert {quantity: price(hospital, quantity) for quantity in expected} == expected


def test_the_lowest_price_wins_between_contracts_of_the_same_tier(hospital: Hospital) -> None:
    line(hospital, contract(hospital, "T-1"), "10")
    line(hospital, contract(hospital, "T-2"), "9.5")
    assert price(hospital, "1") == Decimal("9.5")


def test_both_days_of_a_line_are_included_and_none_beyond(hospital: Hospital) -> None:
    of = contract(hospital, "T-1")
    line(hospital, of, "10", start=date(2026, 1, 1), end=date(2026, 6, 30))
    line(hospital, of, "11", start=date(2026, 7, 1), end=date(2026, 12, 31))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1), date(2026, 12, 31)]
    assert [price(hospital, "1", day) for day in days] == [None, 10, 10, 11, 11]
    assert price(hospital, "1", date(2027, 1, 1)) is None


def test_a_line_counts_only_while_its_contract_is_valid(hospital: Hospital) -> None:
    of = contract(hospital, "T-1", start=DAY, end=DAY)
    line(hospital, of, "10")
    one = timedelta(days=1)
    assert [price(hospital, "1", day) for day in (DAY - one, DAY, DAY + one)] == [None, 10, None]


def test_another_unit_or_supplier_has_no_price(hospital: Hospital) -> None:
    line(hospital, contract(hospital, "T-1"), "10")
    gloves, supplier = hospital.gloves.id, hospital.supplier.id
    assert queries.price_on(DAY, gloves, supplier, "EA", Decimal(1)) is None
    assert queries.price_on(DAY, gloves, supplier + 1_000_000, "CA", Decimal(1)) is None


def test_many_prices_take_one_query_and_bring_their_contract(hospital: Hospital) -> None:
    of = contract(hospital, "T-1")
    for at_least, unit_price in (("1", "10"), ("10", "9")):
        line(hospital, of, unit_price, at_least=at_least)
    gloves, supplier = hospital.gloves.id, hospital.supplier.id
    wanted = [(gloves, supplier, "CA", Decimal(quantity)) for quantity in range(200)]
    db.session.expire_all()
    with recorded() as statements:
        prices = queries.prices_on(DAY, wanted)
        numbers = {found.contract.number for found in prices.values()}
    assert len(statements) == 1
    assert numbers == {"T-1"}
    assert [prices[one].unit_price for one in wanted[1:]] == [10] * 9 + [9] * 190
    assert wanted[0] not in prices
    assert queries.prices_on(DAY, []) == {}


def test_another_organization_gives_no_price(hospital: Hospital) -> None:
    line(hospital, contract(hospital, "T-1"), "10")
    gloves, supplier = hospital.gloves.id, hospital.supplier.id
    build()  # the session is now inside the other organization
    assert queries.price_on(DAY, gloves, supplier, "CA", Decimal(1)) is None
    with pytest.raises(NotFound, match="location"):
        queries.get_location(hospital.clinic.id)


def test_locations_follow_the_grants_of_the_person(hospital: Hospital) -> None:
    second = Facility(code="2020", name="Surgery center")
    other = CostCenter(code="CC200", name="Surgery", valid_from=LONG_AGO, valid_to=FAR_AHEAD)
    db.session.add_all([second, other])
    db.session.flush()
    surgery = Location(code="OR1", name="Operating room", facility_id=second.id, cost_center_id=other.id)
    closed = Location(code="X1", name="Closed ward", facility_id=second.id, active=False)
    db.session.add_all([surgery, closed])
    db.session.flush()

    def reach(facility_id: int | None = None, cost_center_id: int | None = None) -> set[str]:
        grant = Grant(frozenset({Permission.REQUEST}), facility_id, cost_center_id)
        actor = Actor(hospital.organization.id, "Clinic manager", grants=(grant,))
        assert queries.locations_for(actor, Permission.BUY) == []
        return {location.code for location in queries.locations_for(actor, Permission.REQUEST)}

    assert reach() == {"ED01", "ST01", "OR1"}
    assert reach(facility_id=second.id) == {"OR1"}
    assert reach(cost_center_id=hospital.cost_center.id) == {"ED01", "ST01"}
    assert reach(facility_id=second.id, cost_center_id=hospital.cost_center.id) == set()
