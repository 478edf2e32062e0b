"""SAP Business Network (formerly Ariba Network), cXML over HTTPS."""

from integrations.network.sap_business_network.adapter import SapBusinessNetwork

__all__ = ["SapBusinessNetwork"]
