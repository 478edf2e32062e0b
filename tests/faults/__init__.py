"""Faults of the portal."""
