"""The search page over HTTP against its own SQL, and pages a second against a bare page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from typing import TypeVar

from portal.identity.rules import Role
from tests.bench import generator, processor, recording
from tests.bench.figures import Figure, figure
from tests.bench.ground import Ground
from tests.bench.interleaving import Plan, Series, Side, interleave
from tests.bench.pages import Served
from tests.bench.recording import Statement

PATH = "/catalog"
# The first one keeps the plan of the second, there as here; the last one reads the rows.
FINDING = (
    "SELECT set_config('plan_cache_mode'",
    "WITH hit AS",
    "WITH failed AS",
    "SELECT offer.",
    "SELECT (SELECT CAST(json_agg(json_build_array(read_0.id,",
)
# Writes nothing, but whatever was found before is looked for anew.
FORGET = "DELETE FROM synonym WHERE false"
AT_ONCE = 4
T = TypeVar("T")


def measure(ground: Ground, portal: Served, bare: Served, *, offers: int, plan: Plan) -> list[Figure]:
    """Latency and throughput of the search page over a catalog of so many offers.

    `plan.rounds` searches are made one after another; every kind of search has its turn.
    """
    words = generator.searches(offers)
    title = f"Search, {offers:,} offers"
    page, again, rows, everything = _one_by_one(ground, portal, words, plan)
    return [
        figure(f"{title}, p50", "SQL of the search", page, rows),
        figure(f"{title}, p95", "SQL of the search", page, rows, share=0.95),
        figure(f"{title}, p50", "all its SQL", page, everything),
        figure(f"{title}, again, p50", "SQL of the search", again, rows),
        figure(f"{title}, again, p95", "SQL of the search", again, rows, share=0.95),
        _together(ground, portal, bare, words, f"{title}, {AT_ONCE} people", plan),
        _together(ground, portal, bare, words, f"{title}, {AT_ONCE} people again", plan, is_again=True),
    ]


def _one_by_one(
    ground: Ground, portal: Served, words: list[str], plan: Plan
) -> tuple[Series, Series, Series, Series]:
    person = recording.visitor(ground, Role.CLINIC_MANAGER)
    ground.owner.execute(FORGET)
    asked = [recording.reads_of(ground, person, PATH, {"q": text}) for text in words]

    def forget(_: str) -> None:
        ground.owner.execute(FORGET)

    def get(text: str) -> None:
        portal.get(PATH, text)

    served = processor.of_children(portal.child, ground.servers_cpu)
    with ground.bare_connection() as connection:

        def ask(statements: list[Statement]) -> None:
            recording.ask(connection, statements)

        measured = interleave(
            {
                "page": Side(_in_turn(words, get, before=forget), served),
                "again": Side(_in_turn(words, get, before=get), served),
                "rows": Side(_in_turn([_search(one) for one in asked], ask), ground.cpu),
                "all": Side(_in_turn(asked, ask), ground.cpu),
            },
            plan,
        )
    return measured["page"], measured["again"], measured["rows"], measured["all"]


def _search(statements: list[Statement]) -> list[Statement]:
    """The statements that match, count the facets and read the offers shown."""
    found = [one for one in statements if one.sql.startswith(FINDING)]
    assert found, "the page finds its offers by statements that begin like this"
    return found


def _in_turn(
    kinds: list[T], work: Callable[[T], object], *, before: Callable[[T], object] | None = None
) -> Callable[[], Callable[[], object]]:
    """One kind after another, from the beginning again after the last; what is done `before` is not timed."""
    turns = cycle(kinds)

    def prepare() -> Callable[[], object]:
        kind = next(turns)
        if before is not None:
            before(kind)
        return lambda: work(kind)

    return prepare


def _together(
    ground: Ground,
    portal: Served,
    bare: Served,
    words: list[str],
    title: str,
    plan: Plan,
    *,
    is_again: bool = False,
) -> Figure:
    """Some people at once: each work is one page for each of them, looked for anew if not `is_again`."""
    with ThreadPoolExecutor(AT_ONCE) as people:

        def all_at_once(kinds: list[str], get: Callable[[str], object]) -> None:
            list(people.map(get, kinds))

        def ours(kinds: list[str]) -> None:
            all_at_once(kinds, lambda text: portal.get(PATH, text))

        def forget(_: list[str]) -> None:
            ground.owner.execute(FORGET)

        groups = [words[first : first + AT_ONCE] for first in range(0, len(words), AT_ONCE)]
        for kinds in islice(cycle(groups), plan.rounds // AT_ONCE):  # until all connections keep their plans
            ours(kinds)
        measured = interleave(
            {
                "portal": Side(
                    _in_turn(groups, ours, before=None if is_again else forget),
                    processor.of_children(portal.child, ground.servers_cpu),
                ),
                "bare": Side(
                    _in_turn(groups, lambda kinds: all_at_once(kinds, lambda _: bare.get("/"))),
                    processor.of_children(bare.child),
                ),
            },
            Plan(works=1, operations=AT_ONCE, rounds=max(1, plan.rounds // AT_ONCE), seconds=plan.seconds),
        )
    return figure(title, "bare Flask page", measured["portal"], measured["bare"], unit="per s")
