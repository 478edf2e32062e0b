"""The items a person marked, to find them again."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.postgresql import insert

from portal.catalog.models import FavoriteItem
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.masterdata.queries import get_item


def mark(actor: Actor, item_id: int, *, is_favorite: bool) -> None:
    """Marks an item, or takes the mark away; repeats do nothing. Raises NotFound for no item."""
    get_item(actor, item_id)
    if is_favorite:
        values = {"account_id": actor.account_id, "item_id": item_id}
        db.session.execute(insert(FavoriteItem).values(values).on_conflict_do_nothing())
    else:
        db.session.execute(delete(FavoriteItem).where(_own(actor), FavoriteItem.item_id == item_id))


def favorites(actor: Actor, item_ids: Collection[int] | None = None) -> set[int]:
    """The marked items, all or among these."""
    statement = select(FavoriteItem.item_id).where(_own(actor))
    if item_ids is not None:
        statement = statement.where(FavoriteItem.item_id.in_(set(item_ids)))
    return set(db.session.scalars(statement))


def _own(actor: Actor) -> ColumnElement[bool]:
    return FavoriteItem.account_id == actor.account_id
