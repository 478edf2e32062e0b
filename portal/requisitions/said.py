"""What the checks said, as pages show it: blocks and warnings first, what passed by item."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from portal.requisitions.checks import LABELS, CartFacts, Check
from portal.requisitions.models import RequisitionLine
from portal.requisitions.rules import CheckOutcome, Kept

MOST_EXPLAINED = 500


@dataclass(frozen=True)
class Said:
    """What a check said, now or when the requisition was submitted; without an item it is of the whole."""

    rule: str
    outcome: CheckOutcome
    sentence: str
    evidence: Sequence[Sequence[str]]
    item: str = ""
    line_id: int | None = None


def now(results: Sequence[Check], facts: CartFacts) -> list[Said]:
    """What the checks say of a cart."""
    items = {line.number: line.item for line in facts.lines}
    return [
        Said(one.rule, one.outcome, one.sentence, one.evidence, items.get(one.line, "")) for one in results
    ]


def kept_checks(results: Sequence[Kept], lines: Sequence[RequisitionLine]) -> list[Said]:
    """The results kept at submit."""
    items = {line.id: line.item.name for line in lines}
    return [
        Said(
            rule=one.rule,
            outcome=one.outcome,
            sentence=one.sentence,
            evidence=one.evidence,
            item=items.get(one.line_id or 0, ""),
            line_id=one.line_id,
        )
        for one in results
    ]


def grouped(said: Sequence[Said]) -> dict[str, list[dict[str, Any]]]:
    """The checks as components want them: what blocks, what warns, what passed; `passed` is that by item.

    Of very many the evidence of what passed is left out, so that the page stays light.
    """
    shown = {
        outcome.value: [_check(one) for one in said if one.outcome is outcome] for outcome in CheckOutcome
    }
    passed: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in said:
        if one.outcome is CheckOutcome.PASS:
            brief = replace(one, item="", evidence=one.evidence if len(said) <= MOST_EXPLAINED else ())
            passed[one.item].append(_check(brief))
    return {**shown, "passed": [{"label": item, "checks": checks} for item, checks in passed.items()]}


def _check(said: Said) -> dict[str, Any]:
    label = LABELS.get(said.rule, said.rule)
    return {
        "label": f"{label}: {said.item}" if said.item else label,
        "outcome": said.outcome.value,
        "text": said.sentence,
        "evidence": [{"label": pair[0], "value": pair[1]} for pair in said.evidence],
    }
