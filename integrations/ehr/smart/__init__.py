"""SMART App Launch 2.2 with FHIR R4: Epic, Oracle Health, MEDITECH and others."""

from integrations.ehr.smart.adapter import Smart

__all__ = ["Smart"]
