"""Measures the portal against bare references and says how many times their cost it has.

How to read it. The portal and its reference work in turn in the same run on the same embedded servers,
so a slow or busy machine slows both: the RATIO is the figure, milliseconds and rates only show what it
is made of. Nothing here passes or fails; compare ratios of two runs, and only where their ranges do not
overlap has something changed. Lower is better: 1 would be a portal as cheap as its bare reference.

Ratio      portal time / reference time at the median of all samples (p95 where it says so), below it the
           smallest and largest ratio of a round. A rate is the other way round, its ratio is still of times.
CPU ratio  the same of CPU time: portal (web processes or this one), PostgreSQL and Valkey, without the
           browser and the partner. Steadier than the ratio when others use the machine.
n          samples; of a batch of orders or confirmations each batch is one. A busy machine has done few
           when the time is over; with --seconds 60 it does more.

All is measured among --past requisitions, ordered and received, as a hospital's database has them.

Search     one browser, gunicorn, signed in, twelve kinds of search in turn, against the statements that
           match, count the facets and read the rows (the cost of being a page) and against all statements
           of the page (the cost of Python); then four people at once against a Flask page of 50 rows
           without a database, under the same gunicorn. With the offers asked for and with `growth` times as
           many; if the portal's milliseconds grow as much, no index is used. What is found is kept until
           something in the catalog changes: before each page it does, but not where it says "again".
Submit     all checks of five lines, budget lock and approval, against inserting the rows that must be
           there afterwards: requisition, lines, ledger, what the checks said with its evidence, the step and
           its answers, audit event; then against the same without checks and approval.
Deliver    claim, cXML, HTTP, settle for each order, against posting the same bytes on one connection.
Confirm    store, claim, translate, apply of five lines, against two transactions that insert the rows.
Ship       the same of ship notices of five lines with lots.
Receive    enter and post with stock, order and outbox, against inserting the rows.
Scan       a barcode at the point of care until the answer (item, stock here and nearby, recall; the lines of
           the case stay in the browser, an offer is looked up when that part is opened), against one indexed
           lookup and a template under the same gunicorn.
Take       movements with shelf, work item below zero and wake-up of replenishment, one by one and 1,000 of
           50 items in one transaction, against inserting the movements and updating the shelf.
Use        an HL7 message of one used supply: stored sealed, acknowledged, claimed, read, matched, priced,
           taken off the shelf, charged and written down, by one process that stores fifty and then applies
           them together, against inserting the rows of each in two transactions on one connection. Every
           tenth use is of a patient whom nobody knew.
Recall     all that the page of a recall asks (shelves, movements, orders, uses) among --movements movements,
           against four bare indexed statements; 10,000,000 need some minutes and 4 GB to fill.
Import     --items new items from a CSV file, read, checked, compared and merged with their base packs under
           foreign keys and row-level security, against COPY of the same rows into bare tables and building
           the same indexes there; then against INSERT of the same rows, unchecked, into the tables of the
           portal, the least an import costs that keeps their foreign keys and row-level security.
"""

import signal
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from portal.catalog.services import align_offers
from portal.foundation.db import transaction
from tests.bench import (
    confirming,
    delivery,
    generator,
    ground,
    importing,
    moving,
    pages,
    past,
    recalling,
    receiving,
    scanning,
    search,
    shipping,
    submission,
    using,
)
from tests.bench.figures import Figure, show
from tests.bench.ground import CLINICS, Ground
from tests.bench.interleaving import ROUNDS, Plan
from tests.bench.pages import Served

LEAST = 3  # one round to warm up, one batch for the bare side, one to measure
WIDTH = 150
TERMINATED = 128 + signal.SIGTERM  # leaving by an exception stops the servers too
PARTS = ("chain", "answers", "receive", "take", "use", "recall", "scan", "search", "import")
AS_WRITTEN = "\b\n"  # click leaves the lines of such a paragraph alone


@dataclass(frozen=True)
class Size:
    """How much there is and how long each measure goes on."""

    offers: int
    growth: int
    past: int
    requests: int
    movements: int
    items: int
    seconds: float


@click.command(help=AS_WRITTEN + __doc__.replace("\n\n", "\n\n" + AS_WRITTEN))
@click.option("--offers", default=10_000, show_default=True, type=click.IntRange(400, 1_000_000))
@click.option("--growth", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--past", default=10_000, show_default=True, type=click.IntRange(0, 1_000_000), help="Requisitions."
)
@click.option("--requests", default=200, show_default=True, type=click.IntRange(20, 10_000))
@click.option("--movements", default=1_000_000, show_default=True, type=click.IntRange(1000, 20_000_000))
@click.option("--items", default=50_000, show_default=True, type=click.IntRange(100, 1_000_000))
@click.option("--seconds", default=20.0, show_default=True, help="No new round of a measure after so long.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="These measures only; may be repeated.")
def main(
    offers: int,
    growth: int,
    past: int,
    requests: int,
    movements: int,
    items: int,
    seconds: float,
    only: tuple[str, ...],
) -> None:
    """Runs every measure; progress on standard error, figures on standard output."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    size = Size(offers, growth, past, requests, movements, items, seconds)
    figures: list[Figure] = []
    try:
        figures.extend(_measured(size, only or PARTS))
    finally:
        show(figures, Console(width=WIDTH))


def _measured(size: Size, parts: Collection[str]) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="portal-bench-") as name:
        folder = Path(name)
        with delivery.partner(folder) as address, ground.prepared(folder, address) as place:
            _grow(place, 0, size.offers)
            _say(f"{size.past:,} past requisitions")
            past.fill(place, size.past)
            if not {"chain", "answers", "receive"}.isdisjoint(parts):
                yield from _chain(place, address, size, parts)
            if "take" in parts:
                yield from _moves(place, size.requests, size.seconds)
            if "use" in parts:
                yield _uses(place, size)
            if "recall" in parts:
                yield _recall(place, size)
            if "import" in parts:
                _say(f"import of {size.items:,} items")
                plan = Plan(works=1, operations=size.items, seconds=size.seconds, least=LEAST)
                yield from importing.measure(place, size.items, plan)
            if not {"scan", "search"}.isdisjoint(parts):
                with pages.portal(place) as portal:
                    yield from _pages(place, portal, size, parts)


def _pages(place: Ground, portal: Served, size: Size, parts: Collection[str]) -> Iterator[Figure]:
    plan = Plan(works=1, rounds=size.requests, seconds=size.seconds)
    if "scan" in parts:
        _say("scan at the point of care")
        organization = str(place.organization_id)
        with pages.bare(place.folder, "bare_scan", BENCH_ORGANIZATION=organization) as lookup:
            yield from scanning.measure(place, portal, lookup, plan)
    if "search" in parts:
        with pages.bare(place.folder) as bare:
            for offers in (size.offers, size.offers * size.growth):
                if offers > size.offers:
                    _grow(place, size.offers, offers)
                _say(f"search among {offers:,} offers")
                yield from search.measure(place, portal, bare, offers=offers, plan=plan)


def _chain(place: Ground, address: str, size: Size, parts: Collection[str]) -> Iterator[Figure]:
    """One requisition after another goes the whole way: what a measure makes, the next one needs."""
    many = min(CLINICS, max(2, size.requests // ROUNDS // 2))
    rounds = -(-size.requests // many)
    one_by_one = Plan(works=many, rounds=rounds, seconds=size.seconds, least=LEAST)
    batches = Plan(works=1, operations=many, rounds=rounds, seconds=size.seconds, least=LEAST)
    _say("submit")
    submits, requisition_ids = submission.measure(place, one_by_one)
    _say("deliver")
    deliver, orders = delivery.measure(place, address, requisition_ids, batches)
    if "chain" in parts:
        yield from (*submits, deliver)
    if not {"chain", "answers"}.isdisjoint(parts):
        _say("confirm")
        yield confirming.measure(place, orders, batches)
        _say("ship")
        yield shipping.measure(place, orders, batches)
    if not {"chain", "receive"}.isdisjoint(parts):
        _say("receive")
        yield receiving.measure(place, orders, one_by_one)


def _moves(place: Ground, requests: int, seconds: float) -> Iterator[Figure]:
    _say("stock movements")
    works = min(requests, 100)
    yield moving.measure(place, Plan(works=works, seconds=seconds, least=LEAST), many=1)
    batches = Plan(works=1, operations=moving.BATCH, seconds=seconds, least=LEAST)
    yield moving.measure(place, batches, many=moving.BATCH)


def _uses(place: Ground, size: Size) -> Figure:
    _say("reported uses")
    operations = min(size.requests, 50)
    return using.measure(place, Plan(works=1, operations=operations, seconds=size.seconds, least=LEAST))


def _recall(place: Ground, size: Size) -> Figure:
    _say(f"recall among {size.movements:,} movements")
    recalling.fill(place, size.movements)
    plan = Plan(works=min(size.requests, 50), seconds=size.seconds, least=LEAST)
    return recalling.measure(place, plan, movements=size.movements)


def _grow(place: Ground, there: int, wanted: int) -> None:
    _say(f"catalog of {wanted:,} offers")
    generator.add_offers(
        place.owner, place.organization_id, place.gl_account_id, first=there + 1, count=wanted - there
    )
    with place.acting(), transaction():
        align_offers()
    generator.settle(place.owner)


def _say(what: str) -> None:
    click.echo(f"{what} …", err=True)


if __name__ == "__main__":
    main()
