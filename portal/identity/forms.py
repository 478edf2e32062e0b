"""Forms of sign-in and of people's accounts."""

from collections.abc import Mapping
from decimal import Decimal

from wtforms import DecimalField, HiddenField, PasswordField, SearchField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from portal.foundation.forms import Form
from portal.identity.rules import (
    LONGEST_EMAIL,
    LONGEST_PASSWORD,
    ROLE_LABELS,
    SHORTEST_PASSWORD,
    Role,
)

PASSWORD_HINT = f"At least {SHORTEST_PASSWORD} characters; several words are good."
ROLES = {role.value: label for role, label in ROLE_LABELS.items()}
NOTHING = "none"  # the choice of no place in particular
LARGEST_LIMIT = Decimal("99999999999999.99")

REFUSED = (
    "This e-mail and password do not match, or the account is locked after too many tries. "
    "Check both and try again; a lock ends after 15 minutes. Your administrator can help."
)


class SignInForm(Form):
    """E-mail, password and the page to go to."""

    next = HiddenField()
    email = StringField(
        "E-mail",
        [InputRequired("Enter your e-mail address."), Length(max=LONGEST_EMAIL, message="This is too long.")],
    )
    password = PasswordField(
        "Password",
        [
            InputRequired("Enter your password."),
            Length(max=LONGEST_PASSWORD, message=f"A password has at most {LONGEST_PASSWORD} characters."),
        ],
    )

    def refuse(self) -> None:
        """Says that this cannot be signed in, whatever the reason."""
        self.form_errors.append(REFUSED)


class OrganizationForm(Form):
    """The organization whose own sign-in is wanted."""

    class Meta:
        csrf = False

    slug = StringField(
        "Organization", [InputRequired()], description="Its short name, as your administrator told you."
    )


class PasswordForm(Form):
    """A new password for oneself."""

    present = PasswordField("Present password", [InputRequired("Enter your present password.")])
    password = PasswordField(
        "New password", [InputRequired("Enter a new password.")], description=PASSWORD_HINT
    )


class GivenPasswordForm(Form):
    """A new password for somebody else."""

    password = PasswordField(
        "New password", [InputRequired("Enter a new password.")], description=PASSWORD_HINT
    )


class AccountForm(Form):
    """A new account."""

    name = StringField("Name", [InputRequired("Enter the name.")])
    email = StringField("E-mail", [InputRequired("Enter the e-mail address.")])
    password = PasswordField(
        "First password",
        [Optional()],
        description=f"{PASSWORD_HINT} Leave it empty for somebody who signs in through your organization.",
    )


class PlaceForm(Form):
    """The default location."""

    location = SelectField("Default location", [InputRequired("Choose a location.")])

    def offer(self, locations: Mapping[int, str]) -> None:
        """Sets the choices."""
        self.location.choices = _choices("None", locations)

    @property
    def location_id(self) -> int | None:
        """The location chosen."""
        return _id(self.location.data)


class RoleForm(Form):
    """A role with its scope."""

    role = SelectField("Role", [InputRequired("Choose a role.")], choices=ROLES)
    facility = SelectField("Facility", [InputRequired("Choose a facility.")])
    cost_center = SelectField("Cost center", [InputRequired("Choose a cost center.")])
    approval_limit = DecimalField(
        "Approval limit",
        [Optional(), NumberRange(min=0, max=LARGEST_LIMIT, message="Enter an amount from zero.")],
        description="For approvers: the largest amount they may approve. Empty means any.",
    )

    def offer(self, facilities: Mapping[int, str], cost_centers: Mapping[int, str]) -> None:
        """Sets the choices."""
        self.facility.choices = _choices("All facilities", facilities)
        self.cost_center.choices = _choices("All cost centers", cost_centers)

    @property
    def chosen(self) -> tuple[Role, int | None, int | None, Decimal | None]:
        """Role, facility, cost center and limit."""
        limit = None if self.approval_limit.data is None else round(self.approval_limit.data, 2)
        return Role(self.role.data), _id(self.facility.data), _id(self.cost_center.data), limit


class PeopleFilter(Form):
    """What the list of people is filtered by."""

    class Meta:
        csrf = False

    q = SearchField("Name or e-mail", [Length(max=100)])

    @property
    def words(self) -> str:
        """What to look for."""
        return "".join(character for character in self.q.data or "" if character.isprintable()).strip()


def _choices(nothing: str, places: Mapping[int, str]) -> dict[str, str]:
    return {NOTHING: nothing} | {str(place_id): label for place_id, label in places.items()}


def _id(text: str | None) -> int | None:
    return None if text in (None, NOTHING) else int(text)
