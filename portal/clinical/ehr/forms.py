"""Forms about EHR systems and their places."""

from collections.abc import Mapping

from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from portal.clinical.ehr.systems import SystemValues
from portal.clinical.models import EhrSystem
from portal.clinical.rules import AuthMethod, EhrKind, ScopeStyle
from portal.foundation.forms import Form

KINDS = {
    EhrKind.EPIC: "Epic",
    EhrKind.ORACLE: "Oracle Health",
    EhrKind.MEDITECH: "MEDITECH Expanse",
    EhrKind.OTHER: "Another SMART server",
}
METHODS = {
    AuthMethod.RS384: "Signed assertion, RS384 (preferred)",
    AuthMethod.ES384: "Signed assertion, ES384",
    AuthMethod.BASIC: "Secret, HTTP Basic",
    AuthMethod.POST: "Secret in the form",
}
STYLES = {ScopeStyle.V2: "Version 2 (Patient.rs)", ScopeStyle.V1: "Version 1 (Patient.read)"}


class SystemForm(Form):
    """What an administrator says about an EHR."""

    code = StringField(
        "Code", [DataRequired("Enter a short code."), Length(max=40)],
        description="Lower-case letters, digits and hyphens; stands in the redirect address.",
    )  # fmt: skip
    name = StringField("Name", [DataRequired("Enter a name."), Length(max=120)])
    kind = SelectField("EHR", choices={kind.value: label for kind, label in KINDS.items()})
    base_url = StringField(
        "FHIR base address (iss)", [DataRequired("Enter the address."), Length(max=500)],
        description="Exactly as the EHR sends it as iss, for example https://fhir.hospital.org/api/FHIR/R4.",
    )  # fmt: skip
    client_id = StringField("Client id", [DataRequired("Enter the client id."), Length(max=200)])
    backend_client_id = StringField(
        "Client id of backend services", [Length(max=200)],
        description="Only where the EHR registers them apart.",
    )  # fmt: skip
    auth_method = SelectField(
        "How the portal proves itself", choices={method.value: label for method, label in METHODS.items()}
    )
    secret_name = StringField(
        "Name of the secret", [Length(max=60)],
        description="For the two methods with a secret: the variable PORTAL_SECRET_<name>.",
    )  # fmt: skip
    scope_style = SelectField("Scopes", choices={style.value: label for style, label in STYLES.items()})
    issuers = TextAreaField(
        "Accepted issuers of id_tokens",
        description="One a line, beside the one the EHR publishes. Oracle Health changed its form in 2025.",
    )
    hosts = TextAreaField(
        "Hosts of its endpoints",
        description="One a line, where authorization and token addresses may be beside the FHIR host.",
    )
    frame_ancestors = TextAreaField(
        "Sites that show the portal inside a chart",
        description="Origins, one a line, such as https://ehr.hospital.org. Empty: the EHR opens a tab.",
    )
    facility_id = SelectField(
        "Facility", coerce=str, description="Of clinicians whose place the EHR does not tell."
    )
    polled_types = TextAreaField(
        "Resources the portal asks for by itself",
        description="One a line, of Procedure, Device, DeviceUseStatement, SupplyDelivery, ChargeItem: what "
        "changed since the last time is read every few minutes. Only where the EHR offers _lastUpdated.",
    )
    expects_nonce = BooleanField("id_tokens carry our nonce", default=True)
    active = BooleanField("Active", default=True)

    def offer(self, facilities: Mapping[int, str]) -> None:
        """Fills the choices."""
        self.facility_id.choices = {"": "None"} | {str(number): name for number, name in facilities.items()}

    def values(self) -> SystemValues:
        """What was entered."""
        return SystemValues(
            name=self.name.data.strip(),
            base_url=self.base_url.data.strip(),
            client_id=self.client_id.data.strip(),
            kind=EhrKind(self.kind.data),
            auth_method=AuthMethod(self.auth_method.data),
            secret_name=self.secret_name.data.strip(),
            backend_client_id=self.backend_client_id.data.strip(),
            issuers=lines(self.issuers.data),
            hosts=lines(self.hosts.data),
            scope_style=ScopeStyle(self.scope_style.data),
            expects_nonce=self.expects_nonce.data,
            frame_ancestors=lines(self.frame_ancestors.data),
            facility_id=int(self.facility_id.data) if self.facility_id.data else None,
            active=self.active.data,
            polled_types=lines(self.polled_types.data),
        )


def shown(system: EhrSystem) -> dict[str, object]:
    """The values of a system as the form shows them."""
    return {
        **{name: getattr(system, name) for name in ("code", "name", "base_url", "client_id", "secret_name",
                                                    "backend_client_id", "expects_nonce", "active")},
        **{name: getattr(system, name).value for name in ("kind", "auth_method", "scope_style")},
        **{name: "\n".join(getattr(system, name))
           for name in ("issuers", "hosts", "frame_ancestors", "polled_types")},
        "facility_id": str(system.facility_id or ""),
    }  # fmt: skip


def lines(text: str | None) -> tuple[str, ...]:
    """The lines that are not empty."""
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


class PlaceForm(Form):
    """Which location of ours a place of an EHR is."""

    location_id = SelectField("Our location", coerce=str)

    def offer(self, locations: Mapping[int, str]) -> None:
        """Fills the choices."""
        self.location_id.choices = {"": "None of ours"} | {str(key): name for key, name in locations.items()}
