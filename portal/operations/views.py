"""The engineer's pages over the exchange, work items, traces, the audit trail, and the probes."""

import hmac
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, public, requires, signed_in
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.operations import (
    exports,
    finding,
    forms,
    health,
    message_page,
    opening,
    overview,
    presenters,
    queries,
    services,
    trace_page,
    trail,
)
from portal.operations import work_items as items
from portal.orders.differences import presenters as differences
from portal.orders.differences.forms import DecideForm
from portal.settings import Settings

blueprint = Blueprint("operations", __name__)
MOST_PAGES = 1_000_000
LOOPBACK = frozenset({"127.0.0.1", "::1"})


@blueprint.context_processor
def _zone() -> dict[str, str]:
    return {"zone": queries.time_zone()}


@blueprint.get("/operations")
@requires(Permission.OPERATE_EXCHANGE)
def dashboard() -> ResponseReturnValue:
    """What is stopped and late, how the partners are, the last day."""
    return render_template("operations/dashboard.html", **overview.context(actor()))


@blueprint.get("/operations/messages")
@requires(Permission.OPERATE_EXCHANGE)
def messages() -> ResponseReturnValue:
    """Every message, filtered."""
    form = _message_form()
    sort = request.args.get("sort", "")
    page = paginate(queries.messages(forms.message_filter(form), sort), _page_number())
    rows = [presenters.message_row(row) for row in page.rows]
    return render_template(
        "operations/messages.html", form=form, page=page, rows=rows, sort=sort,
        export_url=_filtered("operations.export_messages"),
    )  # fmt: skip


@blueprint.get("/operations/messages.csv")
@requires(Permission.OPERATE_EXCHANGE)
def export_messages() -> ResponseReturnValue:
    """The list as it is filtered, as CSV."""
    statement = queries.messages(forms.message_filter(_message_form()), request.args.get("sort", ""))
    services.note_export(actor(), "messages", request.args.to_dict())
    return _csv("messages", exports.messages(statement))


@blueprint.get("/operations/messages/<int:message_id>")
@requires(Permission.OPERATE_EXCHANGE)
def message(message_id: int) -> ResponseReturnValue:
    """Everything known of one message."""
    return _message_page(message_id, forms.WithdrawForm(formdata=None))


@blueprint.post("/operations/messages/<int:message_id>/retry")
@requires(Permission.OPERATE_EXCHANGE)
def retry(message_id: int) -> ResponseReturnValue:
    """Tries a message again now."""
    services.retry_message(actor(), message_id)
    flash("The message is tried again now.", "success")
    return redirect(url_for("operations.message", message_id=message_id), 303)


@blueprint.post("/operations/messages/<int:message_id>/replay")
@requires(Permission.OPERATE_EXCHANGE)
def replay(message_id: int) -> ResponseReturnValue:
    """Repeats a finished message."""
    services.replay_message(actor(), message_id)
    flash("The message is repeated now under its own id.", "success")
    return redirect(url_for("operations.message", message_id=message_id), 303)


@blueprint.post("/operations/messages/<int:message_id>/withdraw")
@requires(Permission.OPERATE_EXCHANGE)
def withdraw(message_id: int) -> ResponseReturnValue:
    """Gives a message up."""
    form = forms.WithdrawForm()
    if form.validate():
        with form.accepting():
            services.withdraw_message(actor(), message_id, form.reason.data)
    if form.is_refused:
        return _message_page(message_id, form), 422
    flash("The message is withdrawn; it is not sent or applied any more.", "success")
    return redirect(url_for("operations.message", message_id=message_id), 303)


@blueprint.post("/operations/messages/<int:message_id>/open")
@requires(Permission.VIEW_PATIENTS)
def open_message(message_id: int) -> ResponseReturnValue:
    """Shows a message that names patients; who looked is written down."""
    text = opening.text_of(opening.open_sealed(actor(), message_id))
    return render_template("operations/opened_message.html", text=text, message_id=message_id)


def _message_page(message_id: int, form: forms.WithdrawForm) -> str:
    attempt = request.args.get("attempt", type=int)
    return render_template(
        "operations/message.html", form=form, **message_page.context(actor(), message_id, attempt)
    )


def _message_form() -> forms.MessageFilter:
    form = forms.MessageFilter(request.args)
    form.offer(queries.partners())
    form.validate()
    return form


@blueprint.get("/operations/partners")
@requires(Permission.OPERATE_EXCHANGE)
def partners() -> ResponseReturnValue:
    """Reach, backlog and state of every partner."""
    return render_template("operations/partners.html", rows=overview.partner_rows())


@blueprint.post("/operations/partners/<int:partner_id>/check")
@requires(Permission.OPERATE_EXCHANGE)
def check_partner(partner_id: int) -> ResponseReturnValue:
    """Reaches the partner and logs in."""
    result = services.check_partner(actor(), partner_id)
    tone = "success" if result.login_ok else "danger"
    flash(f"{result.detail} ({result.milliseconds} ms)", tone)
    return redirect(url_for("operations.partners"), 303)


@blueprint.post("/operations/partners/<int:partner_id>/pause")
@requires(Permission.OPERATE_EXCHANGE)
def pause_partner(partner_id: int) -> ResponseReturnValue:
    """Stops deliveries; messages wait."""
    partner = services.pause_partner(actor(), partner_id, paused=True)
    flash(f"Nothing is sent to {partner.name} until you resume it. Messages wait.", "success")
    return redirect(url_for("operations.partners"), 303)


@blueprint.post("/operations/partners/<int:partner_id>/resume")
@requires(Permission.OPERATE_EXCHANGE)
def resume_partner(partner_id: int) -> ResponseReturnValue:
    """Lets deliveries go on."""
    partner = services.pause_partner(actor(), partner_id, paused=False)
    flash(f"Messages to {partner.name} are sent again.", "success")
    return redirect(url_for("operations.partners"), 303)


@blueprint.post("/operations/partners/<int:partner_id>/retry-stopped")
@requires(Permission.OPERATE_EXCHANGE)
def retry_stopped(partner_id: int) -> ResponseReturnValue:
    """Tries everything again that needs attention at one partner."""
    count = services.retry_stopped(actor(), partner_id)
    flash(f"{count} messages are tried again now.", "success")
    return redirect(url_for("operations.partners"), 303)


@blueprint.get("/operations/work-items")
@requires(Permission.RESOLVE_WORK_ITEMS)
def work_items() -> ResponseReturnValue:
    """What somebody must decide."""
    form = forms.ItemFilter(request.args)
    sort = request.args.get("sort", "")
    page = paginate(items.listing(actor(), forms.item_filter(form), sort), _page_number())
    rows = [presenters.item_row(actor(), row[0], row.at_stake, row.owner) for row in page.rows]
    return render_template(
        "operations/work_items.html", form=form, page=page, rows=rows, sort=sort, which=form.which.data,
        export_url=_filtered("operations.export_work_items"),
    )  # fmt: skip


@blueprint.get("/operations/work-items.csv")
@requires(Permission.RESOLVE_WORK_ITEMS)
def export_work_items() -> ResponseReturnValue:
    """The list as it is filtered, as CSV."""
    wanted = forms.item_filter(forms.ItemFilter(request.args))
    statement = items.listing(actor(), wanted, request.args.get("sort", ""))
    services.note_export(actor(), "work_items", request.args.to_dict())
    return _csv("work-items", exports.work_items(statement))


@blueprint.get("/operations/work-items/<int:item_id>")
@requires(Permission.RESOLVE_WORK_ITEMS)
def work_item(item_id: int) -> ResponseReturnValue:
    """One work item."""
    return _item_page(item_id, forms.ResolveForm(formdata=None))


@blueprint.post("/operations/work-items/<int:item_id>/take")
@requires(Permission.RESOLVE_WORK_ITEMS)
def take(item_id: int) -> ResponseReturnValue:
    """Makes it mine."""
    services.take_item(actor(), item_id)
    flash("The work item is yours.", "success")
    return redirect(url_for("operations.work_item", item_id=item_id), 303)


@blueprint.post("/operations/work-items/<int:item_id>/resolve")
@requires(Permission.RESOLVE_WORK_ITEMS)
def resolve(item_id: int) -> ResponseReturnValue:
    """Closes it with a comment."""
    form = forms.ResolveForm()
    if form.validate():
        with form.accepting():
            services.resolve_item(actor(), item_id, form.comment.data)
    if form.is_refused:
        return _item_page(item_id, form), 422
    flash("The work item is resolved.", "success")
    return redirect(url_for("operations.work_items"), 303)


def _item_page(item_id: int, form: forms.ResolveForm) -> str:
    item, facts = items.one(actor(), item_id), items.facts(item_id)
    row = presenters.item_row(actor(), item, facts.at_stake, facts.owner)
    panel = differences.panel(actor(), item)
    decide_form = DecideForm(formdata=None)
    if panel is not None:
        decide_form.suggest(panel)
    return render_template(
        "operations/work_item.html", form=form, item=row, facts=facts, panel=panel, decide_form=decide_form
    )


@blueprint.get("/operations/find")
@signed_in
def find() -> ResponseReturnValue:
    """Finds a document by any of its numbers and goes there when there is only one."""
    form = forms.FindForm(request.args)
    number = (form.q.data or "") if form.validate() else ""
    hits = finding.find(actor(), number) if number else []
    rows = [presenters.hit_row(actor(), hit) for hit in hits]
    if len(rows) == 1 and rows[0].url:
        return redirect(rows[0].url)
    return render_template("operations/find.html", form=form, number=number, rows=rows)


@blueprint.get("/operations/trace/<path:number>")
@requires(Permission.OPERATE_EXCHANGE)
def trace(number: str) -> ResponseReturnValue:
    """Everything around a document, from the first click, by its number or the id of a requisition."""
    hits = finding.find(actor(), forms.tidy(number)) or [finding.requisition(number)]
    if len(hits) > 1:
        return redirect(url_for("operations.find", q=number))
    return render_template("operations/trace.html", **trace_page.context(actor(), hits[0]))


@blueprint.get("/operations/trace/<any(requisition,purchase_order,receipt,invoice):kind>/<int:document_id>")
@requires(Permission.OPERATE_EXCHANGE)
def trace_document(kind: str, document_id: int) -> ResponseReturnValue:
    """Everything around a document, by its own id."""
    return render_template(
        "operations/trace.html", **trace_page.context(actor(), finding.by_id(kind, document_id))
    )


@blueprint.get("/operations/audit")
@requires(Permission.AUDIT)
def audit() -> ResponseReturnValue:
    """Who did what, when, on which evidence."""
    form = _audit_form()
    page = paginate(trail.events(forms.audit_filter(form)), _page_number())
    rows = [presenters.event_row(actor(), event) for event in page.rows]
    return render_template(
        "operations/audit.html", form=form, page=page, rows=rows, seals=trail.seals(),
        export_url=_filtered("operations.export_audit"),
    )  # fmt: skip


@blueprint.get("/operations/audit.csv")
@requires(Permission.AUDIT)
def export_audit() -> ResponseReturnValue:
    """The trail as it is filtered, as CSV."""
    statement = trail.events(forms.audit_filter(_audit_form()))
    services.note_export(actor(), "audit", request.args.to_dict())
    return _csv("audit", exports.audit(statement))


@blueprint.post("/operations/audit/verify")
@requires(Permission.AUDIT)
def verify_audit() -> ResponseReturnValue:
    """Recomputes the hash chain."""
    result = services.verify_trail(actor())
    flash(presenters.verified(result), "danger" if result.broken else "success")
    return redirect(url_for("operations.audit"), 303)


def _audit_form() -> forms.AuditFilter:
    form = forms.AuditFilter(request.args)
    form.offer(trail.accounts())
    form.validate()
    return form


@blueprint.get("/health/live")
@public
def live() -> ResponseReturnValue:
    """This process answers."""
    return {"status": "live"}


@blueprint.get("/health/ready")
@public
def ready() -> ResponseReturnValue:
    """This process can serve; 503 with the reasons when it cannot."""
    faults = health.faults()
    return {"status": "not ready" if faults else "ready", "faults": faults}, 503 if faults else 200


@blueprint.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    """For Prometheus: on this machine, or with the token."""
    if not (_is_local() or _has_token()):
        return {"error": "Send PORTAL_METRICS_TOKEN as a bearer token."}, 401, {"WWW-Authenticate": "Bearer"}
    return Response(health.metrics_text(), content_type="text/plain; version=0.0.4; charset=utf-8")


def _is_local() -> bool:
    # Behind a proxy on this machine everybody would look local.
    return request.remote_addr in LOOPBACK and "X-Forwarded-For" not in request.headers


def _has_token() -> bool:
    settings: Settings = current_app.extensions["settings"]
    token = settings.metrics_token.get_secret_value()
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token != "" and hmac.compare_digest(given.encode(), token.encode())


def _page_number() -> int:
    return min(request.args.get("page", 1, type=int), MOST_PAGES)


def _filtered(endpoint: str) -> str:
    """The address of an endpoint with the filters of the present list."""
    return f"{url_for(endpoint)}?{urlencode(list(request.args.items(multi=True)))}"


def _csv(name: str, lines: Iterator[str]) -> Response:
    disposition = f'attachment; filename="{name}.csv"'
    headers: dict[str, Any] = {"Content-Disposition": disposition}
    return Response(lines, content_type="text/csv; charset=utf-8", headers=headers)
