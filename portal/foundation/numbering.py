"""Document numbers from a locked counter row: no gap race, no duplicate."""

from functools import cache

from sqlalchemy import Text, UniqueConstraint, bindparam
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.dml import ReturningInsert

from portal.foundation import clock
from portal.foundation.db import Key, TenantRow, db


class DocumentCounter(TenantRow):
    """The last number given out for a prefix."""

    __tablename__ = "document_counter"
    __table_args__ = (UniqueConstraint("organization_id", "prefix"),)

    prefix: Mapped[str]
    last: Mapped[Key] = mapped_column()


def next_number(prefix: str) -> str:
    """The next number such as PO26-0000123: 12 characters, the ERP's reference length."""
    prefix = f"{prefix}{clock.today().year % 100:02d}"
    # Past the session: a number is no reason to write what is under way.
    last = db.session.connection().scalar(_next(), {"prefix": prefix})
    return f"{prefix}-{last:07d}"


@cache
def _next() -> ReturningInsert[int]:
    counter = db.metadata.tables[DocumentCounter.__tablename__]
    return (
        insert(counter)
        .values(prefix=bindparam("prefix", type_=Text), last=1)
        .on_conflict_do_update(
            index_elements=["organization_id", "prefix"], set_={"last": counter.c.last + 1}
        )
        .returning(counter.c.last)
    )
