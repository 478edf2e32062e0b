"""Who looked at which patient, for who audits."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.clinical.access import records as access_records
from portal.clinical.access.forms import AccessForm, PatientForm, access_filter
from portal.clinical.blueprint import blueprint
from portal.foundation.access import Permission, requires
from portal.foundation.paging import paginate
from portal.foundation.web import actor
from portal.identity.queries import organization

MOST_PAGES = 1_000_000


@blueprint.get("/accesses")
@requires(Permission.AUDIT)
def accesses() -> ResponseReturnValue:
    """Every view of a patient, newest first."""
    return _page(PatientForm(formdata=None))


@blueprint.post("/accesses")
@requires(Permission.AUDIT)
def find_patient() -> ResponseReturnValue:
    """Goes to the views of the patient with a number."""
    form = PatientForm()
    if form.validate():
        with form.accepting():
            patient_id = access_records.find_patient(actor(), form.assigner.data or "", form.value.data)
    if form.is_refused:
        return _page(form), 422
    return redirect(url_for("clinical.accesses", patient=patient_id), 303)


def _page(patient_form: PatientForm) -> str:
    form = AccessForm(request.args)
    form.offer(access_records.people_who_looked())
    form.validate()
    patient_form.offer(access_records.assigners())
    number = min(request.args.get("page", 1, type=int), MOST_PAGES)
    page = paginate(access_records.records(access_filter(form)), number)
    return render_template(
        "clinical/accesses.html", form=form, patient_form=patient_form, page=page,
        zone=organization().time_zone,
    )  # fmt: skip
