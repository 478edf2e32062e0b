"""What open recalls mean for whoever requests an item."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, select

from portal.clinical.recalls.models import Recall, RecallPart
from portal.clinical.rules import RecallState
from portal.foundation.together import Columns, Read, Rows
from portal.requisitions.checks import RecallFacts


def recalled(item_ids: Collection[int]) -> Sequence[Read[list[tuple[int, RecallFacts]]]]:
    """The open recalls of items (by id); no lots means all of the item."""
    return [Read(_parts(), {"recalled_items": sorted(item_ids)}, _facts)]


@cache
def _parts() -> Columns:
    item_ids = bindparam("recalled_items", type_=ARRAY(BigInteger))
    return (
        select(RecallPart.item_id, Recall.number, Recall.title, RecallPart.lot, RecallPart.serial)
        .join(RecallPart.recall)
        .where(RecallPart.item_id == any_(item_ids), Recall.state == RecallState.OPEN)
        .order_by(Recall.id, RecallPart.id)
    )


def _facts(rows: Rows) -> list[tuple[int, RecallFacts]]:
    named: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    for item_id, number, title, lot, serial in rows:
        if item_id is not None:
            named[item_id, number, title].append(lot or serial)
    return [
        (item_id, RecallFacts(number, title, tuple(lots) if all(lots) else ()))
        for (item_id, number, title), lots in named.items()
    ]
