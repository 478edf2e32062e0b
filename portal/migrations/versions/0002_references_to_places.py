"""What came after the initial schema."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What came after the initial schema."""
    op.create_foreign_key(
        op.f("fk_account_home_location_id"),
        "account",
        "location",
        ["home_location_id"],
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
    op.create_foreign_key(
        op.f("fk_role_assignment_cost_center_id"),
        "role_assignment",
        "cost_center",
        ["cost_center_id"],
        ["id"],
        use_alter=True,
    )


def downgrade() -> None:
    """Takes it back."""
    op.drop_constraint(op.f("fk_role_assignment_cost_center_id"), "role_assignment", type_="foreignkey")
    op.drop_constraint(op.f("fk_role_assignment_facility_id"), "role_assignment", type_="foreignkey")
    op.drop_constraint(op.f("fk_account_home_location_id"), "account", type_="foreignkey")
