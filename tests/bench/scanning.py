"""A scan at the point of care until its answer, against a bare indexed lookup through the same web stack."""

from collections.abc import Callable
from itertools import cycle

from lxml import html

from portal.clinical import cases
from portal.clinical.cases import NewCase
from portal.foundation.db import transaction
from portal.identity.rules import Role
from portal.processes import ProcessError, last_lines
from tests.bench import processor
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Side, interleave
from tests.bench.pages import Served

BARCODES = 200
SCAN = {"HX-Request": "true"}


def measure(ground: Ground, portal: Served, bare: Served, plan: Plan) -> list[Figure]:
    """Each work is one scan in a case under way; the thing in hand is put away by the next page."""
    codes = _barcodes(ground)
    path = f"/care/{_case(ground)}/"
    page = html.document_fromstring(portal.get(path).text)
    token = next(field.get("value", "") for field in page.iter("input") if field.get("name") == "csrf_token")

    def scan(code: str) -> None:
        values = {"do": "look", "scan": code, "csrf_token": token}
        answer = portal.browser.post(path, data=values, headers=SCAN)
        if answer.status_code != 200 or "care-hand" not in answer.text:
            raise ProcessError(f"{path} answered {answer.status_code}\n{last_lines(portal.child.log)}")

    measured = interleave(
        {
            "scan": Side(_in_turn(codes, scan), processor.of_children(portal.child, ground.servers_cpu)),
            "bare": Side(
                _in_turn(codes, lambda code: bare.get("/", code)),
                processor.of_children(bare.child, ground.servers_cpu),
            ),
        },
        plan,
    )
    against = "bare indexed lookup"
    return [
        figure("Scan, p50", against, measured["scan"], measured["bare"]),
        figure("Scan, p95", against, measured["scan"], measured["bare"], share=0.95),
    ]


def _barcodes(ground: Ground) -> list[str]:
    rows = ground.owner.execute(
        "SELECT gtin FROM item_packaging WHERE organization_id = %s AND gtin <> '' ORDER BY id LIMIT %s",
        [ground.organization_id, BARCODES],
    )
    return [row[0] for row in rows]


def _case(ground: Ground) -> str:
    with ground.acting(), transaction():
        return cases.open_case(ground.actors[Role.CLINIC_MANAGER], NewCase(ground.clinic_ids[0])).number


def _in_turn(codes: list[str], work: Callable[[str], object]) -> Callable[[], Callable[[], object]]:
    turns = cycle(codes)

    def prepare() -> Callable[[], object]:
        code = next(turns)
        return lambda: work(code)

    return prepare
