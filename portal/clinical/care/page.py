"""All that the point-of-care page shows, gathered: the part that changes with every scan, and the rest."""

from typing import Any

from portal.clinical.access.records import record_view
from portal.clinical.care import presenters as present
from portal.clinical.care import queries as care_queries
from portal.clinical.care.answer import Answer, answer
from portal.clinical.care.context import Care, patient_of
from portal.clinical.care.forms import CareForm
from portal.clinical.care.services import Shown, wants_request
from portal.clinical.usage.facts import price_of
from portal.foundation import clock
from portal.foundation.access import Actor, Permission
from portal.foundation.db import found
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
# Where a launch was opened to ask for supplies, Enter asks for them.
REQUEST_COMMANDS = (
    (".request", "request what is shown (so does an empty Enter)"),
    (".ok", "record that it was used"),
    *(one for one in COMMANDS if one[0] not in (".ok", ".request")),
)


def live(care: Care, form: CareForm, shown: Shown, *, is_part: bool) -> dict[str, Any]:
    """What changes with every scan: the thing in hand, or what was found, and the lines of the case.

    Where only this part of the page is wanted, it leaves out what a browser has (lines that did not change)
    or asks for when it is opened (the offer).
    """
    on_hand = care_queries.on_hand(care.place.id, [item.id for item in shown.found]) if shown.found else {}
    hand = None
    if shown.answer is not None:
        form.offer(shown.answer)
        hand = present.hand(shown.answer, form)
    is_glance = is_part and not shown.is_bad
    lines_stand = is_glance and not shown.is_changed
    return {
        "code": care.code,
        "form": form,
        "hand": hand,
        "is_request": wants_request(care),
        "offer": None if is_glance or shown.answer is None else _offer(care, shown.answer),
        "sound": shown.sound,
        "messages": shown.messages,
        "found": present.tiles(shown.found, on_hand),
        "zone": care.place.facility.time_zone,
        "is_closed": care.is_closed,
        "lines_stand": lines_stand,
        **({} if lines_stand else _lines(care)),
    }


def _lines(care: Care) -> dict[str, Any]:
    """What was recorded and requested."""
    return {
        "recorded": [present.usage_row(one) for one in care_queries.recorded(care)],
        "requested": [present.request_row(one) for one in care_queries.requested(care)],
        "nothing_used": care.case is not None and care.case.nothing_used,
    }


def offer(care: Care, form: CareForm) -> dict[str, Any]:
    """What one tap on Request asks for of the thing in hand; raises NotFound for nothing in hand."""
    known = answer(care, found(form.entry(), "item"))
    form.offer(known)
    return {"form": form, "offer": _offer(care, known)}


def _offer(care: Care, known: Answer) -> str:
    price = price_of(known.item.id, care.today)
    return present.offer(known, price) if price else ""


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
        "lists": {"location": care.place.id, "procedure": procedure, "case": care.code},
        "commands": REQUEST_COMMANDS if wants_request(care) else COMMANDS,
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
