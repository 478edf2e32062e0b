"""Expected deliveries as an iCalendar object (RFC 5545, with the refresh interval of RFC 7986)."""

from collections.abc import Iterable
from datetime import timedelta

from icalendar import Calendar, Event, vDuration

from portal.foundation.quantity import plain
from portal.orders.calendar.rules import Delivery

REFRESH = timedelta(hours=1)
MOST_ITEMS = 20


def written(name: str, deliveries: Iterable[Delivery], public_url: str) -> bytes:
    """The calendar as text in UTF-8; each delivery fills its day and blocks no time."""
    calendar = Calendar()
    calendar.add("prodid", "-//Clinic Supply Portal//Expected deliveries//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    for delivery in deliveries:
        calendar.add_component(_event(delivery, public_url))
    text: bytes = calendar.to_ical()
    return text


def _event(delivery: Delivery, public_url: str) -> Event:
    first = delivery.first
    event = Event()
    # The line keeps its event when the day moves: programs know an event by its UID.
    event.add("uid", f"line-{first.line_id}@{public_url.partition('://')[2] or 'portal'}")
    event.add("dtstamp", first.changed_at)
    event.add("dtstart", first.on)
    event.add("dtend", first.on + timedelta(days=1))
    event.add("summary", f"{first.supplier}: {first.number}")
    event.add("location", f"{first.location}, {first.facility}")
    event.add("description", "\n".join([*_items(delivery), f"{public_url}/orders/{first.order_id}"]))
    event.add("url", f"{public_url}/orders/{first.order_id}")
    event.add("status", "CONFIRMED" if delivery.is_announced else "TENTATIVE")
    event.add("transp", "TRANSPARENT")
    return event


def _items(delivery: Delivery) -> list[str]:
    told = [f"{plain(one.quantity)} {one.uom} {one.item}" for one in delivery.arrivals[:MOST_ITEMS]]
    more = len(delivery.arrivals) - MOST_ITEMS
    return [*told, f"and {more} more"] if more > 0 else told
