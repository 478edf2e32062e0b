"""Forms of sign-in and of people's accounts."""

from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.foundation.forms import Form
from portal.identity.rules import LONGEST_EMAIL, LONGEST_PASSWORD

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
