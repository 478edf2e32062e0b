"""Document numbers from a locked counter row: no gap race, no duplicate."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

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
    statement = (
        insert(DocumentCounter)
        .values(prefix=prefix, last=1)
        .on_conflict_do_update(
            index_elements=["organization_id", "prefix"], set_={"last": DocumentCounter.last + 1}
        )
        .returning(DocumentCounter.last)
    )
    return f"{prefix}-{db.session.scalar(statement):07d}"
