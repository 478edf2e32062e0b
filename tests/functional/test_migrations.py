"""The schema that migrations make is the one that the models describe, up and down."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, inspect, pool

from portal.app import create_app
from portal.embedded import EmbeddedServers
from portal.foundation.db import Base, db
from portal.settings import load


def test_the_migrated_schema_is_that_of_the_models(app: Flask) -> None:
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_each_step_can_be_taken_back(app: Flask, servers: EmbeddedServers) -> None:
    address = servers.database("portal_steps")
    other = create_app(load().model_copy(update={"database_url": address}))
    with other.app_context():
        upgrade()
        downgrade(revision="base")
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
        upgrade()
        db.engine.dispose()
