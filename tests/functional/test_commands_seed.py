"""`portal seed`: two health systems with people, prices, stock, and orders at every stage of their life."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import func, select

from portal.app import create_app
from portal.demo.accounts import PHRASE, email_of
from portal.demo.names import ORGANIZATIONS, Addresses
from portal.demo.sandboxes import erp_app
from portal.demo.seed import seed
from portal.embedded import EmbeddedServers
from portal.exchange.models import Message, Partner, WorkItem
from portal.exchange.rules import MessageState, WorkItemKind
from portal.foundation import clock
from portal.foundation.db import Base, db, enter_organization, transaction
from portal.identity.models import Account
from portal.identity.passwords import matches
from portal.identity.queries import organization_id_of_slug
from portal.identity.rules import Role
from portal.identity.services import actor_of
from portal.invoices.models import Invoice
from portal.orders.models import PurchaseOrder
from portal.orders.rules import OrderStatus, Transmission
from portal.receiving.models import Receipt
from portal.receiving.rules import ReceiptState
from portal.requisitions.models import Requisition
from portal.requisitions.rules import RequisitionState
from portal.settings import load

ADDRESSES = Addresses(
    portal="http://127.0.0.1:8000",
    network="http://127.0.0.1:8001",
    erp={slug: f"http://127.0.0.1:{8002 + place}" for place, slug in enumerate(ORGANIZATIONS)},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seed")


@pytest.fixture(scope="module")
def seeded(servers: EmbeddedServers, environment: dict[str, str], folder: Path) -> Iterator[Flask]:
    """An application on a database of its own, filled once."""
    settings = load().model_copy(update={"database_url": servers.database("portal_seeded")})
    app = create_app(settings)
    with app.app_context():
        upgrade()
        assert seed(folder, ADDRESSES)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def lakeshore(seeded: Flask) -> Iterator[None]:
    with seeded.app_context():
        enter("lakeshore")
        yield
        db.session.rollback()


def enter(slug: str) -> None:
    with transaction():
        found = organization_id_of_slug(slug)
    assert found is not None
    enter_organization(found)


def test_a_second_time_changes_nothing(seeded: Flask, folder: Path) -> None:
    with seeded.app_context():
        before = rows_in_every_table()
        assert not seed(folder, ADDRESSES)
        assert rows_in_every_table() == before


def rows_in_every_table() -> dict[tuple[str, str], int]:
    counts = {}
    for slug in ORGANIZATIONS:
        enter(slug)
        with transaction() as session:
            for table in Base.metadata.sorted_tables:
                counts[slug, table.name] = session.scalar(select(func.count()).select_from(table)) or 0
    return counts


@pytest.mark.usefixtures("lakeshore")
def test_orders_stand_at_every_stage() -> None:
    assert set(db.session.scalars(select(PurchaseOrder.status))) == set(OrderStatus)
    assert Transmission.STOPPED in set(db.session.scalars(select(PurchaseOrder.transmission)))
    assert set(db.session.scalars(select(Requisition.state))) == set(RequisitionState)
    assert set(db.session.scalars(select(Receipt.state))) == {ReceiptState.ENTERED, ReceiptState.POSTED}
    assert set(db.session.scalars(select(Invoice.matched))) == {True, False}


@pytest.mark.usefixtures("lakeshore")
def test_people_have_something_to_decide() -> None:
    kinds = set(db.session.scalars(select(WorkItem.kind).where(WorkItem.resolved_at.is_(None))))
    assert kinds >= {
        WorkItemKind.DELIVERY_STOPPED,
        WorkItemKind.DATE_CHANGED,
        WorkItemKind.BACKORDERED,
        WorkItemKind.PRICE,
        WorkItemKind.SUBSTITUTION,
        WorkItemKind.REJECTED,
        WorkItemKind.INVOICE_DIFFERENCE,
    }
    stopped = db.session.scalars(select(Message).where(Message.state == MessageState.NEEDS_ATTENTION)).all()
    assert [message.cause for message in stopped] == [
        "SAP S/4HANA refused: Purchasing group 001 is locked for changes"
    ]


@pytest.mark.usefixtures("lakeshore")
def test_nothing_happened_in_the_future() -> None:
    for column in (Requisition.submitted_at, PurchaseOrder.ordered_at, Receipt.posted_at, Message.created_at):
        newest = db.session.scalar(select(func.max(column)))
        oldest = db.session.scalar(select(func.min(column)))
        assert newest is not None
        assert newest <= clock.now()
        assert oldest is not None
        assert oldest.year == clock.today().year


def test_the_erp_knows_every_order_it_gave_a_number(seeded: Flask, folder: Path) -> None:
    for slug in ORGANIZATIONS:
        documents = erp_app(folder, slug).test_client().get("/sandbox/documents").get_json()
        with seeded.app_context():
            enter(slug)
            with transaction() as session:
                numbers = set(session.scalars(select(PurchaseOrder.erp_number))) - {""}
                receipts = set(session.scalars(select(Receipt.erp_number))) - {""}
        assert sorted(numbers) == [one["number"] for one in documents["purchase_orders"]]
        assert sorted(receipts) == [one["number"] for one in documents["receipts"]]


@pytest.mark.parametrize("slug", ORGANIZATIONS)
def test_every_role_can_sign_in(seeded: Flask, slug: str) -> None:
    with seeded.app_context():
        enter(slug)
        for role in Role:
            account = find(email_of(role.replace("_", "-"), slug))
            assert matches(account.password_hash, PHRASE)
            assert actor_of(account).grants


@pytest.mark.usefixtures("lakeshore")
def test_one_approver_has_limits_the_other_none() -> None:
    limited = actor_of(find(email_of("approver", "lakeshore"))).grants
    assert all(grant.cost_center_id and grant.approval_limit for grant in limited)
    (unlimited,) = actor_of(find(email_of("finance-approver", "lakeshore"))).grants
    assert (unlimited.cost_center_id, unlimited.approval_limit) == (None, None)


@pytest.mark.parametrize("slug", ORGANIZATIONS)
def test_partners_listen_where_they_were_told(seeded: Flask, slug: str) -> None:
    with seeded.app_context():
        enter(slug)
        partners = db.session.scalars(select(Partner).where(Partner.base_url != ""))
        urls = {partner.kind: partner.base_url for partner in partners}
    assert urls == {"erp": ADDRESSES.erp[slug], "network": ADDRESSES.network}


def find(email: str) -> Account:
    return db.session.scalars(select(Account).where(Account.email == email)).one()
