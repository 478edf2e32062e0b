"""Forms of the pages of master data."""

from flask_wtf.file import FileField, FileRequired
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired

from portal.foundation.forms import Form
from portal.masterdata.presenters import (
    ENTITY_CHOICES,
    KIND_CHOICES,
    LIFECYCLE_CHOICES,
    SYNC_KIND_CHOICES,
    VALIDITY_CHOICES,
)


class UploadForm(Form):
    """A table to import."""

    kind = SelectField("What the file holds", choices=KIND_CHOICES, validators=[InputRequired()])
    file = FileField("CSV or Excel file (.xlsx)", validators=[FileRequired("Choose the file to import.")])


class Filter(Form):
    """What a list shows."""

    class Meta:
        """A GET form changes nothing and needs no token."""

        csrf = False


class SearchFilter(Filter):
    """Words only."""

    q = StringField("Code or name")


class ItemFilter(Filter):
    """What the list of items shows."""

    q = StringField("Code, name or part number")
    lifecycle = SelectField("Lifecycle", choices=LIFECYCLE_CHOICES, validate_choice=False)
    category = SelectField("Category", validate_choice=False)

    def wanted(self) -> dict[str, str]:
        """The arguments of `listings.items`."""
        return {
            "words": self.q.data or "",
            "lifecycle": self.lifecycle.data or "",
            "category": self.category.data or "",
        }


class ContractFilter(Filter):
    """What the list of contracts shows."""

    q = StringField("Number, name or supplier")
    validity = SelectField("Validity", choices=VALIDITY_CHOICES, validate_choice=False)


class CrosswalkFilter(Filter):
    """What the crosswalk shows."""

    q = StringField("Identifier")
    entity = SelectField("Kind", choices=ENTITY_CHOICES, validate_choice=False)


class SyncFilter(Filter):
    """Which reads from the ERP are listed."""

    kind = SelectField("Kind", choices=SYNC_KIND_CHOICES, validate_choice=False)
