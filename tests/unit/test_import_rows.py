"""Rows against their schema: headers, and every fault by row and column."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import portal.demo
from portal.masterdata import rows as checking
from portal.masterdata.columns import Faultless
from portal.masterdata.files import Unusable, open_table
from portal.masterdata.rows import Checked, check, check_blocks, from_mappings
from portal.masterdata.rules import ImportKind
from portal.masterdata.schemas import SCHEMAS, Fault, Schema

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
        assert [name for name in names if name not in header] in (
            [],
            ["active"],
            ["blocked"],
            ["consignment"],
        )


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


def copied(rows: Iterable[Checked | Faultless], schema: Schema) -> list[tuple[Any, ...]]:
    """Rows as they stand in the database afterwards: number, values by name as text, faults."""
    names = [column.name for column in schema.columns]
    found: list[tuple[Any, ...]] = []
    for row in rows:
        if isinstance(row, Checked):
            values = {name: value for name, value in zip(names, row.values, strict=True) if value is not None}
            found.append((row.number, {name: _text(value) for name, value in values.items()}, row.faults))
            continue
        for line in row.text.splitlines():
            number, *cells = line.split("\t")
            found.append((int(number), dict(zip(row.names, map(_unescaped, cells), strict=True)), ()))
    return found


def _text(value: object) -> str:
    return ("t" if value else "f") if isinstance(value, bool) else str(value)


def _unescaped(cell: str) -> str:
    signs = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    return re.sub(r"\\(.)", lambda found: signs[found[1]], cell)


GOOD = {
    "base_gtin": ["00012345678905", "012345678905", ""],
    "base_uom": ["EA", "bx "],
    "unspsc": ["42132203"],
}
CELLS = st.sampled_from(
    ["A1", "B2 c", "", " x", "x ", "a  b", "=1", "'=1", "'s", "#N/A", "yes", "No", "0", "2.50", "x\\y",
     "a\tb", "ü", "a\nb", "\u00a0x", "00012345678906", "x" * 41, "\x07", "\ufffd", "active"]
)  # fmt: skip


@st.composite
def item_tables(draw: st.DrawFn) -> str:
    names = [column.name for column in SCHEMAS[ImportKind.ITEMS].columns if column.refers_to is None]
    odd = draw(st.dictionaries(st.tuples(st.integers(0, 130), st.sampled_from(names)), CELLS, max_size=4))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(names)
    for number in range(130):
        usual = {"code": f"C{number}", "name": f"Item {number}", "lifecycle": "Active"} | {
            name: choices[number % len(choices)] for name, choices in GOOD.items()
        }
        writer.writerow([odd.get((number, name), usual.get(name, "")) for name in names])
    return out.getvalue()


@given(item_tables())
@settings(max_examples=60, deadline=None)
def test_blocks_say_the_same_as_rows_one_by_one(text: str) -> None:
    schema = SCHEMAS[ImportKind.ITEMS]
    blocks = check_blocks(schema, open_table(io.BytesIO(text.encode()), "items.csv").blocks)
    lines = check(schema, open_table(io.BytesIO(text.encode()), "items.csv").lines)
    assert copied(blocks, schema) == copied(lines, schema)


@given(
    st.lists(st.sampled_from(["2026-02-01", " 2026-01-31", "2026-12-31 ", "soon"]), min_size=2, max_size=2)
)
def test_what_cells_say_together_is_looked_at_in_blocks_too(days: list[str]) -> None:
    schema = SCHEMAS[CONTRACTS]
    rows = ["2026-01-01,2026-12-31"] * 130 + [",".join(days)]
    text = "number,supplier,name,valid_from,valid_to\n"
    text += "".join(f"C{number},S1,Gloves,{row}\n" for number, row in enumerate(rows))
    blocks = check_blocks(schema, open_table(io.BytesIO(text.encode()), "contracts.csv").blocks)
    assert copied(blocks, schema) == copied(checked(CONTRACTS, text), schema)


def test_rows_without_a_fault_are_read_by_column() -> None:
    content = "code,name,base_uom,base_gtin\n" + "".join(f"C{n},Item {n},ea,\n" for n in range(300))
    blocks = list(
        check_blocks(SCHEMAS[ImportKind.ITEMS], open_table(io.BytesIO(content.encode()), "").blocks)
    )
    assert all(isinstance(block, Faultless) for block in blocks)
    assert sum(block.count for block in blocks if isinstance(block, Faultless)) == 300
