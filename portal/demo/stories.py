"""What happened in the demo organizations before today: requests and how far each has come."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum


class Until(IntEnum):
    """How far a request has come; each step includes those before it."""

    CART = 1
    SUBMITTED = 2
    APPROVED = 3
    ORDERED = 4
    ANSWERED = 5
    SHIPPED = 6
    ENTERED = 7
    RECEIVED = 8
    INVOICED = 9


class Twist(StrEnum):
    """What went otherwise than planned."""

    NONE = ""
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    PARTLY_REJECTED = "partly rejected"
    STOPPED_AT_ERP = "stopped at the ERP"
    LATER = "promised later"
    BACKORDERED = "backordered"
    DEARER = "another price"
    SUBSTITUTE = "a substitute"
    NOT_SUPPLIED = "no longer supplied"
    HALF_SHIPPED = "half shipped"
    HALF_RECEIVED = "half received"
    OVERCHARGED = "invoiced too high"
    REST_CANCELLED = "rest cancelled"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Story:
    """A request for some lines of a location's order guide, all from one supplier.

    `first` is the place of the first line among those of the supplier on the guide.
    """

    days_ago: int
    location: str
    supplier: str
    until: Until
    twist: Twist = Twist.NONE
    first: int = 0
    count: int = 2
    quantity: Decimal = Decimal(4)
    requester: str = "clinic-manager"
    note: str = ""


U, T = Until, Twist
STORIES: dict[str, tuple[Story, ...]] = {
    "lakeshore": (
        Story(44, "ED01", "100010", U.INVOICED, count=4, quantity=Decimal(10)),
        Story(41, "ICU1", "100050", U.INVOICED, count=3, quantity=Decimal(6)),
        Story(38, "OR01", "100100", U.INVOICED, count=3, quantity=Decimal(3)),
        Story(35, "RA01", "100010", U.INVOICED, count=3, requester="clinic-manager-2"),
        Story(30, "MS4W", "100020", U.INVOICED, T.OVERCHARGED, count=2),
        Story(28, "ED01", "100040", U.RECEIVED, count=3, quantity=Decimal(8)),
        Story(26, "CATH", "100170", U.RECEIVED, count=2, quantity=Decimal(2)),
        Story(24, "LAB1", "100120", U.RECEIVED, count=4, quantity=Decimal(5)),
        Story(21, "ED01", "100120", U.RECEIVED, T.HALF_RECEIVED, count=2),
        Story(19, "PED1", "100010", U.RECEIVED, T.REST_CANCELLED, count=2),
        Story(16, "RA02", "100070", U.SHIPPED, T.HALF_SHIPPED, count=3, requester="clinic-manager-2"),
        Story(13, "ICU1", "100010", U.ENTERED, first=3, count=2),
        Story(11, "OR02", "100110", U.SHIPPED, count=1, quantity=Decimal(1)),
        Story(10, "ED01", "100010", U.SHIPPED, first=6, count=3, quantity=Decimal(6)),
        Story(9, "MS5E", "100020", U.ANSWERED, T.LATER, first=1),
        Story(8, "ED01", "100050", U.ANSWERED, T.BACKORDERED, count=3),
        Story(8, "RESP", "100010", U.ANSWERED, T.DEARER),
        Story(7, "RA03", "100060", U.ANSWERED, T.SUBSTITUTE, requester="clinic-manager-2"),
        Story(7, "ENDO", "100180", U.ANSWERED, T.NOT_SUPPLIED, count=1),
        Story(7, "MS4W", "100050", U.ANSWERED, T.BACKORDERED, count=1, quantity=Decimal(1)),
        Story(6, "LD01", "100010", U.ANSWERED, count=3),
        Story(5, "SPD1", "100160", U.ORDERED, T.STOPPED_AT_ERP),
        Story(5, "PED1", "100050", U.ORDERED, T.CANCELLED, count=1),
        Story(4, "MS4W", "100010", U.ORDERED, first=4, count=3),
        Story(3, "RA01", "100130", U.ORDERED, requester="clinic-manager-2"),
        Story(3, "ED01", "100010", U.APPROVED, first=9, count=3),
        Story(2, "ICU1", "100150", U.APPROVED, count=2),
        Story(2, "OR01", "100030", U.APPROVED, T.PARTLY_REJECTED, count=3),
        Story(2, "ED01", "100020", U.APPROVED, T.REJECTED, count=2, note="For the training day"),
        Story(2, "MS5E", "100010", U.SUBMITTED, T.WITHDRAWN, first=2),
        Story(1, "ED01", "100010", U.SUBMITTED, first=12, count=4),
        Story(1, "CATH", "100170", U.SUBMITTED, first=3, quantity=Decimal(3), note="Two cases on Thursday"),
        Story(1, "RA01", "100010", U.SUBMITTED, first=3, requester="clinic-manager-2"),
        Story(0, "OR01", "100100", U.SUBMITTED, first=4, requester="clinician"),
        Story(0, "ED01", "100010", U.CART, first=1, count=3),
    ),
    "prairie": (
        Story(33, "FM01", "100010", U.INVOICED, count=3),
        Story(18, "FM01", "100010", U.RECEIVED, first=3, count=2),
        Story(9, "LAB1", "100010", U.ANSWERED, count=1),
        Story(4, "FM01", "100010", U.ORDERED, first=6, count=2),
        Story(2, "FM01", "100010", U.APPROVED, first=9, count=2),
        Story(1, "FM02", "100010", U.SUBMITTED, count=1, quantity=Decimal(1), requester="clinic-manager-2"),
    ),
}
