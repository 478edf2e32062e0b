"""Pages about HL7 v2 interfaces: the list, one with its mapping table, the live preview of a message."""

from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.clinical.blueprint import blueprint
from portal.clinical.feeds import outbound as feed_outbound
from portal.clinical.feeds import settings as feed_settings
from portal.clinical.feeds.forms import FeedForm, shown
from portal.clinical.models import Feed
from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.identity import queries as identity


@blueprint.get("/interfaces")
@requires(Permission.OPERATE_EXCHANGE)
def show_feeds() -> str:
    """The interfaces that send HL7 v2 messages."""
    return render_template("clinical/feeds.html", rows=feed_settings.listing(), zone=_zone())


@blueprint.get("/interfaces/new")
@requires(Permission.OPERATE_EXCHANGE)
def new_feed() -> str:
    """The empty form."""
    return _page(FeedForm(formdata=None), None)


@blueprint.post("/interfaces/new")
@requires(Permission.OPERATE_EXCHANGE)
def add_feed() -> ResponseReturnValue:
    """Sets up an interface."""
    form = _form()
    if form.validate():
        with form.accepting():
            feed_settings.add(actor(), form.code.data.strip(), form.values())
    if form.is_refused:
        return _page(form, None), 422
    flash("Added. Paste a message below to see how it is read.", "success")
    return redirect(url_for("clinical.show_feed", code=form.code.data.strip()), 303)


@blueprint.get("/interfaces/<code>")
@requires(Permission.OPERATE_EXCHANGE)
def show_feed(code: str) -> str:
    """One interface with its mapping table."""
    feed = feed_settings.by_code(code)
    return _page(
        FeedForm(formdata=None, data=shown(feed) | {"send_to": feed_settings.send_to_of(feed)}), feed
    )


@blueprint.post("/interfaces/<code>")
@requires(Permission.OPERATE_EXCHANGE)
def change_feed(code: str) -> ResponseReturnValue:
    """Changes an interface."""
    feed = feed_settings.by_code(code)
    form = _form(code)
    if form.validate():
        with form.accepting():
            feed_settings.change(actor(), feed, form.values())
    if form.is_refused:
        return _page(form, feed), 422
    flash("Saved. Messages are read so from now on.", "success")
    return redirect(url_for("clinical.show_feed", code=code), 303)


@blueprint.post("/interfaces/<code>/send-items")
@requires(Permission.OPERATE_EXCHANGE)
def send_items(code: str) -> ResponseReturnValue:
    """Sends the item master to the system behind the interface."""
    count = feed_outbound.send_items(actor(), feed_settings.by_code(code))
    flash(f"{count:,} items are on their way.", "success")
    return redirect(url_for("clinical.show_feed", code=code), 303)


@blueprint.post("/interfaces/<code>/send-levels")
@requires(Permission.OPERATE_EXCHANGE)
def send_levels(code: str) -> ResponseReturnValue:
    """Sends what places have to the system behind the interface."""
    count = feed_outbound.send_levels(actor(), feed_settings.by_code(code))
    flash(f"The stock of {count:,} items is on its way.", "success")
    return redirect(url_for("clinical.show_feed", code=code), 303)


@blueprint.post("/interfaces/<code>/preview")
@requires(Permission.OPERATE_EXCHANGE)
def preview_feed(code: str) -> ResponseReturnValue:
    """What a pasted message would mean with what is typed; nothing is kept."""
    feed = feed_settings.by_code(code)
    form = _form(code)
    preview = None
    if form.validate() and form.message.data.strip():
        with form.accepting():
            preview = feed_settings.preview(form.values(), form.message.data)
    return _page(form, feed, preview)


def _form(code: str = "") -> Any:
    form = FeedForm()
    form.code.data = code or form.code.data
    form.offer(identity.places("facility"))
    return form


def _page(form: Any, feed: Feed | None, preview: feed_settings.Preview | None = None) -> str:
    form.offer(identity.places("facility"))
    return render_template("clinical/feed.html", form=form, feed=feed, preview=preview)


def _zone() -> str:
    return identity.organization().time_zone
