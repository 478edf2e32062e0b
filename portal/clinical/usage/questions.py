"""What a person must decide about a use: an unknown item, a serial told twice, other content, a lone return.

The sentences name items and the portal's own numbers, never a patient, a case number or a serial.
"""

from decimal import Decimal

from integrations.canonical import Money
from portal.clinical.models import Usage
from portal.clinical.rules import UsageState
from portal.exchange import services as exchange
from portal.exchange.rules import WorkItemKind
from portal.exchange.services import About
from portal.foundation.quantity import plain

PENNY = Decimal("0.005")


def item_key(row: Usage) -> str:
    """The key of the work item about a use that does not count yet."""
    return f"usage-{row.id}"


def ask_about_item(row: Usage) -> None:
    """Nobody knows the item, its unit or the place."""
    lacking = "item, or the unit it is counted in," if row.item_id is None else "place"
    named = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(row.named.items()))
    _ask(
        row,
        WorkItemKind.USAGE_UNKNOWN,
        f"{row.source} reported a use whose {lacking} is not known here ({named or 'nothing named'}).",
        "Open the use and say what it was; it then counts.",
    )


def ask_about_serial(row: Usage) -> None:
    """The same serial number was used twice."""
    _ask(
        row,
        WorkItemKind.USAGE_CONFLICT,
        f"{row.description} with one serial number was reported as used twice. Only the first use counts.",
        "Look at both uses. Undo the wrong one; then apply or discard this one.",
    )


def ask_about_change(row: Usage, first: Usage) -> None:
    """A message repeats an event with other content."""
    _ask(
        row,
        WorkItemKind.USAGE_CONFLICT,
        f"{row.source} told use {first.id} of {row.description} again with other content. The first counts.",
        "Compare both. Apply this one instead of the first, or discard it.",
    )


def ask_about_return(row: Usage) -> None:
    """A return names no use that counts."""
    _ask(
        row,
        WorkItemKind.USAGE_UNKNOWN,
        f"{row.source} took back {row.description}, but no such use is recorded.",
        "Find the use and undo it, or discard the return.",
    )


def _ask(row: Usage, kind: WorkItemKind, sentence: str, suggestion: str) -> None:
    exchange.open_item(
        kind,
        key=item_key(row),
        sentence=sentence,
        suggestion=suggestion,
        subject=About("usage", row.id, f"Use {row.id}", row.trace_id),
        message_id=row.message_id,
        at_stake=row.cost,
    )


def compare_price(row: Usage, told: Money | None, quantity: Decimal) -> None:
    """A price for one unit of `quantity` that the contract of the day does not hold is a buyer's question."""
    if told is None or row.unit_price is None or row.contract_line_id is None:
        return
    each = told.amount * quantity / row.quantity
    if row.state is UsageState.APPLIED and abs(each - row.unit_price) > PENNY:
        exchange.open_item(
            WorkItemKind.PRICE,
            key=f"usage-price-{row.id}",
            sentence=f"{row.source} says {row.description} costs {plain(each)} {told.currency} each; the "
            f"contract of the day says {plain(row.unit_price)}.",
            suggestion="The contract price is used. Correct the contract or the sender's price list.",
            subject=About("usage", row.id, f"Use {row.id}", row.trace_id),
            message_id=row.message_id,
        )
