"""Lists: one page of a statement, with its count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, func, select

from portal.foundation.db import db

T = TypeVar("T")
PER_PAGE = 50


@dataclass(frozen=True)
class Page(Generic[T]):
    """Rows of page `number` (from 1) of `total` rows."""

    rows: Sequence[T]
    number: int
    total: int
    per_page: int = PER_PAGE

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.per_page))

    @property
    def first(self) -> int:
        """The number of the first row shown."""
        return (self.number - 1) * self.per_page + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the last row shown."""
        return min(self.number * self.per_page, self.total)


def ordered(
    statement: Select[Any],
    sort: str,
    columns: Mapping[str, Any],
    otherwise: Sequence[Any],
) -> Select[Any]:
    """Sorted by the column of a key (a leading - turns it round) if it is known, then as otherwise."""
    column = columns.get(sort.removeprefix("-"))
    if column is None:
        return statement.order_by(*otherwise)
    first = column.desc() if sort.startswith("-") else column.asc()
    return statement.order_by(first.nulls_last(), *otherwise)


def paginate(statement: Select[Any], number: int, *, per_page: int = PER_PAGE) -> Page[Any]:
    """Runs two queries: the count and the rows; entities come as such, several columns as rows."""
    number = max(1, number)
    total = db.session.scalar(select(func.count()).select_from(statement.order_by(None).subquery())) or 0
    result = db.session.execute(statement.limit(per_page).offset((number - 1) * per_page))
    single = len(statement.column_descriptions) == 1
    rows = result.scalars().all() if single else result.all()
    return Page(rows=rows, number=number, total=total, per_page=per_page)
