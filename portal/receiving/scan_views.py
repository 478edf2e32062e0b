"""The scanner that stays open: every scan is counted once and answered at once."""

from collections.abc import Callable, Collection
from typing import Any, TypeVar
from uuid import uuid4

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.errors import NotFound
from portal.foundation.web import actor
from portal.orders import queries as orders
from portal.orders.forms import row_number
from portal.receiving import package_page, presenters, queries, scan_presenters, scanning
from portal.receiving.blueprint import blueprint
from portal.receiving.rules import as_sscc
from portal.receiving.scan_forms import PackageForm, ScanForm
from portal.receiving.scanning import ON_LABEL, Told, Tone

View = TypeVar("View", bound=Callable[..., object])
FLASHES = {Tone.GOOD: "success", Tone.LOOK: "warning", Tone.ASK: "warning", Tone.STOP: "danger"}


def with_camera(view: View) -> View:
    """Lets the page use the camera; every other page of the portal may not."""
    vars(view)["talisman_view_options"] = {"permissions_policy": "camera=(self), microphone=()"}
    return view


@blueprint.get("/<int:order_id>/scan")
@with_camera
@requires(Permission.RECEIVE)
def scan(order_id: int) -> ResponseReturnValue:
    """Where one scans what came of an order."""
    before = request.args.get("before", "")[:500]
    form = ScanForm(formdata=None, before=before)
    missing = [name for name in ON_LABEL if name in request.args.get("missing", "").split()]
    counted = _counted(order_id, None, ScanForm(formdata=None, text=before), missing)
    others = queries.unchecked(actor(), order_id, but=counted["own_keys"])
    return render_template("receiving/scan.html", form=form, unchecked=others, **counted)


@blueprint.post("/<int:order_id>/scan")
@requires(Permission.RECEIVE)
def scan_submit(order_id: int) -> ResponseReturnValue:
    """Counts one scan; the script of the page takes the answer in place, a browser without it goes on."""
    form = ScanForm()
    told = scanning.count(actor(), order_id, form.given()) if form.validate() else _damaged(form)
    return _answer(order_id, told, form)


@blueprint.post("/<int:order_id>/scan/undo")
@requires(Permission.RECEIVE)
def scan_undo(order_id: int) -> ResponseReturnValue:
    """Takes the scan back that the page named."""
    scan_id = row_number(request.form.get("scan"))
    return _answer(order_id, scanning.take_back(actor(), order_id, scan_id))


@blueprint.get("/offline")
@with_camera
@requires(Permission.RECEIVE)
def offline() -> ResponseReturnValue:
    """The page the browser keeps for times without a connection: of no order, without a token."""
    form = ScanForm(formdata=None)
    return render_template("receiving/offline.html", form=form, account_id=actor().account_id)


@blueprint.get("/worker.js")
@requires(Permission.RECEIVE)
def worker() -> ResponseReturnValue:
    """The script that opens that page; it may do so below the address of receiving only."""
    script = current_app.send_static_file("js/receive-worker.js")
    script.headers["Service-Worker-Allowed"] = url_for("receiving.listing")
    script.headers["Cache-Control"] = "no-cache"
    return script


@blueprint.get("/package")
@requires(Permission.RECEIVE)
def package() -> ResponseReturnValue:
    """What a package holds, of whichever orders."""
    sscc = as_sscc(request.args.get("sscc", "")[:100])
    orders_ = package_page.contents(actor(), sscc)
    if not orders_:
        raise NotFound(f"No order that can be received has a parcel {sscc}.")
    form = PackageForm(formdata=None, text=sscc)
    return render_template("receiving/package.html", sscc=sscc, orders=orders_, form=form)


@blueprint.post("/package")
@requires(Permission.RECEIVE)
def package_submit() -> ResponseReturnValue:
    """Counts all of it into the receipts of its orders."""
    form = PackageForm()
    if not form.validate():
        flash(_damaged(form).sentence, "warning")
        return redirect(url_for("receiving.listing"), 303)
    answers = package_page.count(actor(), form.text.data, form.given())
    for order, told in answers:
        flash(f"{order.number}: {told.sentence}", FLASHES[told.tone])
    return redirect(url_for("receiving.package", sscc=form.text.data), 303)


def _damaged(form: ScanForm) -> Told:
    sentence = next(error for errors in form.errors.values() for error in errors)
    typed = tuple(name for name in ON_LABEL if name in form.errors)
    return Told(Tone.ASK, sentence, form.text.data or "" if typed else "", typed)


def _answer(order_id: int, told: Told, form: ScanForm | None = None) -> ResponseReturnValue:
    if "X-Scan" in request.headers:
        return render_template("receiving/counted.html", **_counted(order_id, told, form, told.missing))
    flash(told.sentence, FLASHES[told.tone])
    page = url_for(
        "receiving.scan",
        order_id=order_id,
        before=told.before or None,
        missing=" ".join(told.missing) or None,
    )
    return redirect(page, 303)


def _counted(
    order_id: int, told: Told | None, label: ScanForm | None = None, missing: Collection[str] = ()
) -> dict[str, Any]:
    """What is counted; `label` is the scan whose barcode lacks what is `missing`."""
    order = found(orders.for_person(actor(), order_id), "order")
    draft = queries.draft_of(order.id, actor().account_id)
    return {
        "order": order,
        "told": told,
        "label": label,
        "missing": [label[name] for name in missing] if label else [],
        "new_key": uuid4().hex,
        "closed": presenters.closed(order),
        "receipt": draft,
        "own_keys": [draft.form_key] if draft else [],
        "rows": scan_presenters.rows(order, draft),
        "last_scan": queries.last_scan(draft.id) if draft else None,
        "account_id": actor().account_id,
    }
