"""Contracts of the portal."""
