"""Unit of the portal."""
