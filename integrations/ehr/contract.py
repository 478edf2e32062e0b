"""What every EHR adapter promises.

An adapter serves one tenant at one EHR. Reading has no effect and may be repeated; a code is redeemed once.
Errors are those of `integrations.errors`; Rejected has the OAuth or FHIR code as `code`. BREAK_THE_GLASS
stands for a refusal by the EHR's privacy policy, which is shown and never tried again. Tokens and patient
data, and so the EHR's own words, are in no error text and in no `repr`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from integrations.ehr.keys import SigningKeys
from integrations.health import Health

BREAK_THE_GLASS = "break_the_glass"
Resource = dict[str, Any]


@dataclass(frozen=True)
class Registration:
    """How the portal is registered at one EHR; `iss` is its FHIR base as the EHR spells it.

    `auth_method` is RS384 or ES384 (private_key_jwt), client_secret_basic or client_secret_post. `issuers`
    are accepted in an id_token beside the one the EHR publishes; `hosts` are where its endpoints may be.
    """

    kind: str
    iss: str
    client_id: str
    redirect_uri: str = ""
    auth_method: str = "RS384"
    secret: str = field(default="", repr=False)
    keys: SigningKeys = field(default_factory=SigningKeys, repr=False)
    jwks_url: str = ""
    issuers: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    scope_style: str = "v2"
    expects_nonce: bool = True


@dataclass(frozen=True)
class Asked:
    """An authorization request: where the browser goes, and what the server keeps until it returns.

    With `fields` the browser sends them to `url` as a form (POST); without, it follows the address.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    token_endpoint: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ContextItem:
    """An entry of fhirContext: a reference such as "ServiceRequest/7" and the role it plays."""

    reference: str = field(repr=False)
    role: str = "launch"


@dataclass(frozen=True)
class Granted:
    """What the EHR gave: tokens, the scope really granted, and the launch context."""

    access_token: str = field(repr=False)
    scope: str
    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    expires_in: int = 0
    patient: str = field(default="", repr=False)
    encounter: str = field(default="", repr=False)
    location: str = ""
    context: tuple[ContextItem, ...] = ()
    needs_banner: bool = True
    style_url: str = ""
    intent: str = ""


@dataclass(frozen=True)
class Clinician:
    """Who the EHR says is there; `fhir_user` is relative, such as "Practitioner/7", or empty."""

    issuer: str
    subject: str
    fhir_user: str = ""
    name: str = ""


@dataclass(frozen=True)
class PatientFacts:
    """A patient as the banner shows one; `identifiers` are (assigner, value), the record number first."""

    id: str = field(repr=False)
    name: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    identifiers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class EncounterFacts:
    """An encounter; `locations` are references, the present one first; `patient` is an id."""

    id: str = field(repr=False)
    number: str = field(default="", repr=False)
    status: str = ""
    kind: str = ""
    patient: str = field(default="", repr=False)
    started: str = ""
    locations: tuple[str, ...] = ()
    provider: str = ""


@dataclass(frozen=True)
class ProcedureFacts:
    """A Procedure, or the ServiceRequest for one; `patient` is an id, `numbers` are business identifiers."""

    reference: str = field(repr=False)
    numbers: tuple[str, ...] = field(default=(), repr=False)
    patient: str = field(default="", repr=False)
    code: str = ""
    name: str = ""


@dataclass(frozen=True)
class PlaceFacts:
    """A location or organization of the EHR: reference, name, identifiers, and what it is part of."""

    reference: str
    name: str = ""
    identifiers: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class PractitionerFacts:
    """A person who treats; `places` are references to the locations and organizations of the roles."""

    reference: str
    name: str = ""
    npi: str = ""
    email: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Style:
    """What of an EHR's look the portal takes over: a color such as #2a6496, a radius such as 4px, or ""."""

    accent: str = ""
    radius: str = ""


class Cache(Protocol):
    """Keeps what an EHR publishes for a while."""

    def load(self, key: str) -> bytes | None:
        """What was kept, or None."""

    def keep(self, key: str, value: bytes, seconds: int) -> None:
        """Keeps a value."""

    def forget(self, key: str) -> None:
        """Drops a value."""


class Reading(Protocol):
    """Reads resources with one access token, within the scope that was granted."""

    def may(self, resource_type: str, action: str = "r") -> bool:
        """Whether the granted scope covers the action (c, r, u, d or s)."""

    def read(self, reference: str) -> Resource:
        """One resource by "Type/id"; raises Rejected for a reference to another server."""

    def search(self, resource_type: str, parameters: Mapping[str, str]) -> Iterator[Resource]:
        """The matches over all pages; pages of another server are refused."""

    def patient(self, patient_id: str) -> PatientFacts:
        """A patient."""

    def encounter(self, encounter_id: str) -> EncounterFacts:
        """An encounter."""

    def procedure(self, reference: str) -> ProcedureFacts:
        """A Procedure or ServiceRequest."""

    def place(self, reference: str) -> PlaceFacts:
        """A location or organization."""

    def practitioner(self, reference: str) -> PractitionerFacts:
        """The person of a Practitioner or PractitionerRole, with the places of the roles."""


class Ehr(Protocol):
    """One tenant at one EHR."""

    def check(self) -> Health:
        """Reads what the EHR publishes; never raises."""

    def ask(self, *, launch: str = "", aud: str = "") -> Asked:
        """An authorization request; without `launch` a standalone one. `aud` defaults to the FHIR base."""

    def redeem(self, code: str, *, code_verifier: str, token_endpoint: str) -> Granted:
        """Exchanges a code at the token endpoint that was published when it was asked for."""

    def clinician(self, granted: Granted, nonce: str) -> Clinician:
        """The person of the id_token, validated; raises Rejected when it cannot be believed."""

    def refresh(self, refresh_token: str, *, scope: str) -> Granted:
        """A new access token within `scope`, granted before; keeps the refresh token without a new one."""

    def revoke(self, value: str) -> bool:
        """Gives a token back; False where the EHR publishes no way."""

    def sign_in_as_system(self, scope: str) -> Granted:
        """A token of the portal itself (client_credentials)."""

    def reading(self, access_token: str, scope: str) -> Reading:
        """Reads with a token."""

    def style(self, url: str) -> Style:
        """The look at a smart_style_url of a host of this EHR; a new look has a new address."""

    def close(self) -> None:
        """Releases the connection."""
