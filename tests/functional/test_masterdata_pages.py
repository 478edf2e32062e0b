"""The pages that show master data: what they list and mark, in a constant number of statements."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import pytest

from integrations.canonical import Lifecycle
from portal.exchange.models import Partner
from portal.foundation import clock
from portal.foundation.db import db, transaction
from portal.identity.rules import Role
from portal.masterdata.models import (
    Contract,
    ContractLine,
    CostCenter,
    Crosswalk,
    Item,
    ItemPackaging,
    Location,
    Supplier,
    SyncRun,
)
from portal.masterdata.rules import ImportKind, SyncState, Validity, validity
from portal.masterdata.services import import_rows
from tests.hospital import Hospital, add_partners, build
from tests.statements import recorded
from tests.visitor import Visitor

ROOT = "/master-data"
LISTS = ("items", "suppliers", "contracts", "locations", "cost-centers", "crosswalk", "imports", "erp-sync")
TODAY = clock.today()
DAY = timedelta(days=1)


@pytest.fixture
def administrator(client: Visitor, hospital: Hospital) -> Visitor:
    client.sign_in(hospital.email(Role.ADMINISTRATOR))
    return client


def text(client: Visitor, path: str) -> str:
    answer = client.get(f"{ROOT}/{path}")
    assert answer.status_code == 200, path
    return answer.get_data(as_text=True)


def fill(hospital: Hospital, start: int, count: int) -> None:
    """Adds rows of everything that is listed."""
    with transaction() as session:
        partner = session.query(Partner).filter_by(code="erp").one_or_none()
        if partner is None:
            partner, _ = add_partners(
                hospital, erp_url="http://127.0.0.1:9", network_url="http://127.0.0.1:9"
            )
        for number in range(start, start + count):
            item = Item(code=f"I-{number}", name=f"Item {number}", base_uom="EA", category="Gloves")
            supplier = Supplier(code=f"S-{number}", name=f"Supplier {number}")
            session.add_all([item, supplier])
            session.flush()
            days = {"valid_from": TODAY - DAY, "valid_to": TODAY + 300 * DAY}
            contract = Contract(number=f"K-{number}", name="Gloves", supplier_id=supplier.id, **days)
            center = CostCenter(code=f"CC-{number}", name="Ward", facility_id=hospital.facility.id, **days)
            session.add_all([contract, center])
            session.flush()
            price = {"uom": "EA", "unit_price": Decimal(1), **days}
            place = {"facility_id": hospital.facility.id, "cost_center_id": center.id}
            known = {"partner_id": partner.id}
            session.add_all([
                ItemPackaging(item_id=item.id, uom="EA", factor=Decimal(1)),
                ContractLine(contract_id=hospital.contract.id, item_id=item.id, **price),
                ContractLine(contract_id=contract.id, item_id=hospital.gloves.id, **price),
                Location(code=f"L-{number}", name="Ward", **place),
                Crosswalk(entity="item", entity_id=item.id, external_id=f"X-{number}", **known),
                Crosswalk(entity="supplier", entity_id=supplier.id, external_id=f"Y-{number}", **known),
                SyncRun(kind="item", state=SyncState.APPLIED, **known),
            ])  # fmt: skip


@pytest.mark.parametrize("path", [*LISTS, "items/{item}", "contracts/{contract}"])
def test_the_number_of_statements_does_not_grow_with_the_rows(
    administrator: Visitor, hospital: Hospital, path: str
) -> None:
    path = path.format(item=hospital.gloves.id, contract=hospital.contract.id)
    fill(hospital, 0, 2)
    text(administrator, path)
    with recorded() as few:
        text(administrator, path)
    fill(hospital, 2, 20)
    with recorded() as many:
        text(administrator, path)
    assert len(many) == len(few)


def test_empty_lists_teach_the_next_step(administrator: Visitor) -> None:
    assert "Nothing imported yet" in text(administrator, "imports")
    assert "No ERP is connected" in text(administrator, "erp-sync")
    assert "They are learned" in text(administrator, "crosswalk")
    assert "No item found" in text(administrator, "items?q=nothing+like+this")


def test_items_are_found_by_words_lifecycle_and_category(administrator: Visitor, hospital: Hospital) -> None:
    with transaction() as session:
        session.get_one(Item, hospital.catheter.id).lifecycle = Lifecycle.BLOCKED
    assert "Urinary catheter" not in text(administrator, "items?q=glove")
    assert "Exam glove" in text(administrator, "items?q=NITRILE+glove-m")
    assert "Exam glove" not in text(administrator, "items?lifecycle=blocked")
    assert "Urinary catheter" in text(administrator, "items?lifecycle=blocked")
    assert "Exam glove" in text(administrator, "items?category=Med-surg")
    assert "No item found" in text(administrator, "items?category=Other")
    assert "Exam glove" in text(administrator, "items?lifecycle=nonsense&page=-3")
    assert "No item found" in text(administrator, "items?q=%25")


def test_the_exported_items_can_be_imported_again_and_run_as_no_formula(
    administrator: Visitor, hospital: Hospital
) -> None:
    with transaction() as session:
        session.get_one(Item, hospital.gloves.id).name = "=HYPERLINK(1)"
        session.get_one(Item, hospital.catheter.id).name = "+5 Catheter"
    content = text(administrator, "items.csv").lstrip("\ufeff")
    rows = {row["code"]: row for row in csv.DictReader(io.StringIO(content))}
    assert rows["GLOVE-M"]["name"] == "'=HYPERLINK(1)"
    assert rows["CATH-14"]["name"] == "'+5 Catheter"
    assert rows["CATH-14"]["lot_tracked"] == "yes"
    assert rows["CATH-14"]["gl_account"] == hospital.gl_account.code
    actor = hospital.actor(Role.ADMINISTRATOR)
    kept = [{**row, "name": row["name"].lstrip("'")} for row in rows.values() if row["code"] == "CATH-14"]
    assert import_rows(actor, ImportKind.ITEMS, kept).unchanged == 1
    assert (
        list(csv.reader(io.StringIO(text(administrator, "items.csv?q=nothing").lstrip("\ufeff"))))[1:] == []
    )


def test_an_item_shows_its_packs_and_which_price_counts_today(
    administrator: Visitor, hospital: Hospital
) -> None:
    with transaction() as session:
        line = session.query(ContractLine).filter_by(item_id=hospital.gloves.id).one()
        line.valid_to = TODAY - DAY
        spans = (("8.25", 0, 90), ("9.10", 91, 99))
        for price, start, end in spans:
            session.add(
                ContractLine(
                    contract_id=line.contract_id, item_id=line.item_id, uom="BX", unit_price=Decimal(price),
                    valid_from=TODAY + start * DAY, valid_to=TODAY + end * DAY,
                )
            )  # fmt: skip
    shown = text(administrator, f"items/{hospital.gloves.id}")
    texts = ("$7.25", "$8.25", "$9.10", "Expired", "Effective", "Not yet valid", "Harborline Medical")
    for words in texts:
        assert words in shown
    effective = next(row for row in shown.split("<tr") if "Effective" in row)
    assert "$8.25" in effective
    assert "row-success" in effective


def test_contracts_are_filtered_by_their_validity(administrator: Visitor, hospital: Hospital) -> None:
    spans = {
        "FUTURE": (TODAY + DAY, TODAY + 99 * DAY),
        "GONE": (TODAY - 99 * DAY, TODAY - DAY),
        "SOON": (TODAY - 99 * DAY, TODAY + 30 * DAY),
        "NOW": (TODAY - 99 * DAY, TODAY + 99 * DAY),
    }
    with transaction() as session:
        for number, (start, end) in spans.items():
            session.add(
                Contract(number=f"K-{number}", name=number, supplier_id=hospital.supplier.id,
                         valid_from=start, valid_to=end)
            )  # fmt: skip
    found = {
        one: {name for name in spans if f"K-{name}" in text(administrator, f"contracts?validity={one}")}
        for one in Validity
    }
    assert found == {
        Validity.FUTURE: {"FUTURE"}, Validity.EXPIRED: {"GONE"}, Validity.EXPIRING: {"SOON"},
        Validity.EFFECTIVE: {"NOW"},
    }  # fmt: skip
    for name, (start, end) in spans.items():
        assert name in found[validity(start, end, TODAY)], "list and mark agree"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 0, Validity.EXPIRING),
        (1, 2, Validity.FUTURE),
        (-2, -1, Validity.EXPIRED),
        (-2, 60, Validity.EXPIRING),
        (-2, 61, Validity.EFFECTIVE),
    ],
)
def test_where_today_stands_in_a_span(start: int, end: int, expected: Validity) -> None:
    today = date(2026, 7, 1)
    assert validity(today + start * DAY, today + end * DAY, today) is expected


def test_the_crosswalk_names_our_records(administrator: Visitor, hospital: Hospital) -> None:
    fill(hospital, 0, 1)
    shown = text(administrator, "crosswalk?entity=supplier")
    assert "Y-0" in shown
    assert "Supplier 0" in shown
    assert "X-0" not in shown
    assert "X-0" in text(administrator, "crosswalk?q=x-0")


def test_a_stopped_read_is_shown_and_decided_on_its_page(administrator: Visitor, hospital: Hospital) -> None:
    with transaction() as session:
        partner, _ = add_partners(hospital, erp_url="http://127.0.0.1:9", network_url="http://127.0.0.1:9")
        run = SyncRun(
            partner_id=partner.id, kind="item", state=SyncState.STOPPED, changed=40, share=Decimal("95.24"),
            detail="It would change 40 of 42 items, more than may change at once.", records=b"",
            plan=[{"action": "changed", "code": "D-1", "name": "Dressing",
                   "changes": {"lifecycle": ["active", "discontinued"]}},
                  {"action": "refused", "code": "D-2", "name": "", "column": "base_uom", "sentence": "No."}],
        )  # fmt: skip
        session.add(run)
    page = f"erp-sync/{run.id}"
    assert "To be decided" in text(administrator, "erp-sync")
    shown = text(administrator, page)
    for words in ("40 of 42 items", "95.24 %", "discontinued", "base uom", "Apply these changes"):
        assert words in shown
    first = administrator.get(f"{ROOT}/{page}")
    for _ in range(2):
        assert administrator.send(first, action=f"{ROOT}/{page}/discard").status_code == 303
    assert "Discarded" in text(administrator, page)
    assert administrator.send(first, action=f"{ROOT}/{page}/apply").status_code == 409


def test_read_now_asks_a_job(administrator: Visitor, hospital: Hospital) -> None:
    with transaction():
        add_partners(hospital, erp_url="http://127.0.0.1:9", network_url="http://127.0.0.1:9")
    answer = administrator.submit(f"{ROOT}/erp-sync", action=f"{ROOT}/erp-sync")
    assert answer.status_code == 303
    assert "is being read" in text(administrator, "erp-sync")


def test_another_organization_s_records_are_not_found(administrator: Visitor, hospital: Hospital) -> None:
    with transaction():
        other = build()
    own = (f"items/{other.gloves.id}", f"contracts/{other.contract.id}")
    for path in (*own, "erp-sync/1", f"items/{10**25}"):
        assert administrator.get(f"{ROOT}/{path}").status_code == 404
    assert other.supplier.code == hospital.supplier.code
    with transaction() as session:
        session.get_one(Supplier, other.supplier.id).name = "Somebody else's supplier"
    assert "Somebody else" not in text(administrator, "suppliers")


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMINISTRATOR}))
def test_only_who_manages_master_data_sees_it(client: Visitor, hospital: Hospital, role: Role) -> None:
    client.sign_in(hospital.email(role))
    for path in (*LISTS, "items.csv", f"items/{hospital.gloves.id}"):
        assert client.get(f"{ROOT}/{path}").status_code == 403
    assert db.session.get_one(Item, hospital.gloves.id).code == "GLOVE-M"
