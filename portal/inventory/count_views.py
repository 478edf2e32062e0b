"""Counts: the list, the blind sheet, and what came of it."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.catalog.views import place, switch_of
from portal.foundation.access import Permission, requires
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.inventory import count_presenters, count_queries, counting
from portal.inventory.blueprint import blueprint
from portal.inventory.count_queries import Which
from portal.inventory.forms import CountForm, StartForm, count_form


@blueprint.get("/counts")
@requires(Permission.COUNT_STOCK)
def counts() -> ResponseReturnValue:
    """Counts, the open ones first, and starting another."""
    return _counts_page(StartForm())


def _counts_page(form: StartForm) -> str:
    chosen = place(Permission.COUNT_STOCK)
    page = paginate(count_queries.listing(actor()), request.args.get("page", 1, type=int))
    rows = [count_presenters.row(sheet) for sheet in page.rows]
    return render_template(
        "inventory/counts.html",
        form=form,
        page=page,
        rows=rows,
        place=chosen.location,
        switch=switch_of(chosen),
    )


@blueprint.post("/counts")
@requires(Permission.COUNT_STOCK)
def start_count() -> ResponseReturnValue:
    """Begins a count at the chosen location."""
    location_id = place(Permission.COUNT_STOCK).location.id
    form = StartForm()
    if form.validate():
        with form.accepting():
            sheet = counting.start(actor(), location_id, Which(form.which.data))
    if form.is_refused:
        return _counts_page(form), 422
    return redirect(url_for("inventory.count", sheet_id=sheet.id), 303)


@blueprint.get("/counts/<int:sheet_id>")
@requires(Permission.COUNT_STOCK)
def count(sheet_id: int) -> ResponseReturnValue:
    """The sheet; `line` names the one that was scanned."""
    return _count_page(sheet_id, None)


def _count_page(sheet_id: int, form: CountForm | None) -> str:
    sheet = count_queries.sheet(sheet_id)
    actor().require(Permission.COUNT_STOCK, facility_id=sheet.location.facility_id)
    form = form or _form(sheet_id, sent=False)
    scanned = request.args.get("line", type=int)
    shown = count_presenters.sheet(sheet, form, scanned)
    return render_template("inventory/count.html", form=form, sheet=sheet, scanned=scanned, **shown)


def _form(sheet_id: int, *, sent: bool) -> CountForm:
    sheet = count_queries.sheet(sheet_id)
    asked = [line for line in sheet.lines if counting.is_asked(sheet, line)]
    return count_form({line.id: line.counted for line in asked}, sent=sent)


@blueprint.post("/counts/<int:sheet_id>")
@requires(Permission.COUNT_STOCK)
def save_count(sheet_id: int) -> ResponseReturnValue:
    """Keeps what was counted; ends the round when that was asked for, or goes to what was scanned."""
    form = _form(sheet_id, sent=True)
    line_id: int | None = None
    if form.validate():
        with form.accepting():
            line_id = _save(sheet_id, form)
    if form.is_refused:
        return _count_page(sheet_id, form), 422
    return redirect(url_for("inventory.count", sheet_id=sheet_id, line=line_id), 303)


def _save(sheet_id: int, form: CountForm) -> int | None:
    if "finish" in request.form:
        counting.finish(actor(), sheet_id, form.counted())
        return None
    counting.save(actor(), sheet_id, form.counted())
    scan = (form.scan.data or "").strip()
    return counting.scan(actor(), sheet_id, scan).id if scan else None


@blueprint.post("/counts/<int:sheet_id>/cancel")
@requires(Permission.COUNT_STOCK)
def cancel_count(sheet_id: int) -> ResponseReturnValue:
    """Throws the count away."""
    sheet = counting.cancel(actor(), sheet_id)
    flash(f"{sheet.number} is cancelled. Nothing was changed.", "success")
    return redirect(url_for("inventory.counts"), 303)
