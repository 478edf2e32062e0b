"""What costs more than was approved: decided by who may approve it, withdrawn by a buyer."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.access import Permission, requires
from portal.foundation.web import actor
from portal.orders.differences.forms import in_rows
from portal.orders.proposals import asking, deciding, presenters
from portal.orders.proposals.forms import AnswerForm

blueprint = Blueprint("proposals", __name__, url_prefix="/orders")


@blueprint.get("/price-questions")
@requires(Permission.APPROVE)
def questions() -> ResponseReturnValue:
    """What waits for the person's yes or no."""
    return _page()


@blueprint.post("/price-questions/<int:question_id>")
@requires(Permission.APPROVE)
def answer(question_id: int) -> ResponseReturnValue:
    """Says yes or no."""
    form = AnswerForm()
    told = ""
    if form.validate():
        with form.accepting():
            told = deciding.decide(
                actor(), question_id, approved=form.answer.data == "yes", comment=form.comment.data or ""
            )
    if form.is_refused:
        return _page(form, question_id), form.refusal
    flash(told, "success")
    return redirect(url_for("proposals.questions"), 303)


@blueprint.post("/proposals/<int:proposal_id>/withdraw")
@requires(Permission.BUY)
def withdraw(proposal_id: int) -> ResponseReturnValue:
    """Takes back what waits for an approver."""
    proposal = asking.withdraw(actor(), proposal_id)
    flash("Withdrawn. Nothing changes.", "success")
    if proposal.order_id is None:
        return redirect(url_for("orders.workbench"), 303)
    return redirect(url_for("orders.show", order_id=proposal.order_id), 303)


def _page(refused: AnswerForm | None = None, question_id: int = 0) -> str:
    rows = presenters.question_rows(deciding.waiting_for(actor()))
    forms = in_rows(AnswerForm, refused, str(question_id), [str(row["id"]) for row in rows])
    is_gone = refused is not None and refused not in forms
    return render_template(
        "orders/proposals/questions.html",
        rows=list(zip(rows, forms, strict=True)), refused=refused if is_gone else None,
    )  # fmt: skip
