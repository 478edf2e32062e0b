"""Runs migrations as the owner of the tables, never as the application role."""

from alembic import context
from flask import current_app
from sqlalchemy import create_engine, pool

from portal.foundation.db import Base


def run() -> None:
    """Migrates over a connection of its own."""
    engine = create_engine(current_app.config["SQLALCHEMY_DATABASE_URI"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
