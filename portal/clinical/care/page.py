"""All that the point-of-care page shows, gathered: the part that changes with every scan, and the rest."""

from typing import Any

from portal.clinical.access.records import record_view
from portal.clinical.care import presenters as present
from portal.clinical.care import queries as care_queries
from portal.clinical.care.context import Care, patient_of
from portal.clinical.care.forms import CareForm
from portal.clinical.care.services import Shown
from portal.clinical.usage.facts import price_of
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.masterdata.models import Location
from portal.masterdata.queries import locations_for

COMMANDS = (
    (".ok", "record what is shown (so does an empty Enter)"),
    (".3", "three of it; any number up to 999"),
    (".box .piece", "the whole box, or one piece"),
    (".opened", "opened, not used"),
    (".wasted", "wasted"),
    (".explanted", "taken out of the patient"),
    (".returned", "goes back to the shelf"),
    (".left .right .both .noside", "the side of the body"),
    (".request", "request more of it"),
    (".clear", "put it away without recording"),
    (".undo", "undo the last line"),
    (".card", "record the preference card as listed"),
    (".done", "close the case"),
)


def live(care: Care, form: CareForm, shown: Shown) -> dict[str, Any]:
    """What changes with every scan: the thing in hand, or what was found, and the lines of the case."""
    on_hand = care_queries.on_hand(care.place.id, [item.id for item in shown.found]) if shown.found else {}
    hand = None
    if shown.answer is not None:
        form.offer(shown.answer)
        hand = present.hand(shown.answer, form, price_of(shown.answer.item.id, care.today))
    return {
        "code": care.code,
        "form": form,
        "hand": hand,
        "sound": shown.sound,
        "messages": shown.messages,
        "found": present.tiles(shown.found, on_hand),
        "recorded": [present.usage_row(one) for one in care_queries.recorded(care)],
        "requested": [present.request_row(one) for one in care_queries.requested(care)],
        "zone": care.place.facility.time_zone,
        "is_closed": care.is_closed,
        "nothing_used": care.case is not None and care.case.nothing_used,
    }


def around(actor: Actor, care: Care) -> dict[str, Any]:
    """What stays while one scans: patient, place, favorites, preference card."""
    procedure = care.case.procedure_code if care.case else ""
    items = care_queries.favorites(care.place.id, procedure)
    on_hand = care_queries.on_hand(care.place.id, [item.id for item in items])
    return {
        "banner": banner(actor, care),
        "where": present.where(care),
        "favorites": present.tiles(items, on_hand),
        "card": card(care),
        "commands": COMMANDS,
        "is_launched": care.launch is not None,
        "has_style": care.launch is not None and bool(care.launch.style_url),
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


def cases(location: Location) -> dict[str, Any]:
    """The cases of a place today."""
    zone = location.facility.time_zone
    rows = care_queries.cases_on(location, clock.today(zone))
    return {"place": location, "zone": zone, "rows": [present.case_row(row, zone) for row in rows]}


def place_choices(actor: Actor) -> dict[str, str]:
    """Where the person may say to be, by id."""
    return {
        str(one.id): f"{one.name}, {one.facility.name}"
        for one in locations_for(actor, Permission.RECORD_USAGE)
    }
