"""The filter of the search, the switch of location and the quantities typed into a guide."""

import re
from collections.abc import Mapping, Sequence

from wtforms import BooleanField, HiddenField, SelectField

from portal.catalog.search import Search
from portal.foundation.forms import Form
from portal.masterdata.models import Location

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
    """What the search shows."""

    q = HiddenField()
    sort = HiddenField()
    category = SelectField("Category", validate_choice=False)
    supplier = SelectField("Supplier", validate_choice=False)
    contract = BooleanField("On contract only")

    def search(self) -> Search:
        """What was asked for; what is not a choice counts as not chosen."""
        supplier = self.supplier.data or ""
        return Search(
            words=self.q.data or "",
            category=self.category.data or "",
            supplier_id=int(supplier) if re.fullmatch(r"\d{1,18}", supplier, re.ASCII) else None,
            on_contract=self.contract.data,
            sort=self.sort.data or "",
        )

    def offer_facets(
        self, categories: Sequence[tuple[str, int]], suppliers: Sequence[tuple[int, str, int]]
    ) -> None:
        """Fills in the categories and suppliers among the matches, with their counts."""
        self.category.choices = {"": "All categories"} | {
            name: f"{name} ({count:,})" for name, count in categories if name
        }
        self.supplier.choices = {"": "All suppliers"} | {
            str(supplier_id): f"{name} ({count:,})" for supplier_id, name, count in suppliers
        }


def typed_quantities(values: Mapping[str, str]) -> dict[int, str]:
    """What stands in the quantity boxes (named q and the offer's id), by offer; empty ones left out."""
    found = ((QUANTITY.fullmatch(name), text.strip()) for name, text in values.items())
    return {int(match.group(1)): text for match, text in found if match and text}


def quantity_name(offer_id: int) -> str:
    """The name of an offer's quantity box."""
    return f"q{offer_id}"
