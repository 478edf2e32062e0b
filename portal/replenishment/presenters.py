"""Suggestions and par lines as their pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from portal.catalog.rules import pack
from portal.foundation.filters import day
from portal.foundation.quantity import plain
from portal.foundation.status import Status
from portal.inventory.models import ParLevel
from portal.inventory.rules import ParMethod
from portal.replenishment.barcode import bars
from portal.replenishment.forms import AcceptForm, accept_form
from portal.replenishment.models import Suggestion, SuggestionLine
from portal.replenishment.rules import Par, spoken_day, stock_out_on
from portal.replenishment.services import card_of

OUT = Status("Out of stock", "danger", "alert-triangle")
CRITICAL = Status("Critical", "danger", "alert-triangle")
LOW = Status("Below par", "warning", "arrow-down")
EMPTY_BIN = Status("Bin empty", "warning", "box")
COMING = Status("On its way", "info", "truck-delivery")
FINE = Status("In stock", "success", "check")
SOON = timedelta(days=7)


@dataclass(frozen=True)
class LineRow:
    """A line of a suggestion."""

    id: int
    par_id: int | None
    item: str
    code: str
    explanation: str
    pack: str
    uom: str
    packs: Decimal
    runs_out: str
    status: Status | None
    typed: str
    error: str | None
    tone: str = ""


@dataclass(frozen=True)
class SuggestionCard:
    """What a location should request from a supplier."""

    id: int
    supplier: str
    problem: str
    form: AcceptForm
    lines: list[LineRow] = field(default_factory=list)


def cards(
    suggestions: Sequence[Suggestion], pars: Mapping[int, int], refused: Mapping[int, AcceptForm], today: date
) -> list[SuggestionCard]:
    """One card per supplier, the most urgent line first; `refused` are forms that were sent, by id."""
    return [_card(one, pars, refused.get(one.id), today) for one in suggestions]


def _card(one: Suggestion, pars: Mapping[int, int], sent: AcceptForm | None, today: date) -> SuggestionCard:
    form = sent or accept_form({line.id: line.packs for line in one.lines})
    lines = sorted(one.lines, key=lambda line: (line.stock_out_on or date.max, line.item.name))
    return SuggestionCard(
        id=one.id,
        supplier=one.supplier.name,
        problem=one.problem,
        form=form,
        lines=[_line(line, pars.get(line.item_id), form, today) for line in lines],
    )


def _line(line: SuggestionLine, par_id: int | None, form: AcceptForm, today: date) -> LineRow:
    box = form._fields.get(f"line-{line.id}")
    is_soon = line.stock_out_on is not None and line.stock_out_on <= today + SOON
    return LineRow(
        id=line.id,
        par_id=par_id,
        item=line.item.name,
        code=line.item.code,
        explanation=line.explanation,
        pack=pack(line.offer.uom, line.offer.factor, line.item.base_uom),
        uom=line.offer.uom,
        packs=line.packs,
        runs_out=runs_out(line.stock_out_on, today),
        status=CRITICAL if line.is_critical else None,
        typed=box.typed if box is not None else plain(line.packs),
        error=str(box.errors[0]) if box is not None and box.errors else None,
        tone="danger" if line.is_critical else "warning" if is_soon else "",
    )


def runs_out(on: date | None, today: date) -> str:
    """today, Tuesday, Dec 3; empty when it is beyond a year."""
    return spoken_day(on, today) if on is not None else ""


@dataclass(frozen=True)
class ParRow:
    """A par line."""

    id: int
    item_id: int
    item: str
    code: str
    uom: str
    on_hand: Decimal
    coming: str
    levels: str
    a_day: str
    runs_out: str
    status: Status
    note: str
    card: str
    tone: str


def par_rows(levels: Sequence[ParLevel], pars: Mapping[int, Par], today: date) -> list[ParRow]:
    """The rows of the page of par levels."""
    return [_par_row(level, pars[level.item_id], today) for level in levels]


def _par_row(level: ParLevel, par: Par, today: date) -> ParRow:
    status = status_of(par)
    is_snoozed = level.snoozed_until is not None and today < level.snoozed_until
    return ParRow(
        id=level.id,
        item_id=level.item_id,
        item=level.item.name,
        code=level.item.code,
        uom=level.item.base_uom,
        on_hand=par.on_hand,
        coming=_coming(par, today),
        levels=_levels(level),
        a_day=plain(par.daily_usage.quantize(Decimal("0.1"))) if par.daily_usage else "",
        runs_out=runs_out(stock_out_on(par, today), today),
        status=status,
        note=f"Not before {day(level.snoozed_until)}: {level.snooze_reason}" if is_snoozed else "",
        card=card_of(level.id) if level.method is ParMethod.KANBAN else "",
        tone=status.tone if status.tone in ("danger", "warning") else "",
    )


def _levels(level: ParLevel) -> str:
    if level.method is ParMethod.KANBAN:
        return f"2 bins of {plain(level.maximum - level.minimum)}"
    critical = f", critical {plain(level.critical)}" if level.critical else ""
    if level.minimum == level.maximum:
        return f"{plain(level.maximum)}{critical}"
    return f"{plain(level.minimum)} to {plain(level.maximum)}{critical}"


def _coming(par: Par, today: date) -> str:
    parts = [f"{plain(one.quantity)} on order{_when(one.on, today)}" for one in par.arrivals]
    if par.requested:
        parts.insert(0, f"{plain(par.requested)} requested")
    return ", ".join(parts)


def _when(on: date | None, today: date) -> str:
    if on is None:
        return ""
    return f", due since {spoken_day(on, today)}" if on < today else f", {spoken_day(on, today)}"


def status_of(par: Par) -> Status:
    """What a person must know first."""
    if par.method is ParMethod.KANBAN:
        return EMPTY_BIN if par.need > 0 else COMING if par.is_bin_empty else FINE
    if par.on_hand <= 0:
        return OUT
    if par.critical > 0 and par.is_critical:
        return CRITICAL
    if par.on_hand >= par.minimum:
        return FINE
    return LOW if par.need > 0 else COMING


@dataclass(frozen=True)
class BinCard:
    """A card as it is printed; bars are (left edge, width) in modules of `width` in all."""

    item: str
    code: str
    bin: str
    text: str
    bars: list[tuple[int, int]]
    width: int


def bin_cards(levels: Sequence[ParLevel]) -> list[BinCard]:
    """The cards of par levels kept in two bins."""
    return [_bin_card(level) for level in levels]


def _bin_card(level: ParLevel) -> BinCard:
    text = card_of(level.id)
    drawn = bars(text)
    return BinCard(
        item=level.item.name,
        code=level.item.code,
        bin=f"{plain(level.maximum - level.minimum)} {level.item.base_uom}",
        text=text,
        bars=drawn,
        width=sum(drawn[-1]),
    )
