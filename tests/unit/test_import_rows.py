"""Rows against their schema: headers, and every fault by row and column."""

import csv
import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import portal.demo
from portal.masterdata import rows as checking
from portal.masterdata.files import Unusable, open_table
from portal.masterdata.rows import Checked, check, from_mappings
from portal.masterdata.rules import ImportKind
from portal.masterdata.schemas import SCHEMAS, Fault

GL, SUPPLIERS, CONTRACTS = ImportKind.GL_ACCOUNTS, ImportKind.SUPPLIERS, ImportKind.CONTRACTS


def checked(kind: ImportKind, text: str) -> list[Checked]:
    return list(check(SCHEMAS[kind], open_table(io.BytesIO(text.encode()), "table.csv").lines))


def faults(kind: ImportKind, text: str) -> list[Fault]:
    return [fault for row in checked(kind, text) for fault in row.faults]


def refusal(kind: ImportKind, header: str) -> str:
    with pytest.raises(Unusable) as refused:
        checked(kind, header + "\n1,2\n")
    return str(refused.value)


def test_columns_may_stand_in_any_order_and_writing() -> None:
    (row,) = checked(SUPPLIERS, "Minimum Order;NAME;network-id;Code\n10.50;Harborline;AN1;7\n")
    named = dict(zip((column.name for column in SCHEMAS[SUPPLIERS].columns), row.values, strict=True))
    assert named == {
        "code": "7", "name": "Harborline", "network_id": "AN1", "minimum_order": Decimal("10.50"),
        "email": None, "blocked": None,
    }  # fmt: skip


def test_an_empty_cell_means_the_default_and_a_missing_column_means_nothing() -> None:
    (row,) = checked(SUPPLIERS, "code,name,minimum_order\n7,Harborline\n")
    assert row == Checked(2, ("7", "Harborline", None, None, Decimal(0), None), ())


def test_a_header_that_does_not_fit_says_what_is_missing_and_what_was_perhaps_meant() -> None:
    assert 'no column "unit_of_measure"' in refusal(ImportKind.ITEM_PACKAGING, "item,unit of measure,factor")
    assert 'Did you mean "factor"?' in refusal(ImportKind.ITEM_PACKAGING, "item,uom,faktor")
    assert "Missing: uom, factor." in refusal(ImportKind.ITEM_PACKAGING, "item")
    assert 'The column "code" stands there twice.' in refusal(GL, "code,code,name")
    assert "A column has no name." in refusal(GL, "code,,name")
    assert "Remove it." in refusal(GL, "code,name,zzzzzz")
    assert len(refusal(GL, ",".join(f"wrong{number}" for number in range(50_000)))) < 700


def test_every_fault_of_a_row_is_told_with_its_place() -> None:
    header = "number,supplier,name,valid_from,valid_to,currency"
    text = f"{header}\n,S1,Gloves,2026-13-01,soon,US\nC2,,x,,2026-01-01,\n"
    places = [(fault.row, fault.column) for fault in faults(CONTRACTS, text)]
    assert places == [
        (2, "number"), (2, "valid_from"), (2, "valid_to"), (2, "currency"),
        (3, "supplier"), (3, "valid_from"),
    ]  # fmt: skip


def test_an_end_before_its_beginning_and_a_cell_too_many_are_faults() -> None:
    rows = "C1,S1,x,2026-02-01,2026-01-31\nC2,S1,x,2026-01-01,2026-01-01,y\n"
    first, second = faults(CONTRACTS, "number,supplier,name,valid_from,valid_to\n" + rows)
    assert (first.row, first.column) == (2, "valid_to")
    assert "before it begins on 2026-02-01" in first.sentence
    assert (second.row, second.column) == (3, "")


def test_values_are_of_their_types() -> None:
    (row,) = checked(CONTRACTS, "number,supplier,name,valid_from,valid_to\nC1,S1,x,2026-02-01,2026-12-31\n")
    assert row.values == ("C1", "S1", "x", date(2026, 2, 1), date(2026, 12, 31), None)


def test_rows_by_name_are_checked_as_a_file_is() -> None:
    rows: list[Mapping[str, str]] = [{"code": "1", "name": "Supplies "}, {"code": "", "name": "x"}]
    first, second = check(SCHEMAS[GL], from_mappings(rows))
    assert first == Checked(2, ("1", "Supplies", None), ())
    assert [(fault.row, fault.column) for fault in second.faults] == [(3, "code")]
    with pytest.raises(Unusable, match="no column"):
        list(check(SCHEMAS[GL], from_mappings([{"code": "1", "name": "x", "colour": "red"}])))
    with pytest.raises(Unusable, match="Row 3 has other columns"):
        list(from_mappings([{"code": "1", "name": "x"}, {"code": "2"}]))


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_demo_files_have_the_columns_of_the_schemas(kind: ImportKind) -> None:
    for path in Path(portal.demo.__file__).parent.glob(f"data/*/{kind}.csv"):
        with path.open(encoding="utf-8") as file:
            header = next(csv.reader(file))
        names = [column.name for column in SCHEMAS[kind].columns]
        assert header == [name for name in names if name in header]
        assert [name for name in names if name not in header] in ([], ["active"], ["blocked"])


@given(st.sampled_from(sorted(SCHEMAS)), st.lists(st.lists(st.text(max_size=12), max_size=14), max_size=5))
def test_any_cells_give_values_or_faults_of_that_row(kind: ImportKind, rows: list[list[str]]) -> None:
    schema = SCHEMAS[kind]
    header = [column.name for column in schema.columns]
    lines = iter(
        [(1, header), *((number, [cell.strip() for cell in row]) for number, row in enumerate(rows, 2))]
    )
    for row in checking.check(schema, lines):
        assert len(row.values) == len(header)
        assert {fault.row for fault in row.faults} <= {row.number}
        blank = [name for name, value in zip(header, row.values, strict=True) if value is None]
        assert set(blank) <= {fault.column for fault in row.faults}
