"""Several approvals on one screen: a row for each item, a column for each requisition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wtforms import HiddenField, StringField
from wtforms.validators import ValidationError

from portal.approvals import page, queries, services
from portal.approvals.forms import TOO_LONG
from portal.approvals.models import ApprovalStep
from portal.approvals.services import Decision
from portal.foundation.access import Actor
from portal.foundation.db import db
from portal.foundation.errors import Conflict, Invalid, NotAllowed
from portal.foundation.forms import Form, QuantityField
from portal.foundation.money import extended
from portal.requisitions import fewer
from portal.requisitions import queries as requisitions
from portal.requisitions.charging import paid_by
from portal.requisitions.models import Requisition, RequisitionLine

MOST = 6  # columns that fit a desk


@dataclass(frozen=True)
class Column:
    """A step with the lines that lack its answer."""

    step: ApprovalStep
    requisition: Requisition
    lines: Sequence[RequisitionLine]


class BatchForm(Form):
    """A quantity for each line of each column; see `batch_form`."""

    def quantity(self, column: Column, line: RequisitionLine) -> Decimal | None:
        """What was typed for a line of a column."""
        typed: Decimal | None = self[box(column, line)].data
        return typed


def box(column: Column, line: RequisitionLine) -> str:
    """The name of a line's box; a line that several pay for may stand in several columns."""
    return f"q-{column.step.id}-{line.id}"


def columns(actor: Actor, step_ids: Sequence[int] = ()) -> list[Column]:
    """The oldest approvals of the inbox, or those named of it; what was decided meanwhile is left out."""
    statement = queries.inbox(actor)
    if step_ids:
        statement = statement.where(ApprovalStep.id.in_(step_ids))
    chosen: list[Column] = []
    for step in db.session.scalars(statement.limit(MOST)).unique():
        requisition = requisitions.find(step.requisition_id)
        if requisition is not None:
            chosen.append(Column(step, requisition, page.undecided(step, requisition)))
    return chosen


def named(text: str) -> list[int]:
    """The steps that a form was made of."""
    return [int(one) for one in text.split(",") if one.isascii() and one.isdigit() and len(one) < 18]


def batch_form(chosen: Sequence[Column], **values: Any) -> BatchForm:
    """The form as asked for, first of all a full yes to everything."""
    ids = ",".join(str(column.step.id) for column in chosen)
    fields: dict[str, Any] = {"steps": HiddenField(default=ids)}
    for column in chosen:
        step_id = column.step.id
        fields[f"version-{step_id}"] = HiddenField(default=str(column.requisition.version))
        fields[f"why-{step_id}"] = StringField(
            f"Why less, {column.requisition.number}", [TOO_LONG], render_kw={"placeholder": "Why less"}
        )
        for line in column.lines:
            fields[box(column, line)] = QuantityField(
                f"{line.item.name}, {column.requisition.number}",
                zero=True,
                whole=True,
                default=line.quantity,
                validators=[_not_emptied],
            )
    form: BatchForm = type("BatchForm", (BatchForm,), fields)(**values)
    return form


def _not_emptied(_: BatchForm, field: QuantityField) -> None:
    """An emptied box is no yes to all."""
    if field.data is None:
        raise ValidationError("Enter how many; 0 rejects the line.")


def rows(chosen: Sequence[Column]) -> list[dict[str, Any]]:
    """A row for each item, unit and place of its own, with the line and box of each column or none."""
    cells = [_cells(column) for column in chosen]
    items = {kind: cell[0] for column in cells for kind, cell in column.items()}
    return [
        {
            "item": line.item.name,
            "uom": line.uom,
            "place": line.location.name if line.location else "",
            "cells": [column.get(kind) for column in cells],
        }
        for kind, line in sorted(items.items())
    ]


Kind = tuple[str, int, str, str, int]
"""An item (name and id), a unit, a place of its own, and which of several such lines of a column."""


def _cells(column: Column) -> dict[Kind, tuple[RequisitionLine, str]]:
    found: dict[Kind, tuple[RequisitionLine, str]] = {}
    for line in column.lines:
        what = (line.item.name, line.item_id, line.uom, line.location.name if line.location else "")
        same = sum(1 for kind in found if kind[:4] == what)
        found[(*what, same)] = (line, box(column, line))
    return found


def totals(chosen: Sequence[Column], form: BatchForm) -> list[dict[str, Any]]:
    """What each column costs as typed, beside what was asked for."""
    typed = [
        (column.requisition, line, quantity)
        for column in chosen
        for line in column.lines
        if (quantity := form.quantity(column, line)) is not None
    ]
    prices = {line_id: tier.unit_price for line_id, tier in fewer.tiers(typed).items()}
    return [
        {
            "number": column.requisition.number,
            "currency": column.requisition.currency,
            "asked": sum((_paid(column, line, line.amount) for line in column.lines), Decimal()),
            "now": sum((_cost(column, line, form, prices) for line in column.lines), Decimal()),
        }
        for column in chosen
    ]


def _cost(column: Column, line: RequisitionLine, form: BatchForm, prices: Mapping[int, Decimal]) -> Decimal:
    quantity = form.quantity(column, line)
    cost = line.amount if quantity is None else extended(quantity, prices.get(line.id, line.unit_price))
    return _paid(column, line, cost)


def _paid(column: Column, line: RequisitionLine, cost: Decimal) -> Decimal:
    """What the cost center of the column pays of it."""
    return paid_by(column.requisition, line, cost).get(column.step.cost_center_id, cost)


def decide(actor: Actor, chosen: Sequence[Column], form: BatchForm) -> tuple[list[str], dict[int, str]]:
    """Decides column by column: the numbers that are done, and by step why the others are not."""
    done: list[str] = []
    refused: dict[int, str] = {}
    for column in chosen:
        step_id = column.step.id
        why = str(form[f"why-{step_id}"].data or "").strip()
        seen = str(form[f"version-{step_id}"].data or "")
        answers = {line.id: _decision(line, form.quantity(column, line), why) for line in column.lines}
        try:
            with db.session.begin_nested():
                seen_version = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0
                services.decide(actor, step_id, answers, seen_version=seen_version, via="batch")
            done.append(str(column.requisition.number))
        except (Conflict, Invalid, NotAllowed) as error:
            refused[step_id] = f"{column.requisition.number}: {error}"
    return done, refused


def _decision(line: RequisitionLine, quantity: Decimal | None, why: str) -> Decision:
    if quantity == 0:
        return Decision(approved=False, reason=why)
    is_cut = quantity is not None and quantity != line.quantity
    return Decision(approved=True, reason=why if is_cut else "", quantity=quantity if is_cut else None)


def shown(
    chosen: Sequence[Column], form: BatchForm, refused: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """The values of the template."""
    return {
        "columns": chosen,
        "rows": rows(chosen),
        "totals": totals(chosen, form),
        "form": form,
        "refused": list((refused or {}).values()),
    }
