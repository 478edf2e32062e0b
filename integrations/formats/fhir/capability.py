"""What our FHIR R4 endpoint can do, as a CapabilityStatement (FHIR 4.0.1, RESTful API, capabilities)."""

from integrations.formats.fhir.validation import Resource

CHANGED_ON = "2026-11-22"  # of this statement
TAKEN = ("Procedure", "Device", "DeviceUseStatement", "SupplyDelivery", "ChargeItem")
SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"


def capability_statement(base_url: str, software: str) -> Resource:
    """The statement of the endpoint at this address."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": CHANGED_ON,
        "kind": "instance",
        "software": {"name": software},
        "implementation": {"description": f"{software}: supplies used and requested", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "documentation": (
                    f"POST a Bundle to this address, or one resource alone: {', '.join(TAKEN)}. It is stored "
                    "whole, answered by an OperationOutcome, and applied a moment later. The same Bundle "
                    "(identifier, else id, else content) counts once. Nothing of it can be read back."
                ),
                "security": {
                    "service": [{"coding": [{"system": SECURITY, "code": "Basic"}]}],
                    "description": "Basic, or a bearer token, with the credentials of this partner.",
                },
                "resource": [_readable()],
                "interaction": [{"code": "batch"}],
            }
        ],
    }


def _readable() -> Resource:
    return {
        "type": "SupplyRequest",
        "documentation": "The lines of a requisition; the id is its number, with -1, -2 … for one line.",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": [
            {"name": "identifier", "type": "token", "documentation": "The number of the requisition."}
        ],
    }
