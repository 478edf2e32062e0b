"""A sandbox ERP that speaks the OData v2 services of SAP S/4HANA."""

from integrations.sandbox.erp.app import LOGIN, create_app, serve

__all__ = ["LOGIN", "create_app", "serve"]
