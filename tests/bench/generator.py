"""A catalog of any size for one hospital: believable words, deterministic, written by COPY."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

SUPPLIERS = 40
KINDS = (
    "Exam glove", "Surgical glove", "Syringe", "Needle", "IV catheter", "Foley catheter", "Drainage bag",
    "Gauze sponge", "Foam dressing", "Elastic bandage", "Surgical mask", "Isolation gown", "Drape", "Suture",
    "Scalpel", "Suction tubing", "Oxygen cannula", "Endotracheal tube", "Extension set", "Infusion set",
    "Saline flush", "Alcohol pad", "Specimen cup", "Blood tube", "Lancet", "Electrode", "Blood pressure cuff",
    "Thermometer cover", "Bed pad", "Wipe", "Wound vacuum canister", "Feeding tube", "Ostomy pouch", "Splint",
    "Cast padding", "Trocar", "Stapler cartridge", "Sharps container", "Basin", "Tape",
)  # fmt: skip
MATERIALS = (
    "nitrile", "latex-free", "vinyl", "silicone", "PVC", "cotton", "polypropylene", "stainless steel",
    "hydrogel", "polyurethane",
)  # fmt: skip
TRAITS = ("sterile", "non-sterile", "powder-free", "antimicrobial", "soft", "reinforced", "pediatric")
SIZES = ("x-small", "small", "medium", "large", "10 mL", "14 Fr", "16 Fr", "4x4 in", "18 G", "22 G", "adult")
MAKERS = ("Vellora Hand Protection", "Baselark Medical", "Injenta Devices", "Corvane", "Tidewell", "Ostrana")

STAGE = """
CREATE TEMPORARY TABLE stage (code text, name text, category text, maker text, part text, gtin text,
    case_gtin text, supplier text, supplier_part text, price numeric)
"""
COPY = "COPY stage FROM STDIN"
INSERTS = (
    """
    INSERT INTO item (organization_id, code, name, category, unspsc, manufacturer, manufacturer_part,
        base_uom, gl_account_id, lot_tracked, serial_tracked, expiry_tracked, implant, lifecycle)
    SELECT %(organization)s, code, name, category, '42132203', maker, part, 'EA', %(gl_account)s,
        false, false, false, false, 'active'
    FROM stage
    """,
    """
    INSERT INTO item_packaging (organization_id, item_id, uom, factor, gtin)
    SELECT %(organization)s, item.id, pack.uom, pack.factor, pack.gtin
    FROM stage JOIN item ON item.organization_id = %(organization)s AND item.code = stage.code,
        LATERAL (VALUES ('EA', 1, stage.gtin), ('BX', 10, stage.case_gtin)) AS pack (uom, factor, gtin)
    """,
    """
    INSERT INTO contract_line (organization_id, contract_id, item_id, supplier_part, uom, minimum_quantity,
        unit_price, valid_from, valid_to)
    SELECT %(organization)s, contract.id, item.id, stage.supplier_part, 'BX', 0, stage.price,
        contract.valid_from, contract.valid_to
    FROM stage
    JOIN item ON item.organization_id = %(organization)s AND item.code = stage.code
    JOIN contract ON contract.organization_id = %(organization)s AND contract.number = 'C-' || stage.supplier
    WHERE item.id %% 10 < 7
    """,
    """
    INSERT INTO offer (organization_id, item_id, supplier_id, supplier_part, uom, factor, list_price, active)
    SELECT %(organization)s, item.id, supplier.id, stage.supplier_part, 'BX', 10, stage.price * 1.1, true
    FROM stage
    JOIN item ON item.organization_id = %(organization)s AND item.code = stage.code
    JOIN supplier ON supplier.organization_id = %(organization)s AND supplier.code = stage.supplier
    """,
)
SUPPLIER = """
INSERT INTO supplier (organization_id, code, name, network_id, email, minimum_order, blocked)
SELECT %(organization)s, 'S' || number, 'Supplier ' || number, 'AN-' || number, '', 0, false
FROM generate_series(1, %(suppliers)s) AS number
"""
CONTRACT = """
INSERT INTO contract (organization_id, number, name, supplier_id, currency, valid_from, valid_to)
SELECT organization_id, 'C-' || code, 'Contract of ' || name, id, 'USD',
    current_date - 300, current_date + 300
FROM supplier WHERE organization_id = %(organization)s AND code LIKE 'S%%'
"""
SETTLED = (
    "item",
    "item_packaging",
    "contract_line",
    "offer",
    "offer_count",
    "offer_word",
    "supplier",
    "contract",
)


@dataclass(frozen=True)
class Product:
    """One item as the searches look for it."""

    number: int
    name: str
    category: str
    maker: str

    @property
    def code(self) -> str:
        """The item number."""
        return f"B{self.number:07d}"

    @property
    def part(self) -> str:
        """The manufacturer's part number."""
        return f"{self.maker[:2].upper()}{self.number * 7:08d}"

    @property
    def supplier(self) -> str:
        """The code of the supplier."""
        return f"S{self.number % SUPPLIERS + 1}"

    @property
    def supplier_part(self) -> str:
        """The supplier's part number."""
        return f"{self.number * 13:09d}"

    def gtin(self, indicator: int) -> str:
        """The GTIN-14 of a packaging level (GS1 General Specifications 7.9.1 for the check digit)."""
        digits = f"{indicator}0952{self.number:08d}"
        total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
        return f"{digits}{-total % 10}"

    def row(self) -> tuple[object, ...]:
        """As the stage holds it."""
        price = (self.number * 37 % 9_000 + 100) / 100
        return (
            self.code, self.name, self.category, self.maker, self.part, self.gtin(0), self.gtin(1),
            self.supplier, self.supplier_part, price,
        )  # fmt: skip


def products(first: int, count: int) -> Iterator[Product]:
    """The products with these numbers; the same in every run."""
    for number in range(first, first + count):
        choice = random.Random(number)
        kind = choice.choice(KINDS)
        traits = choice.sample(TRAITS, 2)
        words = [kind, choice.choice(MATERIALS), *traits, choice.choice(SIZES), f"{number % 50 + 1}/bx"]
        yield Product(number, ", ".join(words), f"{kind}s", choice.choice(MAKERS))


def add_suppliers(connection: psycopg.Connection, organization_id: int) -> None:
    """The suppliers with a contract each."""
    values = {"organization": organization_id, "suppliers": SUPPLIERS}
    connection.execute(SUPPLIER, values)
    connection.execute(CONTRACT, values)


def add_offers(
    connection: psycopg.Connection, organization_id: int, gl_account_id: int, *, first: int, count: int
) -> None:
    """Adds `count` items with one offer each; they are searched for once they are aligned and settled."""
    with connection.transaction():
        connection.execute(STAGE)
        with connection.cursor().copy(COPY) as copy:
            for product in products(first, count):
                copy.write_row(product.row())
        values = {"organization": organization_id, "gl_account": gl_account_id}
        for statement in INSERTS:
            connection.execute(statement, values)
        connection.execute("DROP TABLE stage")


def settle(connection: psycopg.Connection) -> None:
    """Lets PostgreSQL learn how many rows there are, as autovacuum would in time."""
    for table in SETTLED:
        connection.execute(f"VACUUM ANALYZE {table}")  # also moves what the GIN indexes hold back


def searches(count: int) -> list[str]:
    """What people type, half words, half numbers, some wrong, over the first `count` products."""
    middle, late = itertools.islice(products(count // 2, 1), 1), products(count - 1, 1)
    one, other = next(middle), next(late)
    return [
        "",
        "glove",
        "nitrile glove medium",
        "cathet",
        "foley cathether 14 fr",
        "sterile gauze sponge 4x4",
        "syringe 10 ml injenta",
        "adult electrode hydrogel",
        one.code,
        one.supplier_part,
        other.gtin(1),
        "nothing like zzqxw",
    ]
