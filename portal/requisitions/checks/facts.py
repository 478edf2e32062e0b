"""What the checks look at: plain values of one moment, gathered before and kept nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from integrations.canonical import Lifecycle
from portal.budgets.rules import Balance, Control
from portal.foundation.money import extended
from portal.foundation.quantity import plain
from portal.masterdata.rules import Closing
from portal.requisitions.rulebook.rules import Rulebook
from portal.requisitions.rules import SplitBy


@dataclass(frozen=True)
class CenterFacts:
    """A cost center that pays, and whether this person may charge it."""

    name: str
    valid_from: date
    valid_to: date
    is_allowed: bool


@dataclass(frozen=True)
class ShareFacts:
    """What one of several cost centers pays of a line: as asked (percent or amount), and to the cent."""

    center: CenterFacts | None
    gl_account: str | None
    weight: Decimal
    amount: Decimal


@dataclass(frozen=True)
class RecallFacts:
    """An open recall of an item; no lots means all of it."""

    number: str
    title: str
    lots: tuple[str, ...] = ()


@dataclass(frozen=True)
class Need:
    """What an item is restricted to, and whether this person has it."""

    words: str
    is_met: bool


@dataclass(frozen=True)
class LastOrder:
    """The price of an offer when it was last ordered."""

    unit_price: Decimal
    on: date
    number: str


@dataclass(frozen=True)
class PlaceFacts:
    """The location it is for."""

    name: str
    facility: str
    active: bool
    closings: tuple[Closing, ...] = ()
    zone: str = "UTC"
    facility_id: int | None = None


@dataclass(frozen=True)
class LineFacts:
    """What is known of a line when it is checked."""

    number: int
    item: str
    quantity: Decimal
    uom: str
    pack: str
    lifecycle: Lifecycle
    offer_active: bool
    supplier: str
    supplier_blocked: bool
    currency: str
    unit_price: Decimal
    price_shown: Decimal
    contract_line_id: int | None
    contract: str | None
    contract_tier: Decimal  # from so many packs on; 0 or 1 is the first tier
    contract_ends: date | None
    gl_account: str | None
    category: str = ""
    base_uom: str = ""
    factor: Decimal = Decimal(1)  # base units in one uom
    offered_uom: str | None = None  # where it is not the line's
    packed: Decimal | None = None  # base units in one uom as the item's packaging says
    center: CenterFacts | None = None
    split_by: SplitBy | None = None
    shares: tuple[ShareFacts, ...] = ()
    place: PlaceFacts | None = None  # where it is not the cart's
    need_by: date | None = None
    replacements: tuple[str, ...] = ()
    recalls: tuple[RecallFacts, ...] = ()
    needs: tuple[Need, ...] = ()
    equivalents: tuple[str, ...] = ()  # on contract instead, the cheapest first
    last_order: LastOrder | None = None
    on_order: Decimal = Decimal()  # base units
    expected_on: date | None = None
    requested: tuple[tuple[str, Decimal], ...] = ()  # requisitions and their open base units

    @property
    def amount(self) -> Decimal:
        """What the line costs today."""
        return extended(self.quantity, self.unit_price)

    @property
    def contract_in_words(self) -> str:
        """The contract and its tier; without one the list price."""
        if self.contract is None:
            return "List price"
        tier = f", tier from {plain(self.contract_tier)} {self.uom}" if self.contract_tier > 1 else ""
        return f"{self.contract}{tier}"


@dataclass(frozen=True)
class BudgetFacts:
    """The money lines draw on when a cart is checked; no balance means no budget."""

    cost_center: str
    control: Control
    balance: Balance | None
    asked: Decimal
    budget_id: int | None = None
    currency: str = "USD"
    category: str = ""
    center_id: int | None = None
    lines: Mapping[int, Decimal] = field(default_factory=dict)  # what it pays of each line, by number

    @property
    def left(self) -> Decimal:
        """What remains after this cart."""
        return (self.balance.available if self.balance else Decimal()) - self.asked

    @property
    def is_exceeded(self) -> bool:
        """Whether the request may only go on with an override."""
        return self.balance is not None and self.control is Control.BLOCK and self.left < 0

    @property
    def payer(self) -> str:
        """Cost center CC100 Emergency (Med-surg)"""
        return f"Cost center {self.cost_center}{f' ({self.category})' if self.category else ''}"


@dataclass(frozen=True)
class SupplierFacts:
    """What the cart asks of a supplier."""

    name: str
    least: Decimal
    asked: Decimal
    currency: str = "USD"
    place: PlaceFacts | None = None  # where it is not the cart's


@dataclass(frozen=True)
class CartFacts:
    """Everything the checks look at; `today` and `rules` are those of the cart's facility, `rules_there`
    those of other facilities by id. `ages` is by kind of master data."""

    today: date
    need_by: date | None
    center: CenterFacts | None
    lines: Sequence[LineFacts]
    budgets: Sequence[BudgetFacts]
    place: PlaceFacts | None = None
    suppliers: Sequence[SupplierFacts] = ()
    override_reason: str = ""
    rules: Rulebook = field(default_factory=Rulebook)
    rules_there: Mapping[int, Rulebook] = field(default_factory=dict)
    read_at: datetime | None = None
    ages: Mapping[str, datetime] = field(default_factory=dict)

    def today_at(self, place: PlaceFacts | None) -> date:
        """The day it is at a place; without one, at the cart's."""
        if place is None or self.read_at is None:
            return self.today
        return self.read_at.astimezone(ZoneInfo(place.zone)).date()

    def rules_at(self, place: PlaceFacts | None) -> Rulebook:
        """The rules of the facility of a place; without one, those of the cart's."""
        there = None if place is None else place.facility_id
        return self.rules if there is None else self.rules_there.get(there, self.rules)

    @property
    def total(self) -> Decimal:
        """What the cart costs today."""
        return sum((line.amount for line in self.lines), Decimal())
