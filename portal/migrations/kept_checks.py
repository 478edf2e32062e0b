"""What the checks of a submission said becomes one row of it, and one row each again."""

from alembic import op

TO_RECORDS = """
INSERT INTO check_record (organization_id, requisition_id, checked_at, results)
SELECT organization_id, requisition_id, checked_at, jsonb_agg(
    jsonb_build_object(
        'rule', rule, 'version', rule_version, 'outcome', outcome, 'sentence', sentence, 'line_id', line_id,
        'evidence', coalesce(evidence -> 'facts', '[]'), 'measure', measure::text, 'data_at', data_at
    ) ORDER BY id
)
FROM check_result GROUP BY organization_id, requisition_id, checked_at ORDER BY min(id)
"""

TO_RESULTS = """
INSERT INTO check_result (
    organization_id, requisition_id, checked_at, line_id, rule, rule_version, outcome, sentence, evidence,
    measure, data_at
)
SELECT organization_id, requisition_id, checked_at, one.line_id, one.rule, one.version, one.outcome,
    one.sentence, jsonb_build_object('facts', one.evidence), one.measure, one.data_at
FROM check_record, ROWS FROM (
    jsonb_to_recordset(results) AS (
        line_id bigint, rule text, version integer, outcome text, sentence text, evidence jsonb,
        measure numeric, data_at timestamptz
    )
) WITH ORDINALITY AS one
ORDER BY check_record.id, one.ordinality
"""


def results_to_records() -> None:
    """Moves every result; run before their table is dropped."""
    op.execute(TO_RECORDS)


def records_to_results() -> None:
    """Moves them back."""
    op.execute(TO_RESULTS)
