"""What each location asked for last."""

import sqlalchemy as sa
from alembic import op

from portal.migrations.last_requests import fill_last_requests
from portal.migrations.tenancy import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What each location asked for last."""
    op.create_table(
        "last_request",
        sa.Column("location_id", sa.BigInteger(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.Column("requisition_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "organization_id",
            sa.BigInteger(),
            server_default=sa.text("current_setting('app.organization_id')::bigint"),
            nullable=False,
        ),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_last_request_item_id")),
        sa.ForeignKeyConstraint(["location_id"], ["location.id"], name=op.f("fk_last_request_location_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_last_request_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["requisition_id"], ["requisition.id"], name=op.f("fk_last_request_requisition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_last_request")),
        sa.UniqueConstraint("location_id", "item_id", name=op.f("uq_last_request_location_id_item_id")),
    )
    op.create_index(
        op.f("ix_last_request_organization_id"), "last_request", ["organization_id"], unique=False
    )
    protect("last_request")
    fill_last_requests()


def downgrade() -> None:
    """Takes it back."""
    op.drop_index(op.f("ix_last_request_organization_id"), table_name="last_request")
    op.drop_table("last_request")
