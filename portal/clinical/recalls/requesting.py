"""What open recalls mean for whoever requests an item."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import select

from portal.clinical.recalls.models import Recall, RecallPart
from portal.clinical.rules import RecallState
from portal.foundation.db import db
from portal.requisitions.checks import RecallFacts


def recalled(item_ids: Collection[int]) -> Sequence[tuple[int, RecallFacts]]:
    """The open recalls of items (by id); no lots means all of the item."""
    rows = db.session.execute(
        select(RecallPart.item_id, Recall.number, Recall.title, RecallPart.lot, RecallPart.serial)
        .join(RecallPart.recall)
        .where(RecallPart.item_id.in_(item_ids), Recall.state == RecallState.OPEN)
        .order_by(Recall.id, RecallPart.id)
    )
    named: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    for item_id, number, title, lot, serial in rows:
        if item_id is not None:
            named[item_id, number, title].append(lot or serial)
    return [
        (item_id, RecallFacts(number, title, tuple(lots) if all(lots) else ()))
        for (item_id, number, title), lots in named.items()
    ]
