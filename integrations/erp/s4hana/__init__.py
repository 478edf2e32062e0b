"""SAP S/4HANA over its OData v2 services."""

from integrations.erp.s4hana.adapter import S4Hana

__all__ = ["S4Hana"]
