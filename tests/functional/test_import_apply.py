"""Imports against a real database: what the database knows, all or nothing, and nothing twice."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from integrations.canonical import Lifecycle
from portal.foundation.access import Actor, system
from portal.foundation.audit import AuditEvent
from portal.foundation.db import db, enter_organization
from portal.foundation.errors import NotAllowed
from portal.identity.rules import Role
from portal.masterdata import services
from portal.masterdata.files import Unusable
from portal.masterdata.models import (
    Contract,
    ContractLine,
    CostCenter,
    ImportRun,
    Item,
    ItemPackaging,
    Location,
    Supplier,
)
from portal.masterdata.rules import ImportKind, ImportState
from portal.masterdata.schemas import SCHEMAS
from portal.masterdata.services import Refused, import_rows
from portal.masterdata.staging import Counts
from tests.hospital import Hospital, build
from tests.statements import recorded

GTIN, OTHER_GTIN = "09521101010107", "09521101010206"
Row = Mapping[str, str]


@pytest.fixture
def actor(hospital: Hospital) -> Actor:
    return hospital.actor(Role.ADMINISTRATOR)


def faults(actor: Actor, kind: ImportKind, *rows: Row) -> list[tuple[int, str, str]]:
    with pytest.raises(Refused) as refused:
        import_rows(actor, kind, rows)
    return [(fault.row, fault.column, fault.sentence) for fault in refused.value.faults]


def item(code: str, **changes: str) -> Row:
    usual = {"code": code, "name": f"Item {code}", "base_uom": "EA", "base_gtin": "", "gl_account": ""}
    return {**usual, **changes}


def price(item: str, unit_price: str, start: str, end: str, **changes: str) -> Row:
    return {
        "contract": "C-1001", "item": item, "uom": "BX", "minimum_quantity": "1", "unit_price": unit_price,
        "valid_from": start, "valid_to": end, **changes,
    }  # fmt: skip


def test_new_changed_and_unchanged_rows_are_told_apart(hospital: Hospital, actor: Actor) -> None:
    known = {"code": hospital.supplier.code, "name": hospital.supplier.name}
    rows = [known, {"code": "S2", "name": "Second"}]
    assert import_rows(actor, ImportKind.SUPPLIERS, rows) == Counts(added=1, unchanged=1)
    rows = [{**known, "name": "Harborline Group"}, rows[1]]
    assert import_rows(actor, ImportKind.SUPPLIERS, rows) == Counts(changed=1, unchanged=1)
    db.session.refresh(hospital.supplier)
    assert hospital.supplier.name == "Harborline Group"


def test_a_column_the_file_lacks_is_kept_and_an_empty_cell_clears(hospital: Hospital, actor: Actor) -> None:
    row = {"code": "S2", "name": "Second", "email": "a@b.example", "minimum_order": "50", "blocked": "yes"}
    import_rows(actor, ImportKind.SUPPLIERS, [row])
    import_rows(actor, ImportKind.SUPPLIERS, [{"code": "S2", "name": "Second", "email": ""}])
    supplier = db.session.scalars(select(Supplier).where(Supplier.code == "S2")).one()
    assert (supplier.email, supplier.minimum_order, supplier.blocked) == ("", Decimal(50), True)


def test_references_are_found_cleared_and_kept(hospital: Hospital, actor: Actor) -> None:
    row = {"code": "OR1", "name": "Operating room", "facility": "1010", "kind": "operating_room"}
    import_rows(actor, ImportKind.LOCATIONS, [{**row, "cost_center": "CC100"}])
    room = db.session.scalars(select(Location).where(Location.code == "OR1")).one()
    assert room.cost_center_id == hospital.cost_center.id
    import_rows(actor, ImportKind.LOCATIONS, [{**row, "name": "Operating room 1"}])
    db.session.refresh(room)
    assert (room.name, room.cost_center_id) == ("Operating room 1", hospital.cost_center.id)
    import_rows(actor, ImportKind.LOCATIONS, [{**row, "cost_center": ""}])
    db.session.refresh(room)
    assert room.cost_center_id is None


def test_an_unknown_reference_is_told_by_row_and_column(actor: Actor) -> None:
    rows = [
        {"code": "A", "name": "A", "facility": "1010", "cost_center": "CC999"},
        {"code": "B", "name": "B", "facility": "9999", "cost_center": ""},
    ]
    assert faults(actor, ImportKind.LOCATIONS, *rows) == [
        (2, "cost_center", 'There is no cost center "CC999". Import it first, or correct the code.'),
        (3, "facility", 'There is no facility "9999". Import it first, or correct the code.'),
    ]


def test_a_key_that_stands_twice_is_told_with_its_first_row(actor: Actor) -> None:
    (fault,) = faults(actor, ImportKind.ITEMS, item("A"), item("B"), item("A"))
    assert fault == (4, "code", "Row 2 has the same code already. Remove one of the two.")


def test_one_error_keeps_every_row_out(actor: Actor) -> None:
    faults(actor, ImportKind.ITEMS, item("A"), item("B", base_gtin="12"))
    assert db.session.scalar(select(func.count()).select_from(Item).where(Item.code == "A")) == 0
    assert db.session.scalar(select(func.count()).select_from(ImportRun)) == 0


def test_faults_of_cells_and_of_the_database_come_together_in_order(actor: Actor) -> None:
    rows = [item("A", gl_account="nope"), item("B", base_gtin="123"), item("A")]
    assert [(row, column) for row, column, _ in faults(actor, ImportKind.ITEMS, *rows)] == [
        (2, "gl_account"), (3, "base_gtin"), (4, "code"),
    ]  # fmt: skip


def test_an_item_gets_its_base_packaging_and_a_change_of_it(actor: Actor) -> None:
    import_rows(actor, ImportKind.ITEMS, [item("A", base_gtin=GTIN[1:], lifecycle="blocked")])
    row = db.session.scalars(select(Item).where(Item.code == "A")).one()
    assert row.lifecycle is Lifecycle.BLOCKED
    base = db.session.scalars(select(ItemPackaging).where(ItemPackaging.item_id == row.id)).one()
    assert (base.uom, base.factor, base.gtin) == ("EA", Decimal(1), GTIN)
    counts = import_rows(actor, ImportKind.ITEMS, [item("A", base_gtin=OTHER_GTIN)])
    assert counts == Counts(changed=1)
    db.session.refresh(base)
    assert base.gtin == OTHER_GTIN


def test_the_base_unit_of_an_item_cannot_change(hospital: Hospital, actor: Actor) -> None:
    (fault,) = faults(actor, ImportKind.ITEMS, item(hospital.gloves.code, base_uom="BX"))
    assert fault[:2] == (2, "base_uom")
    assert "is counted in EA" in fault[2]


def test_a_gtin_names_one_pack_only(hospital: Hospital, actor: Actor) -> None:
    rows = [item("A", base_gtin=GTIN), item("B", base_gtin=GTIN)]
    assert faults(actor, ImportKind.ITEMS, *rows)[0][:2] == (3, "base_gtin")
    import_rows(actor, ImportKind.ITEMS, rows[:1])
    assert import_rows(actor, ImportKind.ITEMS, rows[:1]) == Counts(unchanged=1)
    (fault,) = faults(actor, ImportKind.ITEMS, rows[1])
    assert fault == (2, "base_gtin", f"GTIN {GTIN} means item A (EA) already.")
    pack = {"item": "A", "uom": "BX", "factor": "10", "gtin": GTIN}
    assert faults(actor, ImportKind.ITEM_PACKAGING, pack)[0][:2] == (2, "gtin")


def test_the_base_unit_has_factor_one(hospital: Hospital, actor: Actor) -> None:
    row = {"item": hospital.gloves.code, "uom": "EA", "factor": "2"}
    (fault,) = faults(actor, ImportKind.ITEM_PACKAGING, row)
    assert fault == (2, "factor", "EA is the base unit of this item; its factor is 1.")


def test_prices_may_follow_each_other_but_not_overlap(hospital: Hospital, actor: Actor) -> None:
    code = hospital.gloves.code
    first = price(code, "7", "2026-01-01", "2026-06-30")
    second = price(code, "8", "2026-07-01", "2026-12-31")
    hospital.contract.valid_from, hospital.contract.valid_to = date(2026, 1, 1), date(2026, 12, 31)
    assert import_rows(actor, ImportKind.CONTRACT_LINES, [first, second]).added == 2
    overlapping = price(code, "9", "2026-06-30", "2026-06-30")
    (fault,) = faults(actor, ImportKind.CONTRACT_LINES, overlapping)
    assert fault[:2] == (2, "valid_from")
    assert "From 2026-01-01 to 2026-06-30" in fault[2]
    inside = price(code, "6", "2026-03-01", "2026-03-31")
    assert [fault[0] for fault in faults(actor, ImportKind.CONTRACT_LINES, inside, inside)] == [2, 3, 3]
    shortened = {**first, "valid_to": "2026-06-29"}
    assert import_rows(actor, ImportKind.CONTRACT_LINES, [shortened, overlapping]) == Counts(
        added=1, changed=1
    )
    another_tier = {**overlapping, "minimum_quantity": "10", "valid_from": "2026-01-01"}
    assert import_rows(actor, ImportKind.CONTRACT_LINES, [another_tier]).added == 1


def test_two_prices_of_one_file_may_not_overlap_in_any_order(hospital: Hospital, actor: Actor) -> None:
    hospital.contract.valid_from, hospital.contract.valid_to = date(2026, 1, 1), date(2026, 12, 31)
    code = hospital.gloves.code
    early = price(code, "7", "2026-01-01", "2026-12-31")
    late = price(code, "8", "2026-07-01", "2026-07-31")
    for pair in ((early, late), (late, early)):
        (fault,) = faults(actor, ImportKind.CONTRACT_LINES, *pair)
        assert fault[:2] == (3, "valid_from")


def test_a_price_needs_a_unit_of_the_item_and_days_of_the_contract(hospital: Hospital, actor: Actor) -> None:
    hospital.contract.valid_from, hospital.contract.valid_to = date(2026, 1, 1), date(2026, 12, 31)
    code = hospital.gloves.code
    unit = price(code, "7", "2026-01-01", "2026-06-30", uom="PL")
    later = price(code, "7", "2027-01-01", "2027-06-30")
    assert [(row, column) for row, column, _ in faults(actor, ImportKind.CONTRACT_LINES, unit, later)] == [
        (2, "uom"), (3, "valid_from"),
    ]  # fmt: skip


def test_the_number_of_statements_does_not_grow_with_the_rows(hospital: Hospital, actor: Actor) -> None:
    def statements(count: int) -> int:
        with recorded() as seen:
            import_rows(actor, ImportKind.ITEMS, [item(f"{count}-{number}") for number in range(count)])
        return len(seen)

    statements(1)
    assert statements(3) == statements(3_000)


def test_progress_reaches_the_number_of_rows(actor: Actor) -> None:
    told: list[int] = []
    rows = (item(str(number)) for number in range(12_000))
    import_rows(actor, ImportKind.ITEMS, rows, progress=told.append)
    assert told == [5_000, 10_000, 12_000]


def test_a_file_is_imported_from_its_path_and_leaves_a_trace(actor: Actor, tmp_path: Path) -> None:
    path = tmp_path / "gl accounts.csv"
    path.write_text("code;name\n6510;Supplies\n", encoding="utf-8")
    assert import_rows(actor, ImportKind.GL_ACCOUNTS, path) == Counts(added=1)
    run = db.session.scalars(select(ImportRun)).one()
    assert (run.state, run.file_name, run.rows, run.added) == (ImportState.APPLIED, path.name, 1, 1)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "import.apply")).one()
    assert (event.subject_id, event.account_id) == (run.id, actor.account_id)
    path.write_text("code;name\n", encoding="utf-8")
    with pytest.raises(Unusable, match="no rows below the header"):
        import_rows(actor, ImportKind.GL_ACCOUNTS, path)


def test_only_who_manages_master_data_may_import(hospital: Hospital) -> None:
    for role in set(Role) - {Role.ADMINISTRATOR}:
        with pytest.raises(NotAllowed):
            import_rows(hospital.actor(role), ImportKind.GL_ACCOUNTS, [{"code": "1", "name": "x"}])


def test_codes_of_another_organization_are_not_found_nor_touched(hospital: Hospital, actor: Actor) -> None:
    import_rows(actor, ImportKind.SUPPLIERS, [{"code": "ONLY-HERE", "name": "Here"}])
    other = build()
    there = system(other.organization.id, "test")
    row = {
        "number": "C1",
        "supplier": "ONLY-HERE",
        "name": "x",
        "valid_from": "2026-01-01",
        "valid_to": "2026-01-01",
    }
    assert faults(there, ImportKind.CONTRACTS, row)[0][:2] == (2, "supplier")
    counts = import_rows(there, ImportKind.SUPPLIERS, [{"code": "ONLY-HERE", "name": "There"}])
    assert counts == Counts(added=1)
    enter_organization(hospital.organization.id)
    assert db.session.scalar(select(Supplier.name).where(Supplier.code == "ONLY-HERE")) == "Here"


def test_every_kind_imports_twice_without_a_second_effect(hospital: Hospital, actor: Actor) -> None:
    days = ("2026-01-01", "2026-12-31")
    span = dict(zip(("valid_from", "valid_to"), days, strict=True))
    files: dict[ImportKind, Row] = {
        ImportKind.FACILITIES: {"code": "F", "name": "F", "country": "us", "gln": "0614141010103"},
        ImportKind.COST_CENTERS: {"code": "CC", "name": "CC", "facility": "F", **span},
        ImportKind.GL_ACCOUNTS: {"code": "GL", "name": "GL"},
        ImportKind.LOCATIONS: {"code": "L", "name": "L", "facility": "F", "cost_center": "CC"},
        ImportKind.SUPPLIERS: {"code": "S", "name": "S", "minimum_order": "1.5"},
        ImportKind.CATEGORIES: {"name": "Foam", "parent": "Dressings"},
        ImportKind.ITEMS: {**item("I"), "gl_account": "GL", "base_gtin": GTIN},
        ImportKind.ITEM_PACKAGING: {"item": "I", "uom": "bx", "factor": "10.0", "gtin": OTHER_GTIN},
        ImportKind.DEVICE_IDENTIFIERS: {"identifier": "A123BJC5D6E71", "item": "I", "uom": "BX"},
        ImportKind.ITEM_DOCUMENTS: {"item": "I", "title": "Safety data", "url": "https://i.example/sds"},
        ImportKind.CONTRACTS: {"number": "K", "supplier": "S", "name": "K", **span},
        ImportKind.CONTRACT_LINES: price("I", "1.2345", *days, contract="K"),
    }  # fmt: skip
    assert list(files) == list(SCHEMAS)
    for kind, row in files.items():
        assert import_rows(actor, kind, [row]) == Counts(added=1), kind
    for kind, row in files.items():
        assert import_rows(actor, kind, [row]) == Counts(unchanged=1), kind
    line = db.session.scalars(
        select(ContractLine).join(ContractLine.contract).where(Contract.number == "K")
    ).one()
    assert line.unit_price == Decimal("1.2345")
    center = db.session.scalars(select(CostCenter).where(CostCenter.code == "CC")).one()
    assert center.valid_to == date(2026, 12, 31)


def test_others_learn_which_kind_changed_and_nothing_when_nothing_did(actor: Actor) -> None:
    told: list[ImportKind] = []
    services.imported.attach(told.append)
    try:
        for name in ("Supplies", "Supplies", "Surgical supplies"):
            import_rows(actor, ImportKind.GL_ACCOUNTS, [{"code": "6510", "name": name}])
    finally:
        services.imported._listeners.remove(told.append)
    assert told == [ImportKind.GL_ACCOUNTS] * 2
