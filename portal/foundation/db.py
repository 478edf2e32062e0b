"""The database: base classes, the one transaction owner, the organization of a session."""

import enum
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, DateTime, Enum, ForeignKey, Identity, MetaData, Numeric, Text, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, SessionTransaction, mapped_column

from portal.foundation.errors import NotFound

APPLICATION_ROLE = "portal_app"

Key = Annotated[int, mapped_column(BigInteger)]
Amount = Annotated[Decimal, mapped_column(Numeric(16, 2))]
UnitPrice = Annotated[Decimal, mapped_column(Numeric(16, 4))]
Quantity = Annotated[Decimal, mapped_column(Numeric(15, 3))]
Json = dict[str, Any]
T = TypeVar("T")


def _values(kind: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in kind]


class Base(DeclarativeBase):
    """Declares all tables; constraint names follow one convention so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        str: Text,
        Json: JSONB(none_as_null=True),
        # Stored by value as text, so that a new value needs no change of type.
        enum.Enum: Enum(enum.Enum, native_enum=False, length=40, values_callable=_values),
        list[Any]: JSONB(none_as_null=True),
    }


class Row(Base):
    """A row with a number of its own."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)


class TenantRow(Row):
    """A row of one organization; the database fills and enforces it (row-level security)."""

    __abstract__ = True

    organization_id: Mapped[int] = mapped_column(
        BigInteger,
        ForeignKey("organization.id"),
        server_default=text("current_setting('app.organization_id')::bigint"),
        index=True,
    )


db = SQLAlchemy(metadata=Base.metadata)


@event.listens_for(Session, "after_begin")
def _bind_organization(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    organization_id = session.info.get("organization_id")
    if organization_id is not None:
        _set_organization(connection, organization_id)


def _set_organization(connection: Connection, organization_id: int) -> None:
    connection.execute(
        text("SELECT set_config('app.organization_id', :id, true)"), {"id": str(organization_id)}
    )


def enter_organization(organization_id: int) -> None:
    """From here on the session sees and writes rows of this organization only."""
    session = db.session()
    session.info["organization_id"] = organization_id
    if session.in_transaction():
        _set_organization(session.connection(), organization_id)


def enter_organization_of(session_hash: str) -> bool:
    """Enters the organization of a session in one step, as every page begins; False when there is none."""
    statement = text(
        "SELECT set_config('app.organization_id', portal_organization_of_session(:hash)::text, true)"
    )
    entered = db.session.scalar(statement, {"hash": session_hash})
    if not entered:
        return False
    db.session().info["organization_id"] = int(entered)
    return True


@contextmanager
def transaction() -> Iterator[Session]:
    """Returning commits and then runs what `after_commit` collected; raising rolls back."""
    session = db.session()
    callbacks = session.info.setdefault("after_commit", {})
    try:
        yield session
        session.commit()
    except BaseException:
        callbacks.clear()
        session.rollback()
        raise
    while callbacks:
        callbacks.pop(next(iter(callbacks)))()


def release() -> None:
    """Commits what was done and gives the connection back before something slow; what follows begins anew."""
    with transaction():
        pass


def after_commit(callback: Callable[[], object], *, key: Hashable = None) -> None:
    """Runs `callback` once the current transaction is durable; never for what must not be lost.

    Of several with one `key` only the first runs.
    """
    db.session().info.setdefault("after_commit", {}).setdefault(key or callback, callback)


def found(row: T | None, what: str) -> T:
    """The row, or NotFound in words a person understands."""
    if row is None:
        raise NotFound(f"This {what} does not exist, or belongs to another organization.")
    return row
