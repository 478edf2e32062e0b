"""What each location asked for last is known of what was requested so far."""

from alembic import op

REQUESTS = """
INSERT INTO last_request (organization_id, location_id, item_id, requisition_id)
SELECT DISTINCT ON (place, line.item_id) line.organization_id, place, line.item_id, requisition.id
FROM requisition_line line JOIN requisition ON requisition.id = line.requisition_id,
    LATERAL (SELECT coalesce(line.location_id, requisition.location_id) AS place) AS shipped
WHERE requisition.state IN ('submitted', 'decided')
ORDER BY place, line.item_id, requisition.submitted_at DESC, requisition.id DESC
"""


def fill_last_requests() -> None:
    """Run after the table was created."""
    op.execute(REQUESTS)
