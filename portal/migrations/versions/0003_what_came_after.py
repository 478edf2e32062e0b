"""What came after the initial schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from portal.migrations.catalog_changes import unwatch_catalog, watch_catalog
from portal.migrations.catalog_search import create_beginnings, drop_beginnings
from portal.migrations.price_questions import proposals_to_questions, questions_to_proposals
from portal.migrations.tenancy import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What came after the initial schema."""
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
        op.f("fk_order_proposal_work_item_id"), "order_proposal", "work_item", ["work_item_id"], ["id"]
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
    op.drop_index(op.f("ix_price_question_order_id"), table_name="price_question")
    op.drop_index(op.f("ix_price_question_organization_id"), table_name="price_question")
    op.drop_index(
        op.f("uq_price_question_open"),
        table_name="price_question",
        postgresql_where="((state)::text = 'open'::text)",
    )
    op.drop_table("price_question")
    protect("catalog_change")
    protect("facility_hours")
    watch_catalog()
    create_beginnings()


def downgrade() -> None:
    """Takes it back."""
    unwatch_catalog()
    drop_beginnings()
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
    proposals_to_questions()
    op.drop_index(
        "ix_purchase_order_line_coming",
        table_name="purchase_order_line",
        postgresql_where=sa.text("quantity - cancelled - received > 0"),
    )
    op.drop_column("purchase_order_line", "consignment")
    op.drop_constraint(op.f("fk_order_proposal_requisition_line_id"), "order_proposal", type_="foreignkey")
    op.drop_constraint(op.f("fk_order_proposal_line_id"), "order_proposal", type_="foreignkey")
    op.drop_constraint(op.f("fk_order_proposal_work_item_id"), "order_proposal", type_="foreignkey")
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
    op.drop_index(op.f("ix_facility_hours_organization_id"), table_name="facility_hours")
    op.drop_index(op.f("ix_facility_hours_facility_id"), table_name="facility_hours")
    op.drop_table("facility_hours")
    op.drop_index(op.f("ix_catalog_change_organization_id"), table_name="catalog_change")
    op.drop_table("catalog_change")
