"""What a search is asked and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from portal.catalog.categories import Tree

MOST = 1000
"""So many matches are looked at; beyond it the page asks for a word or filter more."""
ANY_CONTRACT = 0


@dataclass(frozen=True)
class Search:
    """What a person looks for; `sort` is empty (best match), name, price, -name or -price.

    `contract` is the id of one, ANY_CONTRACT, or None for all prices.
    """

    words: str = ""
    category: str = ""
    supplier_id: int | None = None
    manufacturer: str = ""
    contract: int | None = None
    guide: bool = False
    stocked: bool = False
    lots: bool = False
    sort: str = ""

    def only_items(self, here: "Here") -> list[int] | None:
        """The items that the filters of the place leave; None without such a filter."""
        wanted = [set(one) for one, on in ((here.guide, self.guide), (here.stocked, self.stocked)) if on]
        return sorted(set.intersection(*wanted)) if wanted else None


@dataclass(frozen=True)
class Here:
    """The day, and the ids of the items on the order guide and kept in stock at the location.

    `state` names the state of the catalog: what was found then may be shown again. None keeps nothing.
    """

    day: date
    guide: tuple[int, ...] = ()
    stocked: tuple[int, ...] = ()
    state: int | None = None

    @property
    def known(self) -> list[int]:
        """The items the location deals with."""
        return sorted({*self.guide, *self.stocked})


@dataclass(frozen=True)
class Facet:
    """A value to narrow down by, and how many matches would be left."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Found:
    """One page of offer ids, the ids of their items, and all about the matches.

    `total` and the counts of the facets are exact, unless there are more than MOST matches: then
    `is_total_least` and `are_counts_least` say that there are at least so many.
    """

    ids: Sequence[int]
    item_ids: Sequence[int]
    total: int
    facets: dict[str, list[Facet]] = field(default_factory=dict)
    tree: Tree = field(default_factory=Tree)
    is_total_least: bool = False
    are_counts_least: bool = False
    is_similar: bool = False

    def count(self, kind: str) -> int:
        """How many matches a yes-or-no facet has: guide, stocked or lots."""
        return sum(facet.count for facet in self.facets.get(kind, ()))


def facets_of(rows: Sequence[Sequence[Any]]) -> dict[str, list[Facet]]:
    """Rows of (kind, value, label, count) by kind, by label."""
    facets: dict[str, list[Facet]] = {}
    for kind, value, label, count in sorted(rows, key=lambda row: (row[0], row[2].lower(), row[1])):
        facets.setdefault(kind, []).append(Facet(value, label, count))
    return facets
