"""A sandbox procurement network with suppliers, speaking cXML as SAP Business Network does."""
