"""Purchase orders through the outbox to a partner on loopback, against posting the same bytes."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from portal.embedded import free_port
from portal.exchange.delivery import deliver_due
from portal.processes import end, start
from tests.bench.figures import Figure, figure
from tests.bench.ground import ROOT, Ground
from tests.bench.interleaving import Plan, Side, interleave
from tests.bench.placing import Order, batches, place

HEADERS = {"Content-Type": "text/xml; charset=utf-8"}
BODIES = """
SELECT wire -> 0 ->> 'request_body' FROM attempt WHERE outcome = 'done' AND wire <> '[]'
ORDER BY id DESC LIMIT %s
"""
UNDELIVERED = "SELECT count(*) FROM message WHERE direction = 'outbound' AND state <> 'done'"


@contextmanager
def partner(folder: Path) -> Iterator[str]:
    """The address of a network that takes everything, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare_partner", str(port)]
    child = start("partner", command, log=folder / "partner.log", folder=ROOT)
    try:
        yield f"http://127.0.0.1:{port}/cxml"
    finally:
        end([child])


def measure(
    ground: Ground, address: str, requisition_ids: Sequence[int], plan: Plan
) -> tuple[Figure, list[Order]]:
    """The figure, and the orders that were delivered."""
    orders: list[Order] = []
    waiting = batches(requisition_ids, plan.operations)
    with httpx.Client(trust_env=False) as browser:
        measured = interleave(
            {
                "portal": Side(lambda: _delivery(ground, next(waiting), orders), ground.cpu),
                "bare": Side(lambda: _posts(ground, browser, address, plan.operations), ground.cpu),
            },
            plan,
        )
    title = "Deliver purchase orders"
    return figure(title, "httpx posts", measured["portal"], measured["bare"], unit="per s"), orders


def _delivery(ground: Ground, requisition_ids: list[int], orders: list[Order]) -> Callable[[], object]:
    orders += [place(ground, requisition_id) for requisition_id in requisition_ids]

    def deliver() -> None:
        with ground.acting():
            while deliver_due(ground.network_id):
                pass
        left = ground.owner.execute(UNDELIVERED).fetchone()
        assert left == (0,), "every order is delivered"

    return deliver


def _posts(ground: Ground, browser: httpx.Client, address: str, count: int) -> Callable[[], object]:
    bodies = [row[0].encode() for row in ground.owner.execute(BODIES, (count,))]

    def post() -> None:
        for body in bodies:
            browser.post(address, content=body, headers=HEADERS).raise_for_status()

    return post
