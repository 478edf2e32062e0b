"""Proposed order versions, units of suppliers, a tree of categories, credits of returns, payers that left."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from portal.migrations.catalog_search import search_by_categories, search_by_category
from portal.migrations.tenancy import protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What came after the initial schema."""
    op.create_table(
        "item_category",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_item_category_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_category")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_item_category_organization_id_name")),
    )
    op.create_index(
        op.f("ix_item_category_organization_id"), "item_category", ["organization_id"], unique=False
    )
    op.create_table(
        "order_proposal",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("wishes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("changes", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open", "approved", "refused", "withdrawn", name="proposalstate", native_enum=False, length=40
            ),
            nullable=False,
        ),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(["asked_by_id"], ["account.id"], name=op.f("fk_order_proposal_asked_by_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_order_proposal_location_id")),
        sa.ForeignKeyConstraint(["order_id"], ["purchase_order.id"], name=op.f("fk_order_proposal_order_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_order_proposal_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_proposal")),
    )
    op.create_index(op.f("ix_order_proposal_order_id"), "order_proposal", ["order_id"], unique=False)
    op.create_index(
        op.f("ix_order_proposal_organization_id"), "order_proposal", ["organization_id"], unique=False
    )
    op.create_index(
        "uq_order_proposal_open",
        "order_proposal",
        ["order_id", "seen"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "line_unit",
        sa.Column("line_id", sa.BigInteger(), nullable=False),
        sa.Column("uom", sa.Text(), nullable=False),
        sa.Column("units", sa.Numeric(precision=15, scale=3), nullable=False),
        sa.Column("order_units", sa.Numeric(precision=15, scale=3), nullable=False),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["purchase_order_line.id"], name=op.f("fk_line_unit_line_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_line_unit_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line_unit")),
        sa.UniqueConstraint("line_id", "uom", name=op.f("uq_line_unit_line_id_uom")),
    )
    op.create_index(op.f("ix_line_unit_organization_id"), "line_unit", ["organization_id"], unique=False)
    op.create_table(
        "proposal_question",
        sa.Column("proposal_id", sa.BigInteger(), nullable=False),
        sa.Column("requisition_id", sa.BigInteger(), nullable=False),
        sa.Column("cost_center_id", sa.BigInteger(), nullable=False),
        sa.Column("approved", sa.Numeric(precision=16, scale=2), nullable=False),
        sa.Column("amount", sa.Numeric(precision=16, scale=2), nullable=False),
        sa.Column("lines", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("limit_needed", sa.Numeric(precision=16, scale=2), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open", "approved", "refused", "withdrawn", name="proposalstate", native_enum=False, length=40
            ),
            nullable=False,
        ),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["cost_center_id"], ["cost_center.id"], name=op.f("fk_proposal_question_cost_center_id")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["account.id"], name=op.f("fk_proposal_question_decided_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_proposal_question_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"], ["order_proposal.id"], name=op.f("fk_proposal_question_proposal_id")
        ),
        sa.ForeignKeyConstraint(
            ["requisition_id"], ["requisition.id"], name=op.f("fk_proposal_question_requisition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal_question")),
    )
    op.create_index(
        op.f("ix_proposal_question_organization_id"), "proposal_question", ["organization_id"], unique=False
    )
    op.create_index(
        op.f("ix_proposal_question_proposal_id"), "proposal_question", ["proposal_id"], unique=False
    )
    op.create_index(
        op.f("ix_proposal_question_requisition_id"), "proposal_question", ["requisition_id"], unique=False
    )
    op.create_foreign_key(
        op.f("fk_account_home_location_id"),
        "account",
        "location",
        ["home_location_id"],
        ["id"],
        use_alter=True,
    )
    op.add_column("approval_policy", sa.Column("opens", sa.Time(), server_default="08:00", nullable=False))
    op.add_column("approval_policy", sa.Column("closes", sa.Time(), server_default="17:00", nullable=False))
    op.add_column(
        "approval_policy",
        sa.Column(
            "weekdays",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="[0, 1, 2, 3, 4]",
            nullable=False,
        ),
    )
    op.add_column(
        "budget_entry", sa.Column("is_left", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("comment", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "confirmation_part", sa.Column("said_price", sa.Numeric(precision=16, scale=4), nullable=True)
    )
    op.add_column(
        "confirmation_part", sa.Column("said_quantity", sa.Numeric(precision=15, scale=3), nullable=True)
    )
    op.add_column("confirmation_part", sa.Column("said_uom", sa.Text(), nullable=True))
    op.add_column(
        "purchase_order_source", sa.Column("serves", sa.Numeric(precision=15, scale=3), nullable=True)
    )
    op.add_column(
        "receipt",
        sa.Column("cancelled", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
    )
    op.add_column(
        "requisition_template_line",
        sa.Column(
            "terms",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default="{}",
            nullable=False,
        ),
    )
    op.create_foreign_key(
        op.f("fk_role_assignment_cost_center_id"),
        "role_assignment",
        "cost_center",
        ["cost_center_id"],
        ["id"],
        use_alter=True,
    )
    op.create_foreign_key(
        op.f("fk_role_assignment_facility_id"),
        "role_assignment",
        "facility",
        ["facility_id"],
        ["id"],
        use_alter=True,
    )
    op.add_column(
        "ship_notice_line", sa.Column("said_quantity", sa.Numeric(precision=15, scale=3), nullable=True)
    )
    op.add_column("ship_notice_line", sa.Column("said_uom", sa.Text(), nullable=True))
    op.add_column("supplier_return", sa.Column("credit_number", sa.Text(), nullable=True))
    op.add_column("supplier_return", sa.Column("credited", sa.Numeric(precision=16, scale=2), nullable=True))
    op.add_column("supplier_return", sa.Column("credited_at", sa.DateTime(timezone=True), nullable=True))
    protect("item_category")
    protect("order_proposal")
    protect("line_unit")
    protect("proposal_question")
    search_by_categories()


def downgrade() -> None:
    """Takes it back."""
    search_by_category()
    op.drop_column("supplier_return", "credited_at")
    op.drop_column("supplier_return", "credited")
    op.drop_column("supplier_return", "credit_number")
    op.drop_column("ship_notice_line", "said_uom")
    op.drop_column("ship_notice_line", "said_quantity")
    op.drop_constraint(op.f("fk_role_assignment_facility_id"), "role_assignment", type_="foreignkey")
    op.drop_constraint(op.f("fk_role_assignment_cost_center_id"), "role_assignment", type_="foreignkey")
    op.drop_column("requisition_template_line", "terms")
    op.drop_column("receipt", "cancelled")
    op.drop_column("purchase_order_source", "serves")
    op.drop_column("confirmation_part", "said_uom")
    op.drop_column("confirmation_part", "said_quantity")
    op.drop_column("confirmation_part", "said_price")
    op.drop_column("comment", "withdrawn_at")
    op.drop_column("budget_entry", "is_left")
    op.drop_column("approval_policy", "weekdays")
    op.drop_column("approval_policy", "closes")
    op.drop_column("approval_policy", "opens")
    op.drop_constraint(op.f("fk_account_home_location_id"), "account", type_="foreignkey")
    op.drop_index(op.f("ix_proposal_question_requisition_id"), table_name="proposal_question")
    op.drop_index(op.f("ix_proposal_question_proposal_id"), table_name="proposal_question")
    op.drop_index(op.f("ix_proposal_question_organization_id"), table_name="proposal_question")
    op.drop_table("proposal_question")
    op.drop_index(op.f("ix_line_unit_organization_id"), table_name="line_unit")
    op.drop_table("line_unit")
    op.drop_index(
        "uq_order_proposal_open", table_name="order_proposal", postgresql_where=sa.text("state = 'open'")
    )
    op.drop_index(op.f("ix_order_proposal_organization_id"), table_name="order_proposal")
    op.drop_index(op.f("ix_order_proposal_order_id"), table_name="order_proposal")
    op.drop_table("order_proposal")
    op.drop_index(op.f("ix_item_category_organization_id"), table_name="item_category")
    op.drop_table("item_category")
