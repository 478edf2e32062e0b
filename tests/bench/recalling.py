"""A recall looked up among many movements, against the bare indexed statements that find the same rows."""

from collections.abc import Callable
from itertools import count

from sqlalchemy import select

from portal.clinical.recalls import queries as recall_queries
from portal.clinical.recalls import services as recalls
from portal.clinical.recalls.files import NewPart
from portal.clinical.recalls.services import NewRecall
from portal.foundation import clock
from portal.foundation.db import transaction
from portal.identity.rules import Role
from portal.masterdata.models import Item
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave

LOTS = 5_000
STEP = 1_000_000
FILL = """
INSERT INTO stock_movement (organization_id, key, kind, location_id, item_id, lot, serial, owner, condition,
                            quantity, reason, document, at)
SELECT %(organization)s, 'bench-' || n, CASE WHEN n %% 2 = 0 THEN 'receipt' ELSE 'usage' END,
       (%(places)s::bigint[])[1 + n %% %(place_count)s], (%(items)s::bigint[])[1 + n %% %(item_count)s],
       'LOT' || ((n / %(item_count)s) %% %(lots)s), '', 'own', 'available',
       CASE WHEN n %% 2 = 0 THEN 1 ELSE -1 END, '', '', now()
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
BARE = (
    """
    SELECT location_id, sum(quantity) FILTER (WHERE quantity > 0),
           sum(quantity) FILTER (WHERE quantity < 0), max(at)
    FROM stock_movement WHERE item_id = %(item)s AND lot = %(lot)s GROUP BY location_id
    """,
    "SELECT * FROM stock WHERE item_id = %(item)s AND lot = %(lot)s AND on_hand > 0",
    """
    SELECT line.id, po.number FROM purchase_order_line line JOIN purchase_order po ON po.id = line.order_id
    WHERE line.item_id = %(item)s ORDER BY po.ordered_at DESC LIMIT 500
    """,
    """
    SELECT id, case_id, location_id, occurred_at FROM usage
    WHERE item_id = %(item)s AND lot = %(lot)s AND state = 'applied' ORDER BY occurred_at DESC LIMIT 500
    """,
)


def fill(ground: Ground, movements: int) -> None:
    """Movements of many lots, written by the server itself in steps, so that memory stays small."""
    with ground.acting(), transaction() as session:
        items = list(session.scalars(select(Item.id).order_by(Item.id).limit(200)))
    values = {
        "organization": ground.organization_id, "places": ground.clinic_ids, "items": items,
        "place_count": len(ground.clinic_ids), "item_count": len(items), "lots": LOTS,
    }  # fmt: skip
    # The rows are right by the way they are made; the triggers of their foreign keys would take hours.
    ground.owner.execute("SET session_replication_role = replica")
    for first in range(0, movements, STEP):
        last = min(first + STEP, movements) - 1
        ground.owner.execute(FILL, {**values, "first": first, "last": last})
    ground.owner.execute("RESET session_replication_role")
    ground.owner.execute("VACUUM ANALYZE stock_movement")


def measure(ground: Ground, plan: Plan, *, movements: int) -> Figure:
    """Milliseconds of all that the page of a recall asks; each work looks at the recall of another lot."""
    recall_ids, named = _recalls(ground, plan.works)
    ours, theirs = count(), count()
    with ground.bare_connection() as connection:
        connection.autocommit = True

        def bare() -> Callable[[], object]:
            item_id, lot = named[next(theirs) % len(named)]

            def run() -> None:
                with connection.transaction():
                    for statement in BARE:
                        connection.execute(statement, {"item": item_id, "lot": lot}).fetchall()

            return run

        measured = interleave(
            {
                "portal": Side(
                    lambda: _look_up(ground, recall_ids[next(ours) % len(recall_ids)]), ground.cpu
                ),
                "bare": Side(bare, ground.cpu),
            },
            plan,
        )
    title = f"Look up a recall among {movements:,} movements"
    return figure(title, "its bare indexed SQL", measured["portal"], measured["bare"])


def _recalls(ground: Ground, many: int) -> tuple[list[int], list[tuple[int, str]]]:
    with ground.acting(), transaction() as session:
        items = session.execute(select(Item.id, Item.code).order_by(Item.id).limit(min(many, 50))).all()
        buyer = ground.actors[Role.BUYER]
        made, named = [], []
        for number, (item_id, code) in enumerate(items):
            lot = f"LOT{number * 7}"
            notice = NewRecall(f"Notice {number}", clock.today(), parts=[NewPart(item=code, lot=lot)])
            made.append(recalls.enter(buyer, notice).id)
            named.append((item_id, lot))
    return made, named


def _look_up(ground: Ground, recall_id: int) -> Callable[[], object]:
    def run() -> None:
        with ground.acting(), transaction():
            recall = recall_queries.find(recall_id)
            recall_queries.stock_of(recall_id)
            recall_queries.moved_of(recall)
            recall_queries.orders_of(recall_id)
            recall_queries.uses_of(recall.parts)

    return run
