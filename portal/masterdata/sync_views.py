"""The pages over what is read from the ERP: runs, their differences, apply, discard, read now."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.masterdata import browse_views, listings, run_presenters, sync_services
from portal.masterdata.browse_views import page_number
from portal.masterdata.forms import SyncFilter

blueprint = browse_views.blueprint


@blueprint.get("/erp-sync")
@requires(Permission.MANAGE_MASTER_DATA)
def syncs() -> ResponseReturnValue:
    """The newest read of each kind, then all of them."""
    form = SyncFilter(request.args)
    page = paginate(listings.sync_runs(form.kind.data or ""), page_number())
    return render_template(
        "masterdata/syncs.html",
        form=form,
        page=page,
        rows=[run_presenters.sync_row(run) for run in page.rows],
        latest=[run_presenters.sync_row(run) for run in listings.latest_reads()],
        has_erp=listings.has_erp(),
    )


@blueprint.post("/erp-sync")
@requires(Permission.MANAGE_MASTER_DATA)
def read_now() -> ResponseReturnValue:
    """Reads everything now."""
    sync_services.read_now(actor())
    flash("The ERP is being read. This takes a moment; reload to see the result.", "info")
    return redirect(url_for("masterdata.syncs"), 303)


@blueprint.get("/erp-sync/<int:run_id>")
@requires(Permission.MANAGE_MASTER_DATA)
def sync_run(run_id: int) -> ResponseReturnValue:
    """One read with its differences."""
    shown = run_presenters.sync_page(listings.sync_run(run_id))
    return render_template("masterdata/sync_run.html", run=shown)


@blueprint.post("/erp-sync/<int:run_id>/apply")
@requires(Permission.MANAGE_MASTER_DATA)
def apply_sync(run_id: int) -> ResponseReturnValue:
    """Applies a stopped read."""
    sync_services.confirm(actor(), listings.sync_run(run_id))
    flash("The read is being applied.", "success")
    return redirect(url_for("masterdata.sync_run", run_id=run_id), 303)


@blueprint.post("/erp-sync/<int:run_id>/discard")
@requires(Permission.MANAGE_MASTER_DATA)
def discard_sync(run_id: int) -> ResponseReturnValue:
    """Gives a stopped read up."""
    sync_services.discard(actor(), listings.sync_run(run_id))
    flash("Discarded. Nothing was changed; the next read compares again.", "info")
    return redirect(url_for("masterdata.sync_run", run_id=run_id), 303)
