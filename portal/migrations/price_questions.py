"""Questions about a supplier's price become proposals like all others, and back."""

from alembic import op

# A line has one open question at a time, and no two of them were asked in the same microsecond.
TO_PROPOSALS = """
WITH moved AS (
    INSERT INTO order_proposal (
        organization_id, kind, order_id, line_id, wishes, changes, reason, asked_by_id, asked_at, state
    )
    SELECT q.organization_id, 'price', q.order_id, q.line_id,
        jsonb_build_array(jsonb_build_object('unit_price', q.new_price::text)),
        jsonb_build_array(jsonb_build_object(
            'line', l.line_number, 'item', l.description, 'what', 'price',
            'before', q.old_price || ' per ' || l.uom, 'after', q.new_price || ' per ' || l.uom
        )),
        q.reason, q.asked_by_id, q.asked_at, q.state
    FROM price_question q JOIN purchase_order_line l ON l.id = q.line_id
    RETURNING id, line_id, asked_at
)
INSERT INTO proposal_question (
    organization_id, proposal_id, requisition_id, cost_center_id, approved, amount, lines, limit_needed,
    state, decided_by_id, decided_at, comment
)
SELECT q.organization_id, moved.id, r.requisition_id, q.cost_center_id, q.approved, q.amount,
    jsonb_build_object(r.id::text, q.amount::text), q.limit_needed, q.state, q.decided_by_id, q.decided_at,
    q.comment
FROM price_question q
JOIN moved ON moved.line_id = q.line_id AND moved.asked_at = q.asked_at
JOIN requisition_line r ON r.id = q.requisition_line_id
"""

TO_QUESTIONS = """
INSERT INTO price_question (
    organization_id, order_id, line_id, requisition_line_id, old_price, new_price, quantity, approved, amount,
    limit_needed, cost_center_id, asked_by_id, asked_at, reason, state, decided_by_id, decided_at, comment
)
SELECT p.organization_id, p.order_id, p.line_id, (SELECT min(id::bigint) FROM jsonb_object_keys(q.lines) id),
    l.unit_price, (p.wishes -> 0 ->> 'unit_price')::numeric, l.quantity, q.approved, q.amount,
    q.limit_needed, q.cost_center_id, p.asked_by_id, p.asked_at, p.reason, p.state, q.decided_by_id,
    q.decided_at, q.comment
FROM order_proposal p
JOIN purchase_order_line l ON l.id = p.line_id
JOIN LATERAL (
    SELECT * FROM proposal_question one WHERE one.proposal_id = p.id ORDER BY one.id LIMIT 1
) q ON true
WHERE p.kind = 'price' AND p.state <> 'withdrawn'
"""

# What an older version cannot say: it knows changes of orders only.
FORGET = (
    "DELETE FROM proposal_question USING order_proposal p WHERE p.id = proposal_id AND p.kind <> 'change'",
    "DELETE FROM order_proposal WHERE kind <> 'change'",
)


def questions_to_proposals() -> None:
    """Moves every question; run before their table is dropped."""
    op.execute(TO_PROPOSALS)


def proposals_to_questions() -> None:
    """Moves those about prices back into their table, and forgets what only proposals can say."""
    op.execute(TO_QUESTIONS)
    for statement in FORGET:
        op.execute(statement)
