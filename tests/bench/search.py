"""The search page over HTTP against its own SQL, and pages a second against a bare page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import TypeVar

from portal.identity.rules import Role
from tests.bench import generator, processor, recording
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Series, Side, interleave
from tests.bench.pages import Served
from tests.bench.recording import Statement

PATH = "/catalog"
# The first one keeps the plan of the second, there as here.
FINDING = ("SELECT set_config('plan_cache_mode'", "WITH hit AS", "WITH failed AS", "SELECT offer.")
AT_ONCE = 4
T = TypeVar("T")


def measure(ground: Ground, portal: Served, bare: Served, *, offers: int, plan: Plan) -> list[Figure]:
    """Latency and throughput of the search page over a catalog of so many offers.

    `plan.rounds` searches are made one after another; every kind of search has its turn.
    """
    words = generator.searches(offers)
    title = f"Search, {offers:,} offers"
    page, rows, everything = _one_by_one(ground, portal, words, plan)
    return [
        figure(f"{title}, p50", "SQL of the search", page, rows),
        figure(f"{title}, p95", "SQL of the search", page, rows, share=0.95),
        figure(f"{title}, p50", "all its SQL", page, everything),
        _together(ground, portal, bare, words, title, plan),
    ]


def _one_by_one(
    ground: Ground, portal: Served, words: list[str], plan: Plan
) -> tuple[Series, Series, Series]:
    person = recording.visitor(ground, Role.CLINIC_MANAGER)
    asked = [recording.reads_of(ground, person, PATH, {"q": text}) for text in words]
    with ground.bare_connection() as connection:

        def ask(statements: list[Statement]) -> None:
            recording.ask(connection, statements)

        measured = interleave(
            {
                "page": Side(
                    _in_turn(words, lambda text: portal.get(PATH, text)),
                    processor.of_children(portal.child, ground.servers_cpu),
                ),
                "rows": Side(_in_turn([_search(one) for one in asked], ask), ground.cpu),
                "all": Side(_in_turn(asked, ask), ground.cpu),
            },
            plan,
        )
    return measured["page"], measured["rows"], measured["all"]


def _search(statements: list[Statement]) -> list[Statement]:
    """The statements that match, count the facets and read the offers shown."""
    found = [one for one in statements if one.sql.startswith(FINDING)]
    assert found, "the page finds its offers by statements that begin like this"
    return found


def _in_turn(kinds: list[T], work: Callable[[T], object]) -> Callable[[], Callable[[], object]]:
    """One kind after another, from the beginning again after the last."""
    turns = cycle(kinds)

    def prepare() -> Callable[[], object]:
        kind = next(turns)
        return lambda: work(kind)

    return prepare


def _together(
    ground: Ground, portal: Served, bare: Served, words: list[str], title: str, plan: Plan
) -> Figure:
    """Some people at once: each work is one page for each of them."""
    with ThreadPoolExecutor(AT_ONCE) as people:

        def all_at_once(get: Callable[[str], object], kinds: list[str]) -> None:
            list(people.map(get, kinds))

        groups = [words[first : first + AT_ONCE] for first in range(0, len(words), AT_ONCE)]
        measured = interleave(
            {
                "portal": Side(
                    _in_turn(groups, lambda kinds: all_at_once(lambda text: portal.get(PATH, text), kinds)),
                    processor.of_children(portal.child, ground.servers_cpu),
                ),
                "bare": Side(
                    _in_turn(groups, lambda kinds: all_at_once(lambda _: bare.get("/"), kinds)),
                    processor.of_children(bare.child),
                ),
            },
            Plan(works=1, operations=AT_ONCE, rounds=max(1, plan.rounds // AT_ONCE), seconds=plan.seconds),
        )
    return figure(
        f"{title}, {AT_ONCE} people", "bare Flask page", measured["portal"], measured["bare"], unit="per s"
    )
