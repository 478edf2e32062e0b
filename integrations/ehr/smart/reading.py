"""Reading FHIR with a token: only what was granted, only on this server, refusals by policy named."""

import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

import httpx

from integrations.ehr.addresses import tenant_key
from integrations.ehr.contract import (
    BREAK_THE_GLASS,
    EncounterFacts,
    PatientFacts,
    PlaceFacts,
    PractitionerFacts,
    ProcedureFacts,
    Resource,
)
from integrations.ehr.smart import resources
from integrations.ehr.smart.scopes import read_scopes
from integrations.ehr.smart.vendors import vendor
from integrations.errors import Ambiguous, Misconfigured, Rejected, Retryable
from integrations.http import Door, retry_after

MOST_PAGES = 100
GONE = frozenset({httpx.codes.NOT_FOUND, httpx.codes.GONE})
BUSY = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})


class FhirReading:
    """Implements `Reading` over one access token."""

    def __init__(self, door: Door, base_url: str, kind: str, access_token: str, scope: str) -> None:
        self._door = door
        self._base = base_url.rstrip("/")
        self._vendor = vendor(kind)
        self._headers = {"authorization": f"Bearer {access_token}", "accept": "application/fhir+json"}
        self._scopes = read_scopes(scope)

    def may(self, resource_type: str, action: str = "r") -> bool:
        """Whether the granted scope covers the action."""
        return self._scopes.allows(resource_type, action)

    def read(self, reference: str) -> Resource:
        """One resource."""
        local = resources.local_reference(reference, self._base)
        self._check(local.partition("/")[0], "r")
        return self._get(f"{self._base}/{quote(local)}")

    def search(self, resource_type: str, parameters: Mapping[str, str]) -> Iterator[Resource]:
        """The matches over all pages."""
        self._check(resource_type, "s")
        url = f"{self._base}/{resource_type}?{urlencode(parameters)}"
        for _ in range(MOST_PAGES):
            bundle = self._get(url)
            for entry in resources.objects(bundle.get("entry")):
                found = resources.one(entry.get("resource"))
                if found.get("resourceType") == resource_type:
                    yield found
            url = self._next(bundle)
            if not url:
                return

    def patient(self, patient_id: str) -> PatientFacts:
        """A patient."""
        return resources.patient_facts(self.read(f"Patient/{patient_id}"))

    def encounter(self, encounter_id: str) -> EncounterFacts:
        """An encounter."""
        return resources.encounter_facts(self.read(f"Encounter/{encounter_id}"))

    def procedure(self, reference: str) -> ProcedureFacts:
        """A Procedure or ServiceRequest."""
        return resources.procedure_facts(self.read(reference))

    def place(self, reference: str) -> PlaceFacts:
        """A location or organization."""
        return resources.place_facts(self.read(reference))

    def practitioner(self, reference: str) -> PractitionerFacts:
        """The person of a Practitioner or PractitionerRole."""
        found = self.read(reference)
        roles: list[Resource] = []
        if found.get("resourceType") == "PractitionerRole":
            roles = [found]
            found = self.read(resources.reference(found, "practitioner"))
        elif self._vendor.has_practitioner_role and self.may("PractitionerRole", "s"):
            wanted = {"practitioner": str(found.get("id", ""))}
            roles = [role for role in self.search("PractitionerRole", wanted) if role.get("active", True)]
        return resources.practitioner_facts(found, roles)

    def _check(self, resource_type: str, action: str) -> None:
        if not self.may(resource_type, action):
            raise Rejected(f"the EHR did not grant {resource_type}", code="insufficient_scope")

    def _next(self, bundle: Resource) -> str:
        """The next page, if it is on this server: the token goes nowhere else."""
        for link in resources.objects(bundle.get("link")):
            url = resources.text(link.get("url"))
            if link.get("relation") == "next" and url:
                bare = url.partition("?")[0]
                if not f"{tenant_key(bare)}/".startswith(f"{tenant_key(self._base)}/"):
                    raise Rejected("the next page is on another server", code="elsewhere")
                return url
        return ""

    def _get(self, url: str) -> Resource:
        try:
            response = self._door.send("GET", url, headers=self._headers)
        except Ambiguous as error:
            raise Retryable(str(error)) from error
        self._judge(response)
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        if not isinstance(body, dict) or not isinstance(body.get("resourceType"), str):
            raise Rejected("the EHR's answer is no FHIR resource", code="invalid_answer")
        return body

    def _judge(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        status = response.status_code
        codes = _outcome_codes(response)
        if codes & self._vendor.refusals:
            raise Rejected("the EHR's privacy policy does not open this record here", code=BREAK_THE_GLASS)
        if status in BUSY or response.is_server_error:
            raise Retryable(f"the EHR answered {status}", retry_after=retry_after(response))
        if status in GONE:
            raise Rejected("the EHR does not have this resource", code=str(status))
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise Rejected("the EHR does not allow this", code=str(status))
        raise Misconfigured(f"the EHR answered {status}", code=str(status))


def _outcome_codes(response: httpx.Response) -> set[str]:
    """The codes of an OperationOutcome; its words may be about the patient and are left."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return set()
    return {
        resources.text(coding.get("code"))
        for issue in resources.objects(resources.one(body).get("issue"))
        for coding in resources.objects(resources.one(issue.get("details")).get("coding"))
    }
