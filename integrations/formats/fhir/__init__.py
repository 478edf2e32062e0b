"""FHIR R4: resources read into canonical uses, requests printed, faults said as OperationOutcome."""
