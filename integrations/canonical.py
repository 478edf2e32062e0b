"""The canonical documents: what partners say, in the portal's words.

Every document is frozen and versioned (`schema_version`). Money and quantities are Decimal; unit codes
are UN/ECE Recommendation 20 / X12 355 codes as printed on the pack (EA, BX, CA, PK ...); instants are
aware UTC; days are dates. Ids are those of the portal unless a field says otherwise.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]


class Part(BaseModel):
    """A piece of a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Document(Part):
    """A whole document; subclasses raise `schema_version` when a reader would have to change."""

    schema_version: Literal[1] = 1


class Money(Part):
    """An amount in the currency's major unit with its exact decimals."""

    amount: Decimal
    currency: str = Field(pattern=r"^[A-Z]{3}$")


class Address(Part):
    """A postal address; `code` is the partner-facing id of the place (GLN, plant, ship-to)."""

    name: str
    code: str = ""
    deliver_to: str = ""
    street: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = Field(default="US", pattern=r"^[A-Z]{2}$")


# Master data, read from the ERP


class Location(Document):
    """A storage location; `facility` is the plant it belongs to."""

    code: str
    name: str
    facility: str


class Facility(Document):
    """A plant with its storage locations."""

    code: str
    name: str
    address: Address | None = None
    locations: tuple[Location, ...] = ()


class CostCenter(Document):
    """A cost center, valid on the days from `valid_from` to `valid_to`, both included."""

    code: str
    name: str
    valid_from: date
    valid_to: date
    company_code: str = ""


class GlAccount(Document):
    """A general ledger account."""

    code: str
    name: str


class Supplier(Document):
    """A supplier; `network_id` is its id on the procurement network."""

    code: str
    name: str
    blocked: bool = False
    network_id: str = ""


class Packaging(Part):
    """One packaging level: `factor` base units in one `uom`."""

    uom: str
    factor: Decimal
    gtin: str = ""


class Lifecycle(StrEnum):
    """Whether an item may be requested."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    DISCONTINUED = "discontinued"


class Item(Document):
    """An item master record; `unspsc` is its class, `packaging` holds the base unit with factor 1."""

    code: str
    name: str
    base_uom: str
    unspsc: str = ""
    manufacturer: str = ""
    manufacturer_part: str = ""
    packaging: tuple[Packaging, ...] = ()
    lot_tracked: bool = False
    serial_tracked: bool = False
    expiry_tracked: bool = False
    lifecycle: Lifecycle = Lifecycle.ACTIVE


MasterRecord = Facility | CostCenter | GlAccount | Supplier | Item


# Purchase order, outbound


class AccountAssignment(Part):
    """The share of a line's quantity charged to one cost center and GL account.

    Where payers share a line its money is told too: `amount` to the cent, `percent` as it was agreed.
    """

    cost_center: str
    gl_account: str
    quantity: Decimal
    amount: Decimal | None = None
    percent: Decimal | None = None


class PurchaseOrderLine(Part):
    """One ordered line; `unit_price` is per `uom`. Consignment stays the supplier's until it is used."""

    line_number: int
    item: str
    supplier_part: str
    description: str
    quantity: Decimal
    uom: str
    unit_price: Money
    unspsc: str = ""
    manufacturer: str = ""
    manufacturer_part: str = ""
    need_by: date
    assignments: tuple[AccountAssignment, ...]
    is_consignment: bool = False


class PurchaseOrder(Document):
    """A purchase order as the portal placed it.

    `number` fits the 12 characters of the ERP's reference field; `version` starts at 1; `replaces` is the
    message id under which this partner took an earlier version; what is not among the lines is cancelled,
    and everything of an order that `is_cancelled`. `facility` and `location` are the ERP's plant and storage
    location.
    """

    kind: Literal["purchase_order"] = "purchase_order"
    number: str = Field(max_length=12)
    version: int = 1
    replaces: str = ""
    is_cancelled: bool = False
    ordered_at: Instant
    currency: str
    supplier: str
    supplier_network_id: str = ""
    supplier_name: str = ""
    supplier_email: str = ""
    agreement: str = ""  # the blanket order it is called off
    facility: str
    location: str
    ship_to: Address
    bill_to: Address
    requester: str = ""
    erp_number: str = ""
    comments: str = ""
    lines: tuple[PurchaseOrderLine, ...] = Field(min_length=1)

    @property
    def total(self) -> Decimal:
        """Sum of the line amounts, rounded per line to cents."""
        return sum((round(line.quantity * line.unit_price.amount, 2) for line in self.lines), Decimal())


# Supplier's answers, inbound


class ConfirmationStatus(StrEnum):
    """What a supplier says of a quantity on a line (cXML Fulfill.dtd ConfirmationStatus/@type)."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    BACKORDERED = "backordered"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class ConfirmedPart(Part):
    """One status of a confirmed line; absent fields mean "as ordered"."""

    status: ConfirmationStatus
    quantity: Decimal
    uom: str
    promised_on: date | None = None
    ships_on: date | None = None
    unit_price: Money | None = None
    substitute_part: str = ""
    substitute_description: str = ""
    comments: str = ""


class ConfirmationLine(Part):
    """The supplier's answer to one order line, possibly split over several statuses."""

    line_number: int
    quantity: Decimal
    uom: str
    parts: tuple[ConfirmedPart, ...]


class ConfirmationType(StrEnum):
    """Header answer (cXML ConfirmationHeader/@type)."""

    ACCEPT = "accept"
    ALL_DETAIL = "allDetail"
    DETAIL = "detail"
    BACKORDERED = "backordered"
    EXCEPT = "except"
    REJECT = "reject"
    REPLACE = "replace"
    REQUEST_TO_PAY = "requestToPay"


class Confirmation(Document):
    """An order confirmation; with header type accept, reject or backordered `lines` may be empty.

    `order_message_id` is the message the order was sent with; `order_number` is empty when the supplier
    named nothing else.
    """

    kind: Literal["confirmation"] = "confirmation"
    number: str
    order_number: str
    order_message_id: str = ""
    order_version: int | None = None
    type: ConfirmationType
    operation: Literal["new", "update"] = "new"
    noticed_at: Instant
    comments: str = ""
    lines: tuple[ConfirmationLine, ...] = ()


class ShippedLot(Part):
    """A lot inside a shipped line; quantity 0 when the supplier did not say how much of it."""

    quantity: Decimal
    lot: str = ""
    serials: tuple[str, ...] = ()
    expires_on: date | None = None


class ShippedPackage(Part):
    """A package around a shipped line or a part of it; `parent_sscc` is the package around this one."""

    sscc: str = ""
    parent_sscc: str = ""
    kind: str = ""
    quantity: Decimal | None = None
    uom: str = ""


class ShipNoticeLine(Part):
    """A shipped quantity of one order line; `sscc` is the outermost package, `packages` all of them."""

    order_number: str
    order_message_id: str = ""
    line_number: int
    quantity: Decimal
    uom: str
    supplier_part: str = ""
    sscc: str = ""
    packages: tuple[ShippedPackage, ...] = ()
    lots: tuple[ShippedLot, ...] = ()


class ShipNotice(Document):
    """A ship notice; a later operation "update" or "delete" replaces or withdraws `number`.

    `whole_orders` are orders shipped entirely, without their lines named; a "delete" may name nothing.
    """

    kind: Literal["ship_notice"] = "ship_notice"
    number: str
    operation: Literal["new", "update", "delete"] = "new"
    noticed_at: Instant
    shipped_at: Instant | None = None
    delivery_expected_at: Instant | None = None
    carrier: str = ""
    tracking: str = ""
    whole_orders: tuple[str, ...] = ()
    lines: tuple[ShipNoticeLine, ...] = ()


class InvoiceLine(Part):
    """An invoiced quantity of one order line."""

    order_number: str
    order_message_id: str = ""
    line_number: int
    quantity: Decimal
    uom: str
    unit_price: Money
    amount: Money


class Invoice(Document):
    """A supplier invoice; `whole_orders` are invoiced as one sum, by our number, else by the message's id."""

    kind: Literal["invoice"] = "invoice"
    number: str
    invoiced_on: date
    operation: Literal["new", "delete"] = "new"
    purpose: Literal["standard", "creditMemo", "debitMemo", "other"] = "standard"
    tax: Money | None = None
    total: Money
    lines: tuple[InvoiceLine, ...] = ()
    whole_orders: tuple[str, ...] = ()


# Receipt, outbound


class ReceiptLine(Part):
    """A received quantity of one order line and lot, in the order's unit; consignment is the supplier's."""

    line_number: int
    item: str
    quantity: Decimal
    uom: str
    lot: str = ""
    expires_on: date | None = None
    serials: tuple[str, ...] = ()
    is_consignment: bool = False


class Receipt(Document):
    """A goods receipt against one purchase order; `number` fits the ERP's 16 characters."""

    kind: Literal["receipt"] = "receipt"
    number: str = Field(max_length=16)
    order_number: str
    erp_order_number: str
    facility: str
    location: str
    received_on: date
    lines: tuple[ReceiptLine, ...] = Field(min_length=1)


InboundDocument = Confirmation | ShipNotice | Invoice
OutboundDocument = PurchaseOrder | Receipt
