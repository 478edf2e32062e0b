"""Expected deliveries by week and month, and the feed for calendar programs."""

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.foundation import clock
from portal.foundation.access import Permission, public, requires
from portal.foundation.web import actor
from portal.orders import searching
from portal.orders.calendar import feed, presenters, queries, services
from portal.orders.calendar.forms import CalendarFilter, FeedForm
from portal.orders.calendar.rules import Span, day_asked, deliveries

blueprint = Blueprint("calendar", __name__)
FEED = ("calendar.read_feed",)


@blueprint.get("/deliveries")
@requires(Permission.VIEW_ORDERS)
def show() -> ResponseReturnValue:
    """What should arrive, by day and place."""
    places = searching.location_choices(actor())
    place = presenters.chosen_place(request.args.get("location"), current_user.home_location_id, places)
    today = clock.today(current_user.time_zone)
    around = day_asked(request.args.get("day", ""), today)
    span = Span.MONTH if request.args.get("span") == Span.MONTH else Span.WEEK
    form = CalendarFilter(formdata=None, data={"location": place, "span": span.value, "day": around})
    form.offer(places)
    shown = presenters.page(actor(), span, around, place, today)
    return render_template("orders/calendar/show.html", form=form, **shown)


@blueprint.get("/deliveries/feed")
@requires(Permission.VIEW_ORDERS)
def feed_page() -> ResponseReturnValue:
    """The person's calendar address: when it was made and last read."""
    return _feed_page(_feed_form())


@blueprint.post("/deliveries/feed")
@requires(Permission.VIEW_ORDERS)
def renew_feed() -> ResponseReturnValue:
    """Makes the address anew and shows it, this once."""
    form = _feed_form()
    address = ""
    if form.validate():
        with form.accepting():
            address = services.renew(actor(), form.location_id())
    if form.is_refused:
        return _feed_page(form), 422
    return _feed_page(form, f"{_public_url()}{url_for('calendar.read_feed', token=address)}")


@blueprint.post("/deliveries/feed/revoke")
@requires(Permission.VIEW_ORDERS)
def revoke_feed() -> ResponseReturnValue:
    """From now on the address answers nothing."""
    services.revoke(actor())
    flash("The calendar address is revoked. Programs that read it get nothing any more.", "success")
    return redirect(url_for("calendar.feed_page"), 303)


def _feed_form() -> FeedForm:
    form = FeedForm()
    form.offer(searching.location_choices(actor()))
    return form


def _feed_page(form: FeedForm, address: str = "") -> str:
    known = queries.feed_of(actor().account_id)
    return render_template("orders/calendar/feed.html", form=form, feed=known, address=address)


def _public_url() -> str:
    return str(current_app.extensions["settings"].public_url)


@blueprint.get("/calendar/<token>.ics")
@public
def read_feed(token: str) -> ResponseReturnValue:
    """The deliveries of the person behind the address, as RFC 5545 text."""
    person, known = services.opened(token)
    arrivals = queries.of_feed(person, clock.today(), known.location_id)
    name = f"Deliveries to {known.location.name}" if known.location else "Expected deliveries"
    answer = make_response(feed.written(name, deliveries(arrivals), _public_url()))
    answer.content_type = "text/calendar; charset=utf-8"
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.add_etag()
    return answer.make_conditional(request)
