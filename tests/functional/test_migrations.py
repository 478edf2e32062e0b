"""The schema that migrations make is the one that the models describe, up and down."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import create_engine, inspect, pool, select, text

from portal.app import create_app
from portal.embedded import EmbeddedServers
from portal.exchange.queries import open_items_about
from portal.foundation.db import Base, db, transaction
from portal.identity.rules import Role
from portal.orders.differences import services
from portal.orders.proposals import deciding
from portal.orders.proposals.queries import open_questions
from portal.requisitions.models import LastRequest
from portal.settings import load
from tests import ordering
from tests.hospital import Hospital
from tests.requesting import in_cart, submitted


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


def test_a_question_about_a_price_survives_the_step_that_made_it_a_proposal(hospital: Hospital) -> None:
    ordering.connect(hospital)
    order = ordering.sent(hospital, {hospital.catheter_offer: 4})
    ordering.confirm(ordering.confirmation(order.number, {10: [ordering.part(4, "changed", price="30")]}))
    with transaction():
        (item,) = open_items_about("purchase_order", order.id)
        services.accept(hospital.actor(Role.BUYER), item.id)
    order_id = order.id
    db.session.rollback()  # nothing of it is locked
    try:
        downgrade(revision="0002")
        with db.engine.connect() as connection:
            connection.execute(text("SET ROLE NONE"))  # all organizations, as a migration
            asked = text("SELECT new_price, amount, state FROM price_question WHERE order_id = :id")
            kept = connection.execute(asked, {"id": order_id}).all()
    finally:
        upgrade()
        db.engine.dispose()
    assert kept == [(30, 120, "open")]
    (question,) = open_questions()
    assert question.proposal.changes[0]["before"] == "20.0000 per BX"
    with transaction():
        deciding.decide(hospital.actor(Role.APPROVER), question.id, approved=True)
    assert (ordering.fresh(order).lines[0].unit_price, ordering.balance(hospital).ordered) == (30, 120)
    assert open_items_about("purchase_order", order.id) == []


def test_what_was_asked_for_last_is_known_of_what_was_asked_before(hospital: Hospital) -> None:
    submitted(hospital, {hospital.catheter_offer: 1})
    last = submitted(hospital, {hospital.catheter_offer: 2}).id
    in_cart(hospital, {hospital.catheter_offer: 3})
    db.session.rollback()
    try:
        downgrade(revision="0003")
    finally:
        upgrade()
        db.engine.dispose()
    (kept,) = db.session.scalars(select(LastRequest))
    assert (kept.location_id, kept.item_id, kept.requisition_id) == (
        hospital.clinic.id, hospital.catheter.id, last,
    )  # fmt: skip
