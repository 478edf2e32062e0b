"""What was requested and ordered before: a search tells of each item when, and what is still to come."""

from typing import LiteralString

from portal.migrations.last_requests import REQUESTS
from tests.bench.ground import Ground

OFTEN = 200
"""Items on the order guide of every clinic; four of five lines are about them."""
GUIDE = """
INSERT INTO order_guide_line (organization_id, location_id, item_id, uom, name, position)
SELECT %(organization)s, place, item, 'BX', 'Daily', row_number() OVER (PARTITION BY place ORDER BY item)
FROM unnest(%(places)s::bigint[]) AS place, unnest(%(items)s::bigint[]) AS item
"""
REQUISITIONS = """
INSERT INTO requisition (organization_id, number, state, source, requester_id, location_id, note, name,
    used_at, lent_note, is_rush, rush_reason, override_reason, total, currency, created_at, submitted_at,
    decided_at, version, trace_id)
SELECT %(organization)s, 'PAST-' || n, 'decided', 'cart', %(requester)s,
    (%(places)s::bigint[])[1 + n %% cardinality(%(places)s::bigint[])], '', '', asked, '', false, '', '',
    100, 'USD', asked, asked, asked, 1, ''
FROM generate_series(1, %(requisitions)s::bigint) AS n,
    LATERAL (SELECT now() - (%(requisitions)s - n) * interval '5 minutes' AS asked)
"""
LINES = """
INSERT INTO requisition_line (organization_id, requisition_id, line_number, offer_id, item_id, quantity, uom,
    unit_price, amount, state, quantity_reason, decision_reason, ordered_quantity, closed_quantity)
SELECT organization_id, r.id, line, offer.id, offer.item_id, 2, 'BX', 10, 20, 'approved', '', '', 2, 0
FROM requisition r, generate_series(1, 5) AS line,
    LATERAL (SELECT abs(hashint8(r.id * 5 + line)) AS chance),
    LATERAL (SELECT (%(items)s::bigint[])[CASE WHEN line < 5 THEN 1 + chance %% %(often)s
        ELSE 1 + %(often)s + chance %% (cardinality(%(items)s) - %(often)s) END] AS item),
    LATERAL (SELECT id, item_id FROM offer WHERE offer.item_id = item LIMIT 1) AS offer
WHERE r.organization_id = %(organization)s AND r.number LIKE 'PAST-%%'
"""
ORDERS = """
INSERT INTO purchase_order (organization_id, number, version, supplier_id, location_id, buyer_id, currency,
    total, reference, message, message_version, ordered_at, transmission, erp_number, status, changed_at,
    trace_id)
SELECT r.organization_id, r.number, 1, (SELECT min(id) FROM supplier), r.location_id, r.requester_id, 'USD',
    100, '', '', 0, r.created_at, 'sent', '', 'received', r.created_at, ''
FROM requisition r WHERE r.organization_id = %(organization)s AND r.number LIKE 'PAST-%%'
"""
ORDER_LINES = """
INSERT INTO purchase_order_line (organization_id, order_id, line_number, item_id, supplier_part, description,
    quantity, uom, factor, unit_price, needed_on, confirmed, backordered, rejected, shipped, received,
    invoiced, cancelled, substitute_part, supplier_comment, status)
SELECT o.organization_id, o.id, line.line_number, line.item_id, '', '', 2, 'BX', 10, 10, current_date, 2, 0,
    0, 2, 2, 2, 0, '', '', 'received'
FROM purchase_order o
JOIN requisition r ON r.organization_id = o.organization_id AND r.number = o.number
JOIN requisition_line line ON line.requisition_id = r.id
WHERE o.organization_id = %(organization)s AND o.number LIKE 'PAST-%%'
"""
FILLS = (GUIDE, REQUISITIONS, LINES, REQUESTS, ORDERS, ORDER_LINES)
FILLED = (
    "order_guide_line", "requisition", "requisition_line", "last_request", "purchase_order",
    "purchase_order_line",
)  # fmt: skip


def fill(ground: Ground, requisitions: int) -> None:
    """So many requisitions of five lines, all ordered and received, written by the server itself."""
    items = _ids(ground, "SELECT id FROM item WHERE organization_id = %s ORDER BY id LIMIT 5000")
    values = {
        "organization": ground.organization_id,
        "requisitions": requisitions,
        "items": items,
        "often": OFTEN,
        "places": _ids(ground, "SELECT id FROM location WHERE organization_id = %s ORDER BY id"),
        "requester": min(_ids(ground, "SELECT id FROM account WHERE organization_id = %s")),
    }
    # The rows are right by the way they are made; the triggers of their foreign keys would take minutes.
    ground.owner.execute("SET session_replication_role = replica")
    for statement in FILLS:
        ground.owner.execute(statement, values | ({"items": items[:OFTEN]} if statement is GUIDE else {}))
    ground.owner.execute("RESET session_replication_role")
    for table in FILLED:
        ground.owner.execute(f"VACUUM ANALYZE {table}")


def _ids(ground: Ground, statement: LiteralString) -> list[int]:
    return [row[0] for row in ground.owner.execute(statement, [ground.organization_id])]
