"""Canonical documents for the cXML tests: one plain example of each kind and hypothesis strategies."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import strategies as st

from integrations.canonical import (
    AccountAssignment,
    Address,
    Confirmation,
    ConfirmationLine,
    ConfirmationStatus,
    ConfirmationType,
    ConfirmedPart,
    Money,
    PurchaseOrder,
    PurchaseOrderLine,
    ShipNotice,
    ShipNoticeLine,
    ShippedLot,
    ShippedPackage,
)
from integrations.formats.cxml.envelope import Header
from integrations.formats.cxml.packages import outermost

SENT_AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
HEADER = Header(
    message_id="PO-26-000001.1@portal",
    sent_at=SENT_AT,
    from_=("NetworkID", "AN-BUYER"),
    to=("NetworkID", "AN-SUPPLIER"),
    sender=("NetworkID", "AN-BUYER"),
    secret="open <sesame> & more",
)
PLACE = Address(
    name="Ridge Clinic",
    code="1010",
    deliver_to="Storeroom 2",
    street="1 Ridge Road",
    city="Dayton",
    region="OH",
    postal_code="45402",
)


def an_order(**changes: object) -> PurchaseOrder:
    """Two lines, the first charged to two cost centers."""
    usd = Money(amount=Decimal("7.25"), currency="USD")
    gloves = PurchaseOrderLine(
        line_number=1,
        item="GLOVE-NIT-M",
        supplier_part="SP-100",
        description="Nitrile exam gloves, medium",
        quantity=Decimal(40),
        uom="BX",
        unit_price=usd,
        unspsc="42132203",
        manufacturer="Acme",
        manufacturer_part="N-M",
        need_by=date(2026, 2, 9),
        assignments=(
            AccountAssignment(cost_center="CC-ER-100", gl_account="0065100000", quantity=Decimal(13)),
            AccountAssignment(cost_center="CC-ER-200", gl_account="0065100000", quantity=Decimal(27)),
        ),
    )
    order = PurchaseOrder(
        number="PO-26-000001",
        ordered_at=SENT_AT,
        currency="USD",
        supplier="17300001",
        supplier_network_id="AN-SUPPLIER",
        facility="1010",
        location="0001",
        ship_to=PLACE,
        bill_to=PLACE,
        lines=(gloves, gloves.model_copy(update={"line_number": 2, "supplier_part": "SP-200"})),
    )
    return order.model_copy(update=changes)


def sscc(digits: int) -> str:
    """An SSCC with the right check digit (GS1 General Specifications 7.9)."""
    body = f"{digits:017d}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"


def words(*, least: int = 0, most: int = 30) -> st.SearchStrategy[str]:
    """Texts that XML can hold, without space around and without line ends."""
    letters = st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"))
    return st.text(letters, max_size=most).map(str.strip).filter(lambda text: len(text) >= least)


def quantities(most: int = 99_999) -> st.SearchStrategy[Decimal]:
    """Quantities and prices from zero on."""
    return st.decimals(0, most, places=4, allow_nan=False, allow_infinity=False)


# Hypothesis wants the bounds naive and adds the zone itself.
instants = st.datetimes(
    datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None),
    datetime(2099, 12, 31, tzinfo=UTC).replace(tzinfo=None),
    timezones=st.just(UTC),
).map(lambda instant: instant.replace(microsecond=0))
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
units = st.sampled_from(["EA", "BX", "CA", "PK"])
usd = quantities().map(lambda amount: Money(amount=amount, currency="USD"))
sscc_codes = st.integers(0, 10**17 - 1).map(sscc)
addresses = st.builds(
    Address,
    name=words(),
    code=words(),
    deliver_to=words(),
    street=words(),
    city=words(),
    region=words(),
    postal_code=words(),
    country=st.sampled_from(["US", "CA", "DE"]),
)
assignments = st.builds(AccountAssignment, cost_center=words(), gl_account=words(), quantity=quantities())
order_lines = st.builds(
    PurchaseOrderLine,
    line_number=st.integers(1, 999),
    item=words(),
    supplier_part=words(),
    description=words(most=200),
    quantity=quantities(),
    uom=units,
    unit_price=usd,
    unspsc=words(most=8),
    manufacturer=words(),
    manufacturer_part=words(),
    need_by=days,
    assignments=st.lists(assignments, min_size=1, max_size=3).map(tuple),
    is_consignment=st.booleans(),
)
orders = st.builds(
    PurchaseOrder,
    number=words(least=1, most=12),
    version=st.integers(1, 99),
    ordered_at=instants,
    currency=st.just("USD"),
    supplier=words(least=1),
    supplier_network_id=st.just("AN-SUPPLIER"),
    facility=words(least=1),
    location=words(),
    ship_to=addresses,
    bill_to=addresses,
    requester=words(),
    erp_number=words(),
    comments=words(most=200),
    lines=st.lists(order_lines, min_size=1, max_size=3).map(tuple),
)


@st.composite
def confirmed_parts(draw: st.DrawFn) -> ConfirmedPart:
    """Parts as cXML can say them: a substitute has a price."""
    substitute = draw(words())
    return ConfirmedPart(
        status=draw(st.sampled_from(ConfirmationStatus)),
        quantity=draw(quantities()),
        uom=draw(units),
        promised_on=draw(st.none() | days),
        ships_on=draw(st.none() | days),
        unit_price=draw(usd if substitute else st.none() | usd),
        substitute_part=substitute,
        substitute_description=draw(words()) if substitute else "",
        comments=draw(words()),
    )


confirmation_lines = st.builds(
    ConfirmationLine,
    line_number=st.integers(1, 999),
    quantity=quantities(),
    uom=units,
    parts=st.lists(confirmed_parts(), min_size=1, max_size=3).map(tuple),
)
confirmations = st.builds(
    Confirmation,
    number=words(least=1),
    order_number=words(least=1),
    order_message_id=words(),
    order_version=st.none(),
    type=st.sampled_from(ConfirmationType),
    operation=st.sampled_from(["new", "update"]),
    noticed_at=instants,
    comments=words(),
    lines=st.lists(confirmation_lines, max_size=3, unique_by=lambda line: line.line_number).map(tuple),
)


@st.composite
def packages(draw: st.DrawFn) -> tuple[ShippedPackage, ...]:
    """No package, loose cartons, or cartons on one pallet."""
    cartons = draw(st.lists(sscc_codes, max_size=3, unique=True))
    pallet = draw(st.just("") | sscc_codes.filter(lambda code: code not in cartons)) if cartons else ""
    return tuple(
        ShippedPackage(
            sscc=carton, parent_sscc=pallet, kind="carton", quantity=draw(st.none() | quantities()), uom=""
        )
        for carton in cartons
    ) + ((ShippedPackage(sscc=pallet, kind="pallet"),) if pallet else ())


@st.composite
def lots(draw: st.DrawFn) -> tuple[ShippedLot, ...]:
    """Several lots, or one lot whose serial numbers are known."""
    found = [
        ShippedLot(quantity=draw(quantities()), lot=draw(words()), expires_on=draw(st.none() | days))
        for _ in range(draw(st.integers(0, 3)))
    ]
    if len(found) == 1:
        serials = tuple(draw(st.lists(words(least=1), max_size=3)))
        found = [found[0].model_copy(update={"serials": serials})]
    return tuple(found)


@st.composite
def ship_notice_lines(draw: st.DrawFn) -> ShipNoticeLine:
    """Lines of few orders, so that orders share notices."""
    boxes = draw(packages())
    return ShipNoticeLine(
        order_number=draw(st.sampled_from(["PO-1", "PO-2"])),
        line_number=draw(st.integers(1, 999)),
        quantity=draw(quantities()),
        uom=draw(units),
        supplier_part=draw(words()),
        sscc=outermost(boxes),
        packages=boxes,
        lots=draw(lots()),
    )


ship_notices = st.builds(
    ShipNotice,
    number=words(least=1),
    operation=st.sampled_from(["new", "update", "delete"]),
    noticed_at=instants,
    shipped_at=st.none() | instants,
    delivery_expected_at=st.none() | instants,
    carrier=words(),
    tracking=words(),
    whole_orders=st.lists(st.sampled_from(["PO-7", "PO-8"]), min_size=1, max_size=2, unique=True).map(tuple),
    lines=st.lists(ship_notice_lines(), max_size=3).map(
        lambda found: tuple(sorted(found, key=lambda line: line.order_number))
    ),
)
