"""The vendors' differences as data: addresses, syntaxes, what they publish and what they leave out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """One EHR. Paths are below the sandbox's address; `issuer` is compared as text with id_tokens.

    `fhir_user` is "absolute" or "relative"; `publishes` is "smart-configuration" or "capability-statement".
    """

    code: str
    label: str
    fhir: str
    oauth: str
    issuer: str
    styles: frozenset[str] = frozenset({"v1", "v2"})
    authentication: tuple[str, ...] = ("client_secret_post", "client_secret_basic", "private_key_jwt")
    algorithms: tuple[str, ...] = ("RS384", "ES384")
    fhir_user: str = "absolute"
    refresh: str = "rotates"
    revokes: bool = True
    json_only: bool = False
    wildcards: bool = True
    openid_discovery: bool = True
    has_practitioner_role: bool = True
    gives_location: bool = False
    lists_scopes: bool = True
    access: tuple[str, ...] = ("permission-offline", "permission-online")
    publishes: str = "smart-configuration"
    refusal_code: str = ""


PROFILES = {
    profile.code: profile
    for profile in (
        Profile(
            "epic", "Epic-like", "/epic/api/FHIR/R4", "/epic/oauth2", "/epic/oauth2",
            refresh="keeps", revokes=False, lists_scopes=False, access=("permission-offline",),
            refusal_code="4130",
        ),
        Profile(
            "oracle", "Oracle-Health-like", "/oracle/r4/ec2458f2", "/oracle/tenants/ec2458f2/oauth2",
            "/oracle/tenants/ec2458f2", authentication=("client_secret_basic", "private_key_jwt"),
            refresh="keeps", json_only=True, wildcards=False, openid_discovery=False,
            has_practitioner_role=False,
        ),
        Profile(
            "meditech", "MEDITECH-like", "/meditech/v2/uscore/STU6", "/meditech/oauth", "/meditech/",
            algorithms=("RS256", "RS384", "RS512"), fhir_user="relative", gives_location=True,
            access=("permission-offline",),
        ),
        Profile(
            "older", "Older server", "/older/fhir", "/older/auth", "/older/fhir", styles=frozenset({"v1"}),
            publishes="capability-statement", fhir_user="relative",
        ),
    )
}  # fmt: skip
