"""The filter of the calendar and the form of its feed."""

from collections.abc import Mapping

from wtforms import HiddenField, SelectField

from portal.foundation.forms import Form

EVERYWHERE = "all"


class CalendarFilter(Form):
    """One place, or all of them; the span and the day go along."""

    class Meta:
        """Reading needs no token."""

        csrf = False

    location = SelectField("Deliver to", choices={EVERYWHERE: "All places"}, validate_choice=False)
    span = HiddenField()
    day = HiddenField()

    def offer(self, locations: Mapping[str, str]) -> None:
        """Gives the places to choose from."""
        self.location.choices = {EVERYWHERE: "All places", **locations}


class FeedForm(Form):
    """What the feed holds."""

    location = SelectField("Deliveries to", choices={"": "All places I may see"}, validate_choice=False)

    def offer(self, locations: Mapping[str, str]) -> None:
        """Gives the places to choose from."""
        self.location.choices = {"": "All places I may see", **locations}

    def location_id(self) -> int | None:
        """The place chosen; 0, which no place has, for what the page did not offer."""
        chosen = self.location.data or ""
        if not chosen:
            return None
        return int(chosen) if chosen in self.location.choices else 0
