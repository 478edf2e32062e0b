"""Functional of the portal."""
