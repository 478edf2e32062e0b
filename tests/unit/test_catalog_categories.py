"""The tree of categories: paths, counts with all below, and what a choice opens."""

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.catalog.categories import Branch, Tree

TREE = Tree({"Foam": "Dressings", "Gauze": "Dressings", "Dressings": "Wound care", "Tape": "Wound care"})
COUNTS = {"Foam": 3, "Gauze": 2, "Dressings": 1, "Tape": 4, "Gloves": 5}
NAMES = st.sampled_from("ABCDE")


def shown(chosen: str = "") -> list[tuple[str, int, int]]:
    """Name, depth and count of each branch."""
    return [(one.name, one.depth, one.count) for one in TREE.shown(COUNTS, chosen)]


def test_a_category_counts_all_that_is_below_it() -> None:
    assert shown() == [("Gloves", 0, 5), ("Wound care", 0, 10)]
    assert TREE.within("Dressings") == ["Dressings", "Foam", "Gauze"]


def test_a_choice_shows_the_way_to_it_and_opens_one_level() -> None:
    assert shown("Wound care") == [("Wound care", 0, 10), ("Dressings", 1, 6), ("Tape", 1, 4)]
    assert shown("Dressings")[1:] == [("Dressings", 1, 6), ("Foam", 2, 3), ("Gauze", 2, 2)]


def test_where_nothing_is_below_the_choice_its_neighbors_stay() -> None:
    assert shown("Foam") == [("Wound care", 0, 10), ("Dressings", 1, 6), ("Foam", 2, 3), ("Gauze", 2, 2)]
    assert shown("Gloves") == shown()
    assert Branch("Unknown", 0, 0) in TREE.shown(COUNTS, "Unknown")


@settings(max_examples=60)
@given(st.dictionaries(NAMES, NAMES), st.dictionaries(NAMES, st.integers(1, 9)), NAMES)
def test_any_table_of_parents_makes_a_tree(
    above: dict[str, str], counts: dict[str, int], chosen: str
) -> None:
    """Also one that goes round in a circle: nothing is lost, nothing is counted twice."""
    tree = Tree(above)
    assert sum(one.count for one in tree.shown(counts)) == sum(counts.values())
    assert chosen in [one.name for one in tree.shown(counts, chosen)]
    for name in counts:
        assert set(tree.path(name)) == {one for one in "ABCDE" if name in tree.within(one)}
