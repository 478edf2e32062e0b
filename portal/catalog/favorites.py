"""The items a person marked, to find them again."""

from collections.abc import Collection

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from portal.catalog.models import FavoriteItem
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.together import Read
from portal.masterdata.queries import get_item


def mark(actor: Actor, item_id: int, *, is_favorite: bool) -> None:
    """Marks an item, or takes the mark away; repeats do nothing. Raises NotFound for no item."""
    get_item(actor, item_id)
    if is_favorite:
        values = {"account_id": actor.account_id, "item_id": item_id}
        db.session.execute(insert(FavoriteItem).values(values).on_conflict_do_nothing())
    else:
        db.session.execute(delete(FavoriteItem).where(_own(actor), FavoriteItem.item_id == item_id))


def favorites(actor: Actor) -> set[int]:
    """The marked items."""
    return set(db.session.scalars(select(FavoriteItem.item_id).where(_own(actor))))


def favorites_among(actor: Actor, item_ids: Collection[int]) -> Read[set[int]]:
    """Which of the items are marked."""
    values = {"marked_by": actor.account_id, "marked_items": sorted(item_ids)}
    return Read(_AMONG, values, lambda rows: {item_id for (item_id,) in rows})


_AMONG = select(FavoriteItem.item_id).where(
    FavoriteItem.account_id == bindparam("marked_by", type_=BigInteger),
    FavoriteItem.item_id == any_(bindparam("marked_items", type_=ARRAY(BigInteger))),
)


def _own(actor: Actor) -> ColumnElement[bool]:
    return FavoriteItem.account_id == actor.account_id
