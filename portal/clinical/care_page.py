"""All that the point-of-care page shows, gathered: the part that changes with every scan, and the rest."""

from collections.abc import Sequence
from typing import Any

from portal.clinical import care_presenters as present
from portal.clinical import care_queries
from portal.clinical.access_records import record_view
from portal.clinical.care_answer import Answer
from portal.clinical.care_context import Care, patient_of
from portal.clinical.care_forms import CareForm
from portal.foundation.access import Actor
from portal.masterdata.models import Item


def live(care: Care, form: CareForm, answer: Answer | None, found: Sequence[Item] = ()) -> dict[str, Any]:
    """What changes with every scan: the thing in hand, or what was found, and the lines of the case."""
    if answer is not None:
        form.offer(answer)
    on_hand = care_queries.on_hand(care.place.id, [item.id for item in found]) if found else {}
    return {
        "code": care.code,
        "form": form,
        "hand": present.hand(answer, form) if answer is not None else None,
        "found": present.tiles(found, on_hand),
        "recorded": [present.usage_row(one) for one in care_queries.recorded(care)],
        "requested": [present.request_row(one) for one in care_queries.requested(care)],
        "zone": care.place.facility.time_zone,
        "is_closed": care.is_closed,
        "nothing_used": care.case is not None and care.case.nothing_used,
    }


def around(actor: Actor, care: Care) -> dict[str, Any]:
    """What stays while one scans: patient, place, favorites, preference card. Showing a patient is recorded."""
    procedure = care.case.procedure_code if care.case else ""
    items = care_queries.favorites(care.place.id, procedure)
    on_hand = care_queries.on_hand(care.place.id, [item.id for item in items])
    return {
        "banner": banner(actor, care),
        "where": present.where(care),
        "favorites": present.tiles(items, on_hand),
        "card": card(care),
        "is_launched": care.launch is not None,
    }


def banner(actor: Actor, care: Care) -> dict[str, str] | None:
    """The patient, unless the EHR shows one already; either way somebody looked."""
    if care.patient_id is None:
        return None
    record_view(actor, care.patient_id, "clinical.care")
    return present.banner(patient_of(care.patient_id), care.today) if care.needs_banner else None


def card(care: Care) -> dict[str, Any] | None:
    """The preference card of the procedure, if there is one."""
    known = care_queries.card_of(care.case, care.place.id)
    if known is None:
        return None
    shelves = care_queries.shelves(care.place.id, [line.item_id for line in known.lines])
    return present.card(known, shelves, care.today)
