"""Bench of the portal."""
