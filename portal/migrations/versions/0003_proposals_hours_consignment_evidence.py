"""Proposals of every kind, hours by facility, consignment, marks of the catalog, evidence as one row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from portal.migrations.catalog_changes import unwatch_catalog, watch_catalog
from portal.migrations.catalog_search import create_beginnings, drop_beginnings
from portal.migrations.kept_checks import records_to_results, results_to_records
from portal.migrations.price_questions import proposals_to_questions, questions_to_proposals
from portal.migrations.tenancy import make_append_only, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds them, and moves questions about prices and results of checks."""
    op.create_table(
        "catalog_change",
        sa.Column("transaction", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_catalog_change_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_change")),
        sa.UniqueConstraint(
            "organization_id", "transaction", name=op.f("uq_catalog_change_organization_id_transaction")
        ),
    )
    op.create_index(
        op.f("ix_catalog_change_organization_id"), "catalog_change", ["organization_id"], unique=False
    )
    op.create_table(
        "facility_hours",
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("opens", sa.Time(), nullable=True),
        sa.Column("closes", sa.Time(), nullable=True),
        sa.Column("weekdays", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_facility_hours_facility_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_facility_hours_organization_id")
        ),
        sa.ForeignKeyConstraint(["set_by_id"], ["account.id"], name=op.f("fk_facility_hours_set_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility_hours")),
    )
    op.create_index(op.f("ix_facility_hours_facility_id"), "facility_hours", ["facility_id"], unique=False)
    op.create_index(
        op.f("ix_facility_hours_organization_id"), "facility_hours", ["organization_id"], unique=False
    )
    op.create_table(
        "check_record",
        sa.Column("requisition_id", sa.BigInteger(), nullable=False),
        sa.Column("results", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_check_record_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["requisition_id"], ["requisition.id"], name=op.f("fk_check_record_requisition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_record")),
    )
    op.create_index(
        "ix_check_record_checked", "check_record", ["organization_id", "checked_at"], unique=False
    )
    op.create_index(
        op.f("ix_check_record_organization_id"), "check_record", ["organization_id"], unique=False
    )
    op.create_index(op.f("ix_check_record_requisition_id"), "check_record", ["requisition_id"], unique=False)
    op.add_column(
        "contract_line",
        sa.Column("consignment", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.add_column(
        "order_proposal",
        sa.Column(
            "kind",
            sa.Enum(
                "change", "price", "offer", "elsewhere", name="proposalkind", native_enum=False, length=40
            ),
            server_default="change",
            nullable=False,
        ),
    )
    op.add_column("order_proposal", sa.Column("line_id", sa.BigInteger(), nullable=True))
    op.add_column("order_proposal", sa.Column("work_item_id", sa.BigInteger(), nullable=True))
    op.add_column("order_proposal", sa.Column("requisition_line_id", sa.BigInteger(), nullable=True))
    op.alter_column("order_proposal", "order_id", existing_type=sa.BIGINT(), nullable=True)
    op.alter_column("order_proposal", "seen", existing_type=sa.INTEGER(), nullable=True)
    op.create_index(
        "uq_order_proposal_line",
        "order_proposal",
        ["line_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "uq_order_proposal_requested",
        "order_proposal",
        ["requisition_line_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_foreign_key(
        op.f("fk_order_proposal_line_id"), "order_proposal", "purchase_order_line", ["line_id"], ["id"]
    )
    op.create_foreign_key(
        op.f("fk_order_proposal_requisition_line_id"),
        "order_proposal",
        "requisition_line",
        ["requisition_line_id"],
        ["id"],
    )
    op.create_foreign_key(
        op.f("fk_order_proposal_work_item_id"), "order_proposal", "work_item", ["work_item_id"], ["id"]
    )
    op.add_column(
        "purchase_order_line",
        sa.Column("consignment", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "ix_purchase_order_line_coming",
        "purchase_order_line",
        ["item_id"],
        unique=False,
        postgresql_where=sa.text("quantity - cancelled - received > 0"),
    )
    questions_to_proposals()
    results_to_records()
    op.drop_index(op.f("ix_price_question_order_id"), table_name="price_question")
    op.drop_index(op.f("ix_price_question_organization_id"), table_name="price_question")
    op.drop_index(
        op.f("uq_price_question_open"),
        table_name="price_question",
        postgresql_where="((state)::text = 'open'::text)",
    )
    op.drop_table("price_question")
    op.drop_index(op.f("ix_check_result_organization_id"), table_name="check_result")
    op.drop_index(op.f("ix_check_result_requisition_id"), table_name="check_result")
    op.drop_index(op.f("ix_check_result_rule"), table_name="check_result")
    op.drop_table("check_result")
    protect("catalog_change")
    protect("facility_hours")
    protect("check_record")
    make_append_only("check_record")
    watch_catalog()
    create_beginnings()


def downgrade() -> None:
    """Takes it back."""
    unwatch_catalog()
    drop_beginnings()
    op.create_table(
        "check_result",
        sa.Column("requisition_id", sa.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("line_id", sa.BIGINT(), autoincrement=False, nullable=True),
        sa.Column("rule", sa.TEXT(), autoincrement=False, nullable=False),
        sa.Column("rule_version", sa.INTEGER(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.VARCHAR(length=40), autoincrement=False, nullable=False),
        sa.Column("sentence", sa.TEXT(), autoincrement=False, nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), autoincrement=False, nullable=False),
        sa.Column("measure", sa.NUMERIC(precision=16, scale=4), autoincrement=False, nullable=True),
        sa.Column("data_at", postgresql.TIMESTAMP(timezone=True), autoincrement=False, nullable=True),
        sa.Column("checked_at", postgresql.TIMESTAMP(timezone=True), autoincrement=False, nullable=False),
        sa.Column(
            "organization_id",
            sa.BIGINT(),
            server_default=sa.text("(current_setting('app.organization_id'::text))::bigint"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "id",
            sa.BIGINT(),
            sa.Identity(
                always=False,
                start=1,
                increment=1,
                minvalue=1,
                maxvalue=9223372036854775807,
                cycle=False,
                cache=1,
            ),
            autoincrement=True,
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["line_id"], ["requisition_line.id"], name=op.f("fk_check_result_line_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_check_result_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["requisition_id"], ["requisition.id"], name=op.f("fk_check_result_requisition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_result")),
    )
    op.create_index(
        op.f("ix_check_result_rule"), "check_result", ["organization_id", "rule", "checked_at"], unique=False
    )
    op.create_index(op.f("ix_check_result_requisition_id"), "check_result", ["requisition_id"], unique=False)
    op.create_index(
        op.f("ix_check_result_organization_id"), "check_result", ["organization_id"], unique=False
    )
    op.create_table(
        "price_question",
        sa.Column("order_id", sa.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("line_id", sa.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("requisition_line_id", sa.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("old_price", sa.NUMERIC(precision=16, scale=4), autoincrement=False, nullable=False),
        sa.Column("new_price", sa.NUMERIC(precision=16, scale=4), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.NUMERIC(precision=15, scale=3), autoincrement=False, nullable=False),
        sa.Column("approved", sa.NUMERIC(precision=16, scale=2), autoincrement=False, nullable=False),
        sa.Column("amount", sa.NUMERIC(precision=16, scale=2), autoincrement=False, nullable=False),
        sa.Column("limit_needed", sa.NUMERIC(precision=16, scale=2), autoincrement=False, nullable=False),
        sa.Column("cost_center_id", sa.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("approver_id", sa.BIGINT(), autoincrement=False, nullable=True),
        sa.Column("asked_by_id", sa.BIGINT(), autoincrement=False, nullable=False),
        sa.Column("asked_at", postgresql.TIMESTAMP(timezone=True), autoincrement=False, nullable=False),
        sa.Column("reason", sa.TEXT(), autoincrement=False, nullable=False),
        sa.Column("state", sa.VARCHAR(length=40), autoincrement=False, nullable=False),
        sa.Column("decided_by_id", sa.BIGINT(), autoincrement=False, nullable=True),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), autoincrement=False, nullable=True),
        sa.Column("comment", sa.TEXT(), autoincrement=False, nullable=False),
        sa.Column(
            "organization_id",
            sa.BIGINT(),
            server_default=sa.text("(current_setting('app.organization_id'::text))::bigint"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "id",
            sa.BIGINT(),
            sa.Identity(
                always=False,
                start=1,
                increment=1,
                minvalue=1,
                maxvalue=9223372036854775807,
                cycle=False,
                cache=1,
            ),
            autoincrement=True,
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["approver_id"], ["account.id"], name=op.f("fk_price_question_approver_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["account.id"], name=op.f("fk_price_question_asked_by_id")),
        sa.ForeignKeyConstraint(
            ["cost_center_id"], ["cost_center.id"], name=op.f("fk_price_question_cost_center_id")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["account.id"], name=op.f("fk_price_question_decided_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["line_id"], ["purchase_order_line.id"], name=op.f("fk_price_question_line_id")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name=op.f("fk_price_question_order_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_price_question_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["requisition_line_id"],
            ["requisition_line.id"],
            name=op.f("fk_price_question_requisition_line_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_question")),
    )
    op.create_index(
        op.f("uq_price_question_open"),
        "price_question",
        ["line_id"],
        unique=True,
        postgresql_where="((state)::text = 'open'::text)",
    )
    op.create_index(
        op.f("ix_price_question_organization_id"), "price_question", ["organization_id"], unique=False
    )
    op.create_index(op.f("ix_price_question_order_id"), "price_question", ["order_id"], unique=False)
    protect("price_question")
    protect("check_result")
    proposals_to_questions()
    records_to_results()
    op.drop_index(
        "ix_purchase_order_line_coming",
        table_name="purchase_order_line",
        postgresql_where=sa.text("quantity - cancelled - received > 0"),
    )
    op.drop_column("purchase_order_line", "consignment")
    op.drop_constraint(op.f("fk_order_proposal_work_item_id"), "order_proposal", type_="foreignkey")
    op.drop_constraint(op.f("fk_order_proposal_requisition_line_id"), "order_proposal", type_="foreignkey")
    op.drop_constraint(op.f("fk_order_proposal_line_id"), "order_proposal", type_="foreignkey")
    op.drop_index(
        "uq_order_proposal_requested", table_name="order_proposal", postgresql_where=sa.text("state = 'open'")
    )
    op.drop_index(
        "uq_order_proposal_line", table_name="order_proposal", postgresql_where=sa.text("state = 'open'")
    )
    op.alter_column("order_proposal", "seen", existing_type=sa.INTEGER(), nullable=False)
    op.alter_column("order_proposal", "order_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("order_proposal", "requisition_line_id")
    op.drop_column("order_proposal", "work_item_id")
    op.drop_column("order_proposal", "line_id")
    op.drop_column("order_proposal", "kind")
    op.drop_column("contract_line", "consignment")
    op.drop_index(op.f("ix_check_record_requisition_id"), table_name="check_record")
    op.drop_index(op.f("ix_check_record_organization_id"), table_name="check_record")
    op.drop_index("ix_check_record_checked", table_name="check_record")
    op.drop_table("check_record")
    op.drop_index(op.f("ix_facility_hours_organization_id"), table_name="facility_hours")
    op.drop_index(op.f("ix_facility_hours_facility_id"), table_name="facility_hours")
    op.drop_table("facility_hours")
    op.drop_index(op.f("ix_catalog_change_organization_id"), table_name="catalog_change")
    op.drop_table("catalog_change")
