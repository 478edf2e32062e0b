"""The filter of the search, the switch of location and the quantities typed into a guide."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from wtforms import BooleanField, HiddenField, SelectField

from portal.catalog.asked import ANY_CONTRACT, Found, Search
from portal.foundation.forms import Form
from portal.masterdata.models import Location

ON_CONTRACT = "y"
DEEPER = "\u2003"
QUANTITY = re.compile(r"q([1-9]\d{0,17})")


class PlaceForm(Form):
    """Which location the page is about."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False

    location = SelectField("Location", validate_choice=False)

    def offer_places(self, chosen: Location, choices: Sequence[Location]) -> None:
        """Fills in the locations to choose from, facility by facility."""
        facilities = {place.facility_id for place in choices}
        self.location.choices = {
            str(place.id): place.name if len(facilities) == 1 else f"{place.facility.name}: {place.name}"
            for place in choices
        }
        self.location.data = str(chosen.id)


class SearchForm(PlaceForm):
    """What the search shows; `category_path` leads to the chosen category, `categories_below` (by name, with
    counts) are right below it, both once `offer_facets` has run.
    """

    category_path: Sequence[str] = ()
    categories_below: Mapping[str, str] = MappingProxyType({})

    q = HiddenField()
    sort = HiddenField()
    category = SelectField("Category", validate_choice=False)
    supplier = SelectField("Supplier", validate_choice=False)
    manufacturer = SelectField("Manufacturer", validate_choice=False)
    contract = SelectField("Contract", validate_choice=False)
    guide = BooleanField("On the order guide")
    stocked = BooleanField("Stocked here")
    lots = BooleanField("Lot-tracked")

    def search(self) -> Search:
        """What was asked for; what is not a choice counts as not chosen."""
        return Search(
            words=self.q.data or "",
            category=_storable(self.category.data),
            supplier_id=_number(self.supplier.data),
            manufacturer=_storable(self.manufacturer.data),
            contract=ANY_CONTRACT if self.contract.data == ON_CONTRACT else _number(self.contract.data),
            guide=self.guide.data,
            stocked=self.stocked.data,
            lots=self.lots.data,
            sort=self.sort.data or "",
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter is chosen."""
        filters = (self.category, self.supplier, self.manufacturer, self.contract)
        return any(field.data for field in (*filters, self.guide, self.stocked, self.lots))

    @property
    def facets(self) -> list[tuple[str, str, str, str, str | bool, tuple[tuple[str, str], ...]]]:
        """What narrows down, as it is drawn: type, id, name, label, value and choices."""
        boxes = (self.guide, self.stocked, self.lots)
        lists = (self.location, self.category, self.supplier, self.manufacturer, self.contract)
        return [
            *(
                (one.type, one.id, one.name, one.label.text, one.data, tuple(one.choices.items()))
                for one in lists
            ),
            *((one.type, one.id, one.name, one.label.text, one.data, ()) for one in boxes),
        ]

    def offer_facets(self, found: Found) -> None:
        """Fills in what the matches can be narrowed down by, with counts."""
        more = "+" if found.are_counts_least else ""
        self._offer_categories(found, more)
        chosen = {
            "supplier": (self.supplier, "All suppliers"),
            "manufacturer": (self.manufacturer, "All manufacturers"),
        }
        for kind, (field, everything) in chosen.items():
            field.choices = {"": everything} | _choices(found, kind, more)
            # What was chosen stays to be seen, also where it leaves nothing.
            if field.data and field.data not in field.choices:
                field.choices[field.data] = "Other"
        contracts = {"": "Any price", ON_CONTRACT: "On contract"} | _choices(found, "contract", more)
        if self.contract.data and self.contract.data not in contracts:
            contracts[self.contract.data] = "One contract"
        self.contract.choices = contracts
        self._label_boxes(found, more)

    def _offer_categories(self, found: Found, more: str) -> None:
        """The tree, as far as the chosen category opens it; deeper ones stand further in."""
        counts = {facet.value: facet.count for facet in found.facets.get("category", ())}
        chosen = self.category.data or ""
        branches = found.tree.shown(counts, chosen)
        labels = {one.name: f"{one.name} ({one.count:,}{more})" for one in branches}
        self.category.choices = {"": "All categories"} | {
            one.name: DEEPER * one.depth + labels[one.name] for one in branches
        }
        self.category_path = found.tree.path(chosen) if chosen else []
        self.categories_below = {
            one.name: labels[one.name] for one in branches if one.depth == len(self.category_path)
        }

    def _label_boxes(self, found: Found, more: str) -> None:
        for kind, box in (("guide", self.guide), ("stocked", self.stocked), ("lots", self.lots)):
            box.label.text += f" ({found.count(kind):,}{more})"


def _choices(found: Found, kind: str, more: str) -> dict[str, str]:
    return {facet.value: f"{facet.label} ({facet.count:,}{more})" for facet in found.facets.get(kind, ())}


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[1-9]\d{0,17}", text, re.ASCII) else None


def _storable(text: str | None) -> str:
    # PostgreSQL holds no NUL.
    return (text or "").replace("\0", "")


def typed_quantities(values: Mapping[str, str]) -> dict[int, str]:
    """What stands in the quantity boxes (named q and the offer's id), by offer; empty ones left out."""
    found = ((QUANTITY.fullmatch(name), text.strip()) for name, text in values.items())
    return {int(match.group(1)): text for match, text in found if match and text}


def quantity_name(offer_id: int) -> str:
    """The name of an offer's quantity box."""
    return f"q{offer_id}"
