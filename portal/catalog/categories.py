"""The tree of categories: what stands below what, and the part of it that a page shows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Branch:
    """A category as the filter shows it: `depth` from 0 at the top, `count` with all that is below."""

    name: str
    depth: int
    count: int


@dataclass(frozen=True)
class Tree:
    """The category above each one that has one; what is not named here stands at the top."""

    above: Mapping[str, str] = field(default_factory=dict)

    def path(self, name: str) -> list[str]:
        """From the top down to the category itself; one that stands below itself counts as a top."""
        path = [name]
        while above := self.above.get(path[0], ""):
            if above in path:
                return [name]
            path.insert(0, above)
        return path

    def within(self, name: str) -> list[str]:
        """The category and all below it."""
        return [name, *(one for one in self.above if one != name and name in self.path(one))]

    def shown(self, counts: Mapping[str, int], chosen: str = "") -> list[Branch]:
        """The path to the chosen category and what is right below it; at its end, what is beside it.

        `counts` are those of each category alone; without a choice the tops are shown.
        """
        totals = self._totals(counts)
        path = self.path(chosen) if chosen else []
        below = self._below(totals, path[-1] if path else "")
        if path and not below:
            path = path[:-1]
            below = self._below({chosen: 0, **totals}, path[-1] if path else "")
        branches = [Branch(name, depth, totals.get(name, 0)) for depth, name in enumerate(path)]
        return branches + [Branch(name, len(path), totals.get(name, 0)) for name in below]

    def _totals(self, counts: Mapping[str, int]) -> dict[str, int]:
        totals: dict[str, int] = {}
        for name, count in counts.items():
            for one in self.path(name):
                totals[one] = totals.get(one, 0) + count
        return totals

    def _below(self, names: Iterable[str], parent: str) -> list[str]:
        """Those right below a category by name; below nothing are the tops."""
        return sorted((one for one in names if self._parent(one) == parent), key=str.lower)

    def _parent(self, name: str) -> str:
        return ["", *self.path(name)][-2]
