"""The pages of imports: upload, preview, apply, discard."""

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.db import found
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.masterdata import exports, listings, presenters, run_presenters, services, sync_views
from portal.masterdata.browse_views import page_number
from portal.masterdata.forms import UploadForm
from portal.masterdata.rules import ImportKind
from portal.masterdata.schemas import SCHEMAS, Fault

blueprint = sync_views.blueprint


@blueprint.get("/imports")
@requires(Permission.MANAGE_MASTER_DATA)
def imports() -> ResponseReturnValue:
    """Upload a file; earlier imports."""
    return _imports(UploadForm(kind=request.args.get("kind", "")), 200)


@blueprint.post("/imports")
@requires(Permission.MANAGE_MASTER_DATA)
def upload() -> ResponseReturnValue:
    """Takes a file in and shows its preview."""
    form = UploadForm()
    if not form.validate():
        return _imports(form, 422)
    with form.accepting():
        file = form.file.data
        run = services.upload(actor(), ImportKind(form.kind.data), file.filename, file.read())
    if form.is_refused:
        return _imports(form, 422)
    return redirect(url_for("masterdata.import_run", run_id=run.id), 303)


def _imports(form: UploadForm, status: int) -> ResponseReturnValue:
    page = paginate(listings.imports(), page_number())
    rows = [run_presenters.import_row(run, name) for run, name in page.rows]
    kinds = presenters.KIND_CHOICES
    return render_template("masterdata/imports.html", form=form, page=page, rows=rows, kinds=kinds), status


@blueprint.get("/imports/templates/<kind>.csv")
@requires(Permission.MANAGE_MASTER_DATA)
def import_template(kind: str) -> ResponseReturnValue:
    """A file with the columns of a kind."""
    schema = found(SCHEMAS.get(ImportKind(kind)) if kind in list(ImportKind) else None, "kind of import")
    content = exports.template(schema)
    return send_file(content, mimetype="text/csv", as_attachment=True, download_name=f"{kind}.csv")


@blueprint.get("/imports/<int:run_id>")
@requires(Permission.MANAGE_MASTER_DATA)
def import_run(run_id: int) -> ResponseReturnValue:
    """The preview, the progress or the result of an import."""
    shown = run_presenters.import_page(listings.import_run(run_id))
    return render_template("masterdata/import_run.html", run=shown)


@blueprint.get("/imports/<int:run_id>/live")
@requires(Permission.MANAGE_MASTER_DATA)
def import_live(run_id: int) -> ResponseReturnValue:
    """The changing part of that page; nothing when it is still as seen."""
    shown = run_presenters.import_page(listings.import_run(run_id))
    if request.args.get("seen") == shown["seen"]:
        return "", 204
    return render_template("masterdata/import_live.html", run=shown)


@blueprint.get("/imports/<int:run_id>/errors.csv")
@requires(Permission.MANAGE_MASTER_DATA)
def import_errors(run_id: int) -> ResponseReturnValue:
    """What is wrong with the file, by row and column."""
    errors = [Fault(**error) for error in listings.import_run(run_id).errors]
    name = f"import-{run_id}-errors.csv"
    return send_file(exports.faults(errors), mimetype="text/csv", as_attachment=True, download_name=name)


@blueprint.post("/imports/<int:run_id>/apply")
@requires(Permission.MANAGE_MASTER_DATA)
def apply_import(run_id: int) -> ResponseReturnValue:
    """Imports what the preview showed."""
    services.confirm(actor(), listings.import_run(run_id))
    return redirect(url_for("masterdata.import_run", run_id=run_id), 303)


@blueprint.post("/imports/<int:run_id>/discard")
@requires(Permission.MANAGE_MASTER_DATA)
def discard_import(run_id: int) -> ResponseReturnValue:
    """Gives an import up."""
    services.discard(actor(), listings.import_run(run_id))
    flash("Discarded. Nothing was changed.", "info")
    return redirect(url_for("masterdata.imports"), 303)
