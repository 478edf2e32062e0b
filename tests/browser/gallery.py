"""The gallery: every component in every state, as an application of its own (`python -m` starts it)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import Babel
from flask_wtf import CSRFProtect, FlaskForm
from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup
from wtforms import (
    BooleanField,
    DateField,
    FileField,
    PasswordField,
    RadioField,
    SearchField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired

from portal.assets import sprite, used_icons
from portal.foundation.filters import init_filters
from portal.foundation.forms import QuantityField
from portal.foundation.paging import Page
from portal.foundation.web import ROOT, PortalFlask, asset, kept, svg_icon
from portal.navigation import Section, Shown

POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'"
PAGES = ("list", "order", "form", "parts", "receive")
NOW = datetime.now(UTC)


class Gallery(Flask):
    """A Flask with the portal's template options and nothing else of it."""

    jinja_options = PortalFlask.jinja_options


class RequestForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """One field of every kind."""

    title = StringField(
        "What is it for", [InputRequired("Enter what it is for.")], description="Shown to the approver."
    )
    location = SelectField(
        "Deliver to", [InputRequired()], choices={"or": "Operating room 2", "er": "Emergency"}
    )
    needed = DateField("Needed by", [InputRequired("Enter the day it is needed.")])
    quantity = QuantityField("Quantity", validators=[InputRequired("Enter a quantity.")])
    urgency = RadioField(
        "How urgent",
        [InputRequired("Choose how urgent it is.")],
        choices={"routine": "Routine", "stat": "STAT: today"},
    )
    notify = BooleanField("E-mail me when it ships")
    comment = TextAreaField("Comment")
    sheet = FileField("Attach a list", description="CSV or XLSX, at most 10 MB.")
    secret = PasswordField("Password", [InputRequired()])


class Filters(FlaskForm):  # type: ignore[misc]
    """What a list is filtered by."""

    class Meta:
        csrf = False

    q = SearchField("Words")
    status = SelectField("Status", choices={"": "Any", "open": "Open", "late": "Late"})
    location = SelectField("Location", choices={"": "Any", "or": "Operating room 2"})
    mine = BooleanField("Only mine")


def _status(label: str, tone: str, icon: str) -> dict[str, str]:
    return {"label": label, "tone": tone, "icon": icon}


STATES = [
    _status("Draft", "neutral", "pencil"),
    _status("Waiting for approval", "info", "hourglass"),
    _status("Confirmed", "success", "circle-check"),
    _status("Backordered", "warning", "clock-exclamation"),
    _status("Rejected", "danger", "circle-x"),
]


def _rows() -> list[dict[str, Any]]:
    titles = [
        "Exam gloves, nitrile, powder-free, medium",
        "Suture, polyglactin, 3-0, 27 in., FS-2",
        "IV start kit with chlorhexidine",
        "Catheter, Foley, silicone, 16 Fr, 10 mL balloon",
        "Syringe, luer lock, 10 mL",
    ]
    return [
        {
            "id": number,
            "number": f"REQ-00{4210 - number}",
            "title": titles[number % 5],
            "place": ["Main OR", "Emergency", "Clinic 4 East"][number % 3],
            "lines": number % 7 + 1,
            "amount": Decimal("184.20") * (number * number + 1),
            "at": NOW - timedelta(hours=number * 7, minutes=4),
            "state": STATES[number % 5],
            "tone": {3: "warning", 4: "danger"}.get(number),
        }
        for number in range(12)
    ]


def _context() -> dict[str, Any]:
    clinic = (
        _item("Home", icon="home"),
        _item("Catalog", icon="building-store"),
        _item("Cart", icon="shopping-cart", count=3),
        _item("Requisitions", icon="clipboard-list", active=True),
        _item("Receive", icon="package-import", count=2),
    )
    buying = (
        _item("Approvals", icon="checkbox", count=12),
        _item("Orders", icon="truck-delivery"),
        _item("Work items", icon="alert-triangle", count=4),
    )
    return {
        "navigation": lambda: (Section("Clinic", clinic), Section("Buying", buying)),
        "search_url": "/list",
        "search_results_url": "/results",
        "home_url": "/list",
        "sign_out_url": "/",
        "organization_name": "Northside Health",
        "person_name": "Clinic manager",
        "person_role": "Clinic manager",
        "now": NOW,
        "hour": timedelta(hours=1),
        "number": Decimal,
        "states": STATES,
        "rows": _rows(),
        "page": Page(rows=_rows(), number=3, total=1234),
        "some": SimpleNamespace,
    }


def _item(label: str, *, icon: str, count: int = 0, active: bool = False) -> Shown:
    return Shown(label, "/list", icon, active, count)


def _show(name: str) -> ResponseReturnValue:
    form = RequestForm()
    if request.method == "POST":
        form.validate()
    if "flash" in request.args:
        flash("Requisition REQ-004208 was submitted.", "success")
    return render_template(f"{name}.html", form=form, filters=Filters(request.args), **_context())


def create_gallery() -> Flask:
    """The application; every page carries the portal's content security policy."""
    app = Gallery("gallery", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    pages = FileSystemLoader(ROOT / "tests" / "browser" / "pages")
    app.jinja_loader = ChoiceLoader([FileSystemLoader(ROOT / "templates"), pages])
    app.config.update(SECRET_KEY="gallery", BABEL_DEFAULT_LOCALE="en_US")
    Babel(app)
    CSRFProtect(app)
    init_filters(app)
    drawn = sprite(used_icons(ROOT / "templates", ROOT / "tests" / "browser"))
    app.add_url_rule("/icons.svg", "icons", lambda: Response(drawn, mimetype="image/svg+xml"))
    app.add_template_global(_asset, "asset")
    app.add_template_global(_icon, "svg_icon")
    app.add_template_global(kept)
    app.add_url_rule(
        "/<any(list, order, form, parts, receive, paper, plain):name>", "show", _show, methods=["GET", "POST"]
    )
    app.add_url_rule("/results", "results", lambda: render_template("results.html"))
    app.add_url_rule("/error/<int:status>", "error", _error)
    app.after_request(_secure)
    return app


def _asset(name: str) -> str:
    """The portal's own address of a file, but a sprite that also holds the icons of the gallery."""
    return url_for("icons") if name == "vendor/icons.svg" else asset(name)


def _icon(name: str) -> Markup:
    return svg_icon(name).replace(asset("vendor/icons.svg"), url_for("icons"))


def _error(status: int) -> ResponseReturnValue:
    return render_template("errors/error.html", status=status, sentence=""), status


def _secure(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response


if __name__ == "__main__":
    create_gallery().run(port=5055, debug=False)
