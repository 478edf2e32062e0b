"""States of a request for something that is not in the catalog."""

from enum import StrEnum

LONGEST_TEXT = 200
LONGEST_WORDS = 1000
REFUSALS = (
    "Not allowed by the value analysis committee",
    "Covered by an item we have",
    "The supplier is not approved",
    "Too expensive",
    "Other",
)


class WishState(StrEnum):
    """Where it is; only a withdrawn one is over for good."""

    OPEN = "open"
    FOUND = "found"
    ALTERNATIVE = "alternative"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


TRANSITIONS: dict[tuple[WishState, str], WishState] = {
    (WishState.OPEN, "find"): WishState.FOUND,
    (WishState.OPEN, "propose"): WishState.ALTERNATIVE,
    (WishState.OPEN, "refuse"): WishState.REFUSED,
    (WishState.OPEN, "withdraw"): WishState.WITHDRAWN,
    (WishState.ALTERNATIVE, "ask_again"): WishState.OPEN,
    (WishState.FOUND, "ask_again"): WishState.OPEN,
    (WishState.REFUSED, "ask_again"): WishState.OPEN,
}
