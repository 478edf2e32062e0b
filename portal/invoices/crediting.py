"""Credit memos of the network: each closes the return that waits for it, and the budgets get it back."""

from collections import defaultdict
from decimal import Decimal

from integrations import canonical
from portal.exchange.models import Message
from portal.foundation.access import system
from portal.foundation.errors import Invalid
from portal.orders.answers import order_answered
from portal.orders.models import PurchaseOrder
from portal.orders.units import Units
from portal.receiving import returns
from portal.receiving.returns import Memo


def apply_credit(message: Message, document: canonical.Invoice) -> None:
    """Notes the credit of a memo over one order (purpose creditMemo or lineLevelCreditMemo); suppliers write
    its amounts and quantities with or without a minus. The same memo again changes nothing.

    Raises NotFound for an unknown order, Invalid for what a person must decide.
    """
    if document.operation != "new":
        raise Invalid(f"Credit memo {document.number} is withdrawn by its supplier. Settle it with them.")
    named = {(line.order_number, line.order_message_id) for line in document.lines}
    named |= {("", one) if "@" in one else (one, "") for one in document.whole_orders}
    if len(named) != 1:
        names = f"{len(named)} orders" if named else "no order"
        raise Invalid(f"Credit memo {document.number} names {names}. Note it on the return by hand.")
    order = order_answered(message, *named.pop())
    if document.total.currency != order.currency:
        raise Invalid(
            f"Credit memo {document.number} is in {document.total.currency}, {order.number} in "
            f"{order.currency}."
        )
    memo = Memo(document.number, _amount(document), _quantities(order, document))
    returns.take_credit(system(order.organization_id, "credit memo received"), order, memo)


def _amount(document: canonical.Invoice) -> Decimal:
    """Without tax, as orders are priced."""
    if document.lines:
        return sum((abs(one.amount.amount) for one in document.lines), Decimal())
    return abs(document.total.amount) - (abs(document.tax.amount) if document.tax else Decimal())


def _quantities(order: PurchaseOrder, document: canonical.Invoice) -> dict[int, Decimal]:
    """What it names of each line, in the order's unit; what cannot be converted is left to the amount."""
    lines = {line.line_number: line for line in order.lines}
    units = Units(order)
    found: dict[int, Decimal] = defaultdict(Decimal)
    for one in document.lines:
        line = lines.get(one.line_number)
        if line is not None and units.knows(line, one.uom):
            (quantity,) = units.quantities(line, [(abs(one.quantity), one.uom)])
            found[line.id] += quantity
    return dict(found)
