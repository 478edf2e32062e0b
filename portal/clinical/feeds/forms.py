"""Forms about HL7 v2 interfaces."""

from collections.abc import Iterator, Mapping
from typing import Any

from wtforms import BooleanField, Field, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from integrations.clinical import UsageStatus
from integrations.ehr.hl7_feed import PLACEABLE
from portal.clinical.feeds.settings import KEPT, FeedValues
from portal.clinical.models import Feed
from portal.foundation.errors import Invalid
from portal.foundation.forms import Form

LONGEST_MESSAGE = 100_000
ORDERS = {"request": "Requests for supplies", "usage": "Supplies used"}
LABELS = {
    "di": "Device identifier (DI)", "uom": "Unit", "expires_on": "Expiry date", "made_on": "Day it was made",
    "line_id": "Number of the line", "case_id": "Case", "status": "Outcome", "site": "Body site",
    "reverses": "Line it takes back", "raw_scan": "UDI as scanned", "item_text": "Item in words",
}  # fmt: skip
PROCESSING = {"P": "Production only (P)", "PTD": "Production, training and debugging (P, T, D)"}


class SetupForm(Form):
    """Who sends, and what it means."""

    code = StringField(
        "Code", [DataRequired("Enter a short code."), Length(max=40)],
        description="Lower-case letters, digits and hyphens. It stays.",
    )  # fmt: skip
    name = StringField("Name", [DataRequired("Enter a name."), Length(max=120)])
    sending_application = StringField(
        "Sending application (MSH-3)", [DataRequired("Enter it."), Length(max=227)]
    )
    sending_facility = StringField("Sending facility (MSH-4)", [DataRequired("Enter it."), Length(max=227)])
    addresses = TextAreaField(
        "Addresses it may send from",
        description="One a line, such as 10.1.2.3 or 10.1.0.0/16. Empty means nobody: MLLP has no password.",
    )
    facility_id = SelectField(
        "Facility", coerce=str, description="Where its place codes and its clock belong."
    )
    orders = RadioField("Its orders (OMS, OMN, ORM) are", choices=ORDERS, default="request")
    requester = StringField(
        "Requests are made in the name of",
        [Length(max=254)],
        description="The e-mail address of a person here.",
    )
    system = StringField(
        "Numbers belong to", [Length(max=120)],
        description="Give interfaces of one EHR the same name here: they share visits and cases.",
    )  # fmt: skip
    send_to = StringField(
        "Send to", [Length(max=255)],
        description="host:port for what the portal sends: items, stock, application acknowledgments.",
    )  # fmt: skip
    processing = SelectField("Processing ids it takes (MSH-11)", choices=PROCESSING, default="P")
    charset = StringField(
        "Character set", [Length(max=40)], description="As in MSH-18, where messages do not say it."
    )
    statuses = TextAreaField(
        "Its words for what became of a supply",
        description=f"One a line, such as I = implanted. Outcomes are {', '.join(UsageStatus)}.",
    )
    assigners = TextAreaField(
        "Its names for who numbers patients",
        description="One a line, such as HOSP = urn:oid:1.2.3. Same name, same patients.",
    )
    item_master = BooleanField("It may add and change items (MFN^M16)")
    levels = BooleanField(
        "It may set par levels and ask for counts (MFN)",
        description="Where it has other stock than the book, a count is asked for.",
    )
    active = BooleanField("Active", default=True)
    message = TextAreaField(
        "A message to try", [Length(max=LONGEST_MESSAGE)],
        description="Paste one. It is read with what stands above, shown, and kept nowhere.",
    )  # fmt: skip

    def offer(self, facilities: Mapping[int, str]) -> None:
        """Fills the choices."""
        self.facility_id.choices = {"": "None"} | {str(number): name for number, name in facilities.items()}

    def places(self) -> Iterator[Field]:
        """The rows of the mapping table."""
        return (self[name] for name in PLACEABLE)

    def values(self) -> FeedValues:
        """What was entered; raises Invalid for a line of outcomes that is none."""
        names = (
            "name",
            "sending_application",
            "sending_facility",
            "charset",
            "system",
            "requester",
            "send_to",
        )
        return FeedValues(
            **{name: (self[name].data or "").strip() for name in (*names, "send_to")},
            facility_id=int(self.facility_id.data) if self.facility_id.data else None,
            addresses=tuple(lines(self.addresses.data)),
            mapping={name: self[name].data.strip() for name in PLACEABLE if (self[name].data or "").strip()},
            statuses={word: _outcome(said) for word, said in pairs(self.statuses)},
            assigners=dict(pairs(self.assigners)),
            orders=self.orders.data or "request",
            processing=self.processing.data or "P",
            item_master=self.item_master.data,
            levels=self.levels.data,
            active=self.active.data,
        )


def _place_field(name: str) -> StringField:
    return StringField(LABELS.get(name, name.replace("_", " ").capitalize()), [Length(max=20)])


FeedForm = type("FeedForm", (SetupForm,), {name: _place_field(name) for name in PLACEABLE})


def pairs(table: Field) -> Iterator[tuple[str, str]]:
    """Word and meaning of every line, such as I = implanted; raises Invalid for a line that is none."""
    for line in lines(table.data):
        word, equals, meaning = line.partition("=")
        if not equals or not word.strip() or not meaning.strip():
            raise Invalid(
                f"{line[:40]} is not like I = implanted: a word, = and its meaning.", field=table.name
            )
        yield word.strip(), meaning.strip()


def _outcome(text: str) -> str:
    return text.lower().replace(" ", "_")


def lines(text: str | None) -> list[str]:
    """The lines that are not empty."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def shown(feed: Feed) -> dict[str, Any]:
    """The values of an interface as the form shows them."""
    columns = ("code", "name", "sending_application", "sending_facility", "active")
    tables = {
        name: "\n".join(f"{word} = {meaning}" for word, meaning in feed.settings.get(name, {}).items())
        for name in ("statuses", "assigners")
    }
    return {
        **{name: feed.settings.get(name) for name in KEPT},
        **{name: getattr(feed, name) for name in columns},
        **feed.mapping,
        "addresses": "\n".join(feed.addresses),
        "facility_id": str(feed.facility_id or ""),
        **tables,
    }
