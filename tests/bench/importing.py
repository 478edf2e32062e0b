"""New items from a CSV file, checked and merged, against COPY of the same rows and building their indexes.

And against writing them unchecked into the tables as they are, which no import can do without.
"""

import csv
import io
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from portal.foundation.access import system
from portal.foundation.db import transaction
from portal.masterdata.rules import ImportKind
from portal.masterdata.services import import_rows
from tests.bench import generator
from tests.bench.figures import Figure, figure
from tests.bench.generator import Product
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave

HEADER = ("code", "name", "category", "unspsc", "manufacturer", "manufacturer_part", "base_uom", "base_gtin")
FIRST = 50_000_001  # beyond the numbers of the catalog
UNCHECKED = 75_000_001
TABLES = ("item", "item_packaging")
COPY_ITEMS = """
COPY bare_item (id, organization_id, code, name, category, unspsc, manufacturer, manufacturer_part, base_uom,
    lot_tracked, serial_tracked, expiry_tracked, implant, lifecycle) FROM STDIN (FORMAT csv)
"""
COPY_PACKAGING = """
COPY bare_item_packaging (id, organization_id, item_id, uom, factor, gtin) FROM STDIN (FORMAT csv)
"""
STAGE = """
CREATE TEMPORARY TABLE stage (code text, name text, category text, unspsc text, maker text, part text,
    uom text, gtin text)
"""
COPY_STAGE = "COPY stage FROM STDIN (FORMAT csv)"
WRITE = """
WITH added AS (
    INSERT INTO item (code, name, category, unspsc, manufacturer, manufacturer_part, base_uom, lot_tracked,
        serial_tracked, expiry_tracked, implant, lifecycle)
    SELECT code, name, category, unspsc, maker, part, uom, false, false, false, false, 'active' FROM stage
    RETURNING id, code
)
INSERT INTO item_packaging (item_id, uom, factor, gtin)
SELECT added.id, stage.uom, 1, stage.gtin FROM added JOIN stage USING (code)
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY (%s)"


def measure(ground: Ground, items: int, plan: Plan) -> Iterator[Figure]:
    """Items a second; each work takes in `items` that are not there yet."""
    ours, theirs, others = (count(first, items) for first in (FIRST, FIRST, UNCHECKED))
    measured = interleave(
        {
            "portal": Side(lambda: _import(ground, next(ours), items), ground.cpu),
            "bare": Side(lambda: _copy(ground, next(theirs), items), ground.cpu),
            "unchecked": Side(lambda: _write_unchecked(ground, next(others), items), ground.cpu),
        },
        plan,
    )
    title = f"Import {items:,} items"
    portal = measured["portal"]
    yield figure(title, "COPY and building the indexes", portal, measured["bare"], unit="per s")
    yield figure(title, "INSERT of the same, unchecked", portal, measured["unchecked"], unit="per s")


def _import(ground: Ground, first: int, items: int) -> Callable[[], object]:
    path = ground.folder / "items.csv"
    _write(path, first, items)

    def run() -> None:
        with ground.acting(), transaction():
            import_rows(system(ground.organization_id, "bench"), ImportKind.ITEMS, path)

    return run


def _write(path: Path, first: int, items: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(_cells(one) for one in generator.products(first, items))


def _cells(one: Product) -> tuple[str, ...]:
    return (one.code, one.name, one.category, "42132203", one.maker, one.part, "EA", one.gtin(0))


def _copy(ground: Ground, first: int, items: int) -> Callable[[], object]:
    owner = ground.owner
    indexes = [definition for (definition,) in owner.execute(INDEXES, [list(TABLES)])]
    for table in TABLES:
        owner.execute(f"DROP TABLE IF EXISTS bare_{table}")
        owner.execute(f"CREATE TABLE bare_{table} (LIKE {table} INCLUDING GENERATED)")
    with io.StringIO(newline="") as rows, io.StringIO(newline="") as packs:
        csv.writer(rows).writerows(_item_rows(ground, first, items))
        csv.writer(packs).writerows(_pack_rows(ground, first, items))
        contents = ((COPY_ITEMS, rows.getvalue()), (COPY_PACKAGING, packs.getvalue()))

    def run() -> None:
        with owner.transaction(), owner.cursor() as cursor:
            for statement, content in contents:
                with cursor.copy(statement) as copy:
                    copy.write(content)
            for definition in indexes:
                cursor.execute(_on_bare(definition))

    return run


def _write_unchecked(ground: Ground, first: int, items: int) -> Callable[[], object]:
    """Under the portal's role: row-level security, foreign keys and indexes as they are."""
    connection = ground.bare_connection()
    connection.execute(STAGE)
    with io.StringIO(newline="") as rows:
        csv.writer(rows).writerows(_cells(one) for one in generator.products(first, items))
        content = rows.getvalue()

    def run() -> None:
        with connection:  # commits and closes
            with connection.cursor().copy(COPY_STAGE) as copy:
                copy.write(content)
            connection.execute("ANALYZE stage")
            connection.execute(WRITE)

    return run


def _on_bare(definition: str) -> str:
    """The same index on the bare table, under a name of its own."""
    before, _, rest = definition.partition(" ON public.")
    kind = before.rpartition(" ")[0]
    return f"{kind} ON bare_{rest}"


def _item_rows(ground: Ground, first: int, items: int) -> Iterator[tuple[object, ...]]:
    tracking = ("false",) * 4
    for number, one in enumerate(generator.products(first, items)):
        yield (number, ground.organization_id, *_cells(one)[:-1], *tracking, "active")


def _pack_rows(ground: Ground, first: int, items: int) -> Iterator[tuple[object, ...]]:
    for number, one in enumerate(generator.products(first, items)):
        yield number, ground.organization_id, number, "EA", 1, one.gtin(0)
