"""The pages of the rulebook."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.requisitions.rulebook import page, services
from portal.requisitions.rulebook.forms import ClosedDayForm, CredentialForm, RestrictionForm, row_number

blueprint = Blueprint("rulebook", __name__)


@blueprint.get("/rules")
@requires(Permission.MANAGE_RULES)
def listing() -> ResponseReturnValue:
    """Every rule in plain words with its present setting."""
    return render_template("rulebook/listing.html", **page.listing())


@blueprint.get("/rules/setting")
@requires(Permission.MANAGE_RULES)
def show() -> ResponseReturnValue:
    """One rule: what counts, its history, a form for another setting."""
    return render_template("rulebook/show.html", **page.rule(request.args.get("rule", "")))


@blueprint.post("/rules/setting")
@requires(Permission.MANAGE_RULES)
def change() -> ResponseReturnValue:
    """Adds a setting from a day on."""
    rule = services.rule_of(request.args.get("rule", ""))
    page.refuse_fixed(rule)
    form = page.form_of(rule, sent=True)
    page.save(actor(), rule, form)
    if form.is_refused:
        return render_template("rulebook/show.html", **page.rule(rule.key, form)), 422
    flash("The setting is kept. It counts from its day on.", "success")
    return redirect(url_for("rulebook.show", rule=rule.key), 303)


@blueprint.post("/rules/trial")
@requires(Permission.MANAGE_RULES)
def try_out() -> ResponseReturnValue:
    """Says what a setting would have done last month; nothing is changed."""
    rule = services.rule_of(request.args.get("rule", ""))
    page.refuse_fixed(rule)
    form = page.form_of(rule, sent=True)
    found = page.try_out(actor(), rule, form)
    status = 422 if form.is_refused else 200
    return render_template("rulebook/show.html", **page.rule(rule.key, form, found)), status


@blueprint.get("/rules/restricted")
@requires(Permission.MANAGE_RULES)
def restricted() -> ResponseReturnValue:
    """What only some people may request, and who has which credential."""
    return render_template("rulebook/restricted.html", **page.restricted())


@blueprint.post("/rules/restricted")
@requires(Permission.MANAGE_RULES)
def restrict() -> ResponseReturnValue:
    """Restricts an item or a category."""
    form = RestrictionForm()
    if form.validate():
        with form.accepting():
            services.restrict(
                actor(), code=form.code.data or "", category=form.category.data or "",
                role=form.role.data or "", credential=form.credential.data or "",
            )  # fmt: skip
    if form.is_refused:
        return render_template("rulebook/restricted.html", **page.restricted(form)), 422
    flash("It is restricted from now on.", "success")
    return redirect(url_for("rulebook.restricted"), 303)


@blueprint.post("/rules/restricted/<int:restriction_id>/lift")
@requires(Permission.MANAGE_RULES)
def lift(restriction_id: int) -> ResponseReturnValue:
    """Opens what was restricted."""
    services.lift(actor(), restriction_id)
    flash("The restriction is lifted.", "success")
    return redirect(url_for("rulebook.restricted"), 303)


@blueprint.post("/rules/credentials")
@requires(Permission.MANAGE_RULES)
def certify() -> ResponseReturnValue:
    """Notes that a person has a credential."""
    form = CredentialForm()
    if form.validate():
        with form.accepting():
            services.certify(
                actor(), email=form.email.data or "", name=form.name.data or "",
                valid_until=form.valid_until.data, today=page.today(),
            )  # fmt: skip
    if form.is_refused:
        return render_template("rulebook/restricted.html", **page.restricted(credential=form)), 422
    flash("The credential is noted.", "success")
    return redirect(url_for("rulebook.restricted"), 303)


@blueprint.post("/rules/credentials/<int:credential_id>/revoke")
@requires(Permission.MANAGE_RULES)
def revoke(credential_id: int) -> ResponseReturnValue:
    """Takes a credential from a person."""
    services.revoke(actor(), credential_id)
    flash("The credential is taken back.", "success")
    return redirect(url_for("rulebook.restricted"), 303)


@blueprint.get("/rules/closed-days")
@requires(Permission.MANAGE_RULES)
def closed_days() -> ResponseReturnValue:
    """When facilities and locations take no deliveries."""
    return render_template("rulebook/closed_days.html", **page.closed())


@blueprint.post("/rules/closed-days")
@requires(Permission.MANAGE_RULES)
def close() -> ResponseReturnValue:
    """Adds a day without deliveries."""
    form = ClosedDayForm()
    if form.validate():
        with form.accepting():
            services.close(
                actor(), facility_id=row_number(form.facility.data) or 0, code=form.location.data or "",
                weekday=form.weekday_number(), day=form.day.data, reason=form.reason.data or "",
            )  # fmt: skip
    if form.is_refused:
        return render_template("rulebook/closed_days.html", **page.closed(form)), 422
    flash("Nothing is received then.", "success")
    return redirect(url_for("rulebook.closed_days"), 303)


@blueprint.post("/rules/closed-days/<int:closed_day_id>/open")
@requires(Permission.MANAGE_RULES)
def reopen(closed_day_id: int) -> ResponseReturnValue:
    """Takes deliveries again."""
    services.reopen(actor(), closed_day_id)
    flash("Deliveries are taken again.", "success")
    return redirect(url_for("rulebook.closed_days"), 303)
