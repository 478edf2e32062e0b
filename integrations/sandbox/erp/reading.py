"""Answers GET: keys, navigation, $filter, $orderby, $top, $skip, $select, $expand, $inlinecount."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.formats.odata import entity
from integrations.sandbox.erp.filtering import read_filter
from integrations.sandbox.erp.model import EntitySet, Navigation, Property, Service
from integrations.sandbox.erp.refusal import NOT_FOUND, Refusal, refuse
from integrations.sandbox.erp.rows import Rows
from integrations.sandbox.erp.values import Row, comparable

Tree = dict[str, "Tree"]
OPTIONS = frozenset({"$filter", "$orderby", "$top", "$skip", "$select", "$expand", "$inlinecount", "$format"})


@dataclass(frozen=True)
class Reader:
    """Reads one service; `address` is its URL as the client called it."""

    service: Service
    rows: Rows
    address: str

    def one(
        self, entity_set: EntitySet, keys: Sequence[str], options: Mapping[str, str]
    ) -> dict[str, object]:
        """One entity by its key; raises Refusal 404."""
        row = self.find(entity_set, keys)
        select, expand = _tree(options.get("$select", "")), _tree(options.get("$expand", ""))
        return self.present(entity_set, row, select, expand)

    def many(
        self, entity_set: EntitySet, found: Iterable[Row], options: Mapping[str, str]
    ) -> dict[str, object]:
        """A page of rows as the query options ask."""
        if unknown := sorted(name for name in options if name.startswith("$") and name not in OPTIONS):
            raise refuse("/IWBEP/CM_MGW_RT/020", f"System query option {unknown[0]} is not supported")
        text = options.get("$filter", "")
        test = read_filter(text, entity_set) if text else None
        kept = [row for row in found if test is None or test(row)]
        kept = _sorted(kept, entity_set, options.get("$orderby", ""))
        skip, top = _whole(options, "$skip", 0), _whole(options, "$top", len(kept))
        select, expand = _tree(options.get("$select", "")), _tree(options.get("$expand", ""))
        page: dict[str, object] = {
            "results": [self.present(entity_set, row, select, expand) for row in kept[skip : skip + top]]
        }
        if options.get("$inlinecount") == "allpages":
            page["__count"] = str(len(kept))
        return page

    def find(self, entity_set: EntitySet, keys: Sequence[str]) -> Row:
        """The row with these key values in the key's order; raises Refusal 404."""
        wanted = dict(zip(entity_set.keys, keys, strict=True))
        for row in self.rows.group(entity_set, wanted.get(entity_set.group, "")):
            if all(row[name] == value for name, value in wanted.items()):
                return row
        raise refuse("/IWBEP/CM_MGW_RT/020", f"Resource not found for {entity_set.type_name}", NOT_FOUND)

    def follow(self, row: Row, link: Navigation) -> list[Row]:
        """The rows a navigation leads to."""
        target = self.service.sets[link.target]
        own = next(own for own, theirs in link.join if theirs == target.group)
        part_of = str(row[own] or "")
        if not part_of:
            return []
        return [
            other
            for other in self.rows.group(target, part_of)
            if all(row[mine] == other[theirs] for mine, theirs in link.join)
        ]

    def present(self, entity_set: EntitySet, row: Row, select: Tree, expand: Tree) -> dict[str, object]:
        """A row as JSON: chosen properties, expanded or deferred navigations."""
        _check(entity_set, select, expand)
        uri = f"{self.address}/{entity(entity_set.name, *(str(row[key]) for key in entity_set.keys))}"
        shown: dict[str, object] = {
            "__metadata": {"id": uri, "uri": uri, "type": f"{self.service.namespace}.{entity_set.type_name}"}
        }
        everything = not select or "*" in select
        shown |= {name: row[name] for name in entity_set.properties if everything or name in select}
        for name, link in entity_set.navigations.items():
            if name in expand:
                if everything or name in select:
                    shown[name] = self._expanded(row, link, select.get(name, {}), expand[name])
            elif everything or name in select:
                shown[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
        return shown

    def _expanded(self, row: Row, link: Navigation, select: Tree, expand: Tree) -> object:
        target = self.service.sets[link.target]
        found = [self.present(target, other, select, expand) for other in self.follow(row, link)]
        return {"results": found} if link.many else (found[0] if found else None)


def _check(entity_set: EntitySet, select: Tree, expand: Tree) -> None:
    known = {*entity_set.properties, *entity_set.navigations, "*"}
    if unknown := sorted(set(select) - known):
        raise _no_property(entity_set, unknown[0])
    if unknown := sorted(set(expand) - set(entity_set.navigations)):
        raise _no_property(entity_set, unknown[0])


def _no_property(entity_set: EntitySet, name: str) -> Refusal:
    return refuse("/IWBEP/CM_MGW_RT/021", f"Property {name} not found in type {entity_set.type_name}")


def _tree(text: str) -> Tree:
    """to_A/to_B,to_C as {"to_A": {"to_B": {}}, "to_C": {}}."""
    root: Tree = {}
    for path in filter(None, (part.strip() for part in text.split(","))):
        branch = root
        for name in path.split("/"):
            branch = branch.setdefault(name, {})
    return root


def _sorted(rows: list[Row], entity_set: EntitySet, text: str) -> list[Row]:
    for part in reversed([part.split() for part in text.split(",") if part.strip()]):
        one = entity_set.properties.get(part[0])
        if one is None:
            raise _no_property(entity_set, part[0])
        rows = sorted(rows, key=_sort_key(one), reverse=part[1:] == ["desc"])
    return rows


def _sort_key(one: Property) -> Callable[[Row], tuple[bool, Any]]:
    """Empty values come first."""
    return lambda row: (row[one.name] is not None, comparable(one, row[one.name]))


def _whole(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise refuse("/IWBEP/CM_MGW_RT/020", f"{name} must be a whole number, not {text!r}")
    return int(text)
