"""Alembic migrations, linear, up and down."""
