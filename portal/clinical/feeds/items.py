"""Item master records of a materials system: merged like those of the ERP, where an interface may do so."""

from integrations.clinical import ItemMaster
from integrations.erp.contract import MasterKind
from portal.clinical.models import Feed
from portal.foundation import audit
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Invalid
from portal.masterdata import planning
from portal.masterdata.records import SOURCES
from portal.masterdata.rules import change_limit
from portal.masterdata.services import imported, lock


def apply_items(actor: Actor, feed: Feed, said: ItemMaster) -> None:
    """Adds and changes items; raises Invalid where the interface may not, or for too much at once."""
    if not feed.settings.get("item_master"):
        raise Invalid(
            f"The interface {feed.name} may not change items. Allow it on its page, or withdraw this."
        )
    lock()
    items = [record.item for record in said.records]
    limit = change_limit(feed.partner.settings, MasterKind.ITEM)
    with db.session.begin_nested():
        plan = planning.merge(SOURCES[MasterKind.ITEM], lambda: items, feed.partner_id, limit)
        if not plan.within_limit:
            raise Invalid(f"It would change {' and '.join(plan.words)}, more than may change at once.")
    for kind in plan.touched:
        imported(kind)
    after = {"added": plan.added, "changed": plan.changed, "refused": plan.refused}
    audit.record(actor, "feed.items", feed, after=after)
    if plan.refused:
        first = next(entry for entry in plan.entries if entry["action"] == "refused")
        raise Invalid(f"{plan.refused} items could not be taken. {first['code']}: {first['sentence']}")
